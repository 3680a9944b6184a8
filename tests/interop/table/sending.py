"""Sends the reference run to a program and waits until its API has all of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from tests.interop.table.comparison import ReadRun, Row, SentRun, compare
from tests.support.tools import ROOT
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from tests.interop.table.programs import Place

_SEND_S: Final = 120
_ARRIVES_S: Final = 60.0
_SETTLES_S: Final = 15.0
"""Sums are made after the spans are stored: a program that makes none is asked for so long."""


def row_of(name: str, place: Place, folder: Path) -> Row:
    """Send the run to a program and compare.

    Args:
        name: How the program is called in the table.
        place: Where it is.
        folder: A folder for what the sender writes.
    """
    sent = _send(place, folder)

    def has_all() -> ReadRun | None:
        read = place.read(sent.run_id)
        return read if read is not None and len(read.spans) >= len(sent.spans) else None

    read = eventually(has_all, _ARRIVES_S, what=f"{name} has the run")
    assert read is not None
    if read.cost_usd is None or read.tokens is None:
        return compare(name, sent, read)
    with suppress(AssertionError):  # where it says something else, so does the table
        eventually(lambda: _is_summed(sent, place.read(sent.run_id)), _SETTLES_S, what="sums")
    read = place.read(sent.run_id)
    assert read is not None
    return compare(name, sent, read)


def _is_summed(sent: SentRun, read: ReadRun | None) -> bool:
    return (
        read is not None
        and read.tokens == sent.tokens
        and round((read.cost_usd or 0) * 1e9) == round(sent.cost_usd * 1e9)
    )


def _send(place: Place, folder: Path) -> SentRun:
    settings = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": place.endpoint,
        "OTEL_METRICS_EXPORTER": "none",  # these programs take traces
        "PYTHONPATH": os.pathsep.join([str(ROOT), *map(str, (ROOT / "otel", ROOT / "exporters", ROOT / "service"))]),
        "XDG_CACHE_HOME": str(folder / "cache"),
    }
    if place.headers:
        settings["OTEL_EXPORTER_OTLP_HEADERS"] = place.headers
    base = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "SPANTAIL_"))}
    answer = subprocess.run(
        [sys.executable, "-m", "tests.interop.table.reference_run"],
        env=base | settings, cwd=folder, capture_output=True, text=True, timeout=_SEND_S, check=True,
    )  # fmt: skip
    said = json.loads(answer.stdout)
    return SentRun(said["run_id"], said["spans"])
