"""docs/scaling.md: its figures are those that were measured, its loads are what `python -m bench.sizing` reckons."""

from __future__ import annotations

import re
from typing import Final

import pytest

from bench import sizing
from bench.figures import footprint
from spantail_service.settings import Settings
from tests.support.tools import ROOT

PAGE: Final = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
MEASURED: Final = (ROOT / "docs" / "explanation" / "overhead.md").read_text(encoding="utf-8")
LOADS: Final = [sizing.Load(1_000), sizing.Load(1_000_000)]


def test_the_loads_are_reckoned_as_the_program_does() -> None:
    assert sizing.table(LOADS) in PAGE, "put what `python -m bench.sizing` prints into docs/scaling.md"
    assert f"holds {sizing.most_runs_a_day(LOADS[0]):,} runs a day" in PAGE


def test_by_hand() -> None:
    """A million runs a day, without the program."""
    a_second = 1_000_000 / 86_400 * 3
    kept = a_second * (60 + 6 * 3_600)
    reckoned = dict(sizing.rows(LOADS[1]))
    assert reckoned["events a second"] == f"{a_second * 100:,.0f}" == "3,472"
    assert reckoned["of one core: Redis"] == f"{a_second * 100 * 15 / 1e4:.0f} %" == "5 %"
    assert reckoned["memory of Redis"] == f"{kept * 77_600 / 1e9:.0f} GB" == "58 GB"
    assert reckoned["primaries of 16 GB"] == "4"
    assert reckoned["runs at work at a time, and so places in runners"] == "2,084"
    for words in ("2,084 work at a time", "58 GB of memory", "Cluster of four primaries", f"{-(-2_084 // 16)} runners"):
        assert words in " ".join(PAGE.split())


@pytest.mark.parametrize(
    ("value", "row", "source"),
    [
        (sizing.EVENT_CLIENT_US, r"in the application \| (\d+) µs", r"(\d+) µs client and \d+ µs server CPU"),
        (sizing.EVENT_REDIS_US, r"in Redis \| (\d+) µs", r"\d+ µs client and (\d+) µs server CPU"),
        (sizing.EVENT_BYTES, r"way to Redis \| (\d+)", r"server CPU, (\d+) bytes each"),
        (
            sizing.OTLP_SPAN_US,
            r"by OTLP, service and Redis \| (\d+) µs",
            r"\| OTLP in, one worker,.*?(\d+) µs CPU each",
        ),
        (sizing.VIEWERS, r"no event lost \| ([\d,]+)", r"([\d,]+) on WebSockets"),
        (sizing.RUN_BYTES, r"bytes in Redis \| ([\d,]+)", None),
        (sizing.RUN_EVENTS, r"log lines: events \| (\d+)", None),
        (sizing.SPAN_JSON_BYTES, r"as JSON, in bytes \| (\d+)", None),
    ],
)
def test_a_figure_is_the_same_wherever_it_stands(value: int, row: str, source: str | None) -> None:
    for pattern, text in ((row, PAGE), (source, MEASURED)):
        if pattern is not None:
            found = re.findall(pattern, text)
            assert [number.replace(",", "") for number in found] == [str(value)], (
                "change bench/sizing.py and both pages"
            )


def test_the_run_is_the_one_that_is_measured() -> None:
    assert footprint.SPANS == sizing.RUN_SPANS
    assert 2 * footprint.SPANS + footprint.LINES == sizing.RUN_EVENTS
    most = Settings(redis_url="redis://127.0.0.1:1/0").limits.max_waiters
    assert f"takes {most:,} viewers at most" in PAGE


def test_every_sign_is_a_metric() -> None:
    known = (ROOT / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(spantail_\w+)`", PAGE))
    assert len(named) >= 3
    assert not {name for name in named if f"| `{name}` |" not in known}
