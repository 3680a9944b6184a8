"""docs/interoperability.md says what is so: Jaeger's line is measured anew, that of the libraries is read anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.exports.sources import SOURCES
from tests.interop.table.incoming import everything_seen, seen_of
from tests.interop.table.page import PAGE, written
from tests.interop.table.programs import JAEGER, of_jaeger
from tests.interop.table.sending import row_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.programs.jaegers import Jaeger


@pytest.mark.xdist_group("jaeger")
def test_what_jaeger_shows_of_our_run(jaeger: Jaeger, tmp_path: Path) -> None:
    row = row_of(JAEGER.name, of_jaeger(jaeger), tmp_path)
    assert row[1:5] == ("same",) * 4
    assert f"| {' | '.join(row)} |" in PAGE.read_text(encoding="utf-8")


def test_what_is_shown_of_libraries() -> None:
    text = PAGE.read_text(encoding="utf-8")
    lines = [line for line in written([], everything_seen()).splitlines() if line.startswith("|")]
    assert [line for line in lines if line not in text] == []


def test_every_library_has_its_version_and_its_calls() -> None:
    for seen in map(seen_of, SOURCES):
        assert seen.version, seen
        assert seen.calls, seen
        assert seen.spans >= seen.calls
