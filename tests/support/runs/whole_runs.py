"""Whole runs as cases, see `tests/golden/whole_run/README.md`, and what the service makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import orjson

from spantail_service.trace_windows.clocks import RowClocks, row_clocks
from spantail_service.trace_windows.critical_path import critical_path
from spantail_service.trace_windows.extent import run_extent
from spantail_service.trace_windows.flame_layout import STILL, FlameLayout
from spantail_service.trace_windows.idle_gaps import idle_gaps
from spantail_service.trace_windows.minimap import MinimapWanted, minimap
from spantail_service.trace_windows.row_times import RowTimes, adjusted, as_sent
from spantail_service.trace_windows.span_row import row_of
from spantail_service.trace_windows.span_table import SpanTable

_FILE: Final = Path(__file__).parents[2] / "golden" / "whole_run" / "cases.json"
T0: Final = 1_795_308_986_000_000
WIDTH: Final = 40
LANES: Final = 4

Case = dict[str, Any]


def cases() -> list[Case]:
    """All of them."""
    found: list[Case] = orjson.loads(_FILE.read_bytes())["cases"]
    return found


def made_of(case: Case) -> Case:
    """What the service says of the spans of a case."""
    table = SpanTable()
    for span in case["spans"]:
        row = row_of(_state(span))
        assert row is not None
        table.add(row)
    table.finish()
    clocks = row_clocks(table)
    now = _us(case["now"])
    made: Case = {"skews": _skews(table, clocks), "as_sent": _seen(table, as_sent(table), now)}
    if made["skews"]:
        made["adjusted"] = _seen(table, adjusted(table, clocks), now)
    return made


def _seen(table: SpanTable, times: RowTimes, now: int) -> Case:
    near, whole = (run_extent(table, times, now, fits_all=fits_all) for fits_all in (False, True))
    assert near is not None
    assert whole is not None
    until = max(now, near.end) if table.running_rows else near.end
    frames = FlameLayout(table, times)
    return {
        "time": [_ms(near.start), _ms(near.end)],
        "outside": near.outside,
        "all": [_ms(whole.start), _ms(whole.end)],
        "gaps": [[_ms(begin), _ms(end)] for begin, end in idle_gaps(table, times, near.start, until)],
        "path": {
            _name(table, row): [[_ms(begin), _ms(end)] for begin, end in parts]
            for row, parts in sorted(critical_path(table, times, now, 1_000).parts.items(), key=lambda each: each[0])
        },
        "lanes": [
            [
                [_name(table, row), _ms(start), None if end == STILL else _ms(end)]
                for row, start, end in zip(lane.rows, lane.starts, lane.ends, strict=True)
            ]
            for lane in frames.lanes
        ],
        "minimap": minimap(table, times, MinimapWanted(near.start, max(near.start + 1, until), WIDTH, LANES, now)),
    }


def _state(span: Case) -> Case:
    state = {"status": "ok", "kind": "span", "rev": 1, **span}
    state.pop("id"), state.pop("parent")
    return state | {
        "span_id": span["id"].rjust(16, "0"),
        "parent_id": span["parent"] and span["parent"].rjust(16, "0"),
        "start": _us(span["start"]),
        "end": None if span["end"] is None else _us(span["end"]),
    }


def _skews(table: SpanTable, clocks: RowClocks) -> dict[str, float]:
    found = {_name(table, row): clocks.of(table, row) for row in table.rows.values()}
    return {name: skew / 1_000 for name, skew in found.items() if skew is not None}


def _name(table: SpanTable, row: int) -> str:
    return f"{table.ids[row]:x}"


def _us(ms: float) -> int:
    return T0 + round(ms * 1_000)


def _ms(us: int) -> float:
    return (us - T0) / 1_000
