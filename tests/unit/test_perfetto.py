"""Lanes of a Perfetto file: spans that overlap stand on several, and many of them take no square of their number."""

from __future__ import annotations

from typing import Any

import orjson

from spantail_service.transfer.perfetto import perfetto_file

RUN = {"run_id": "r", "name": "n", "status": "completed", "cost_usd": 0}


def lanes(*spans: tuple[int, int, int, int | None]) -> list[int]:
    """The lane of each span, given as number, start, end and the number of its parent."""
    states = [
        orjson.dumps(
            {
                "span_id": f"{number:016x}", "start": start, "end": end, "name": str(number), "kind": "span",
                "parent_id": None if parent is None else f"{parent:016x}", "status": "ok", "ts": end,
            }
        )
        for number, start, end, parent in spans
    ]  # fmt: skip
    trace: dict[str, Any] = orjson.loads(perfetto_file(states, RUN, 0))
    found = {int(event["name"]): event["tid"] for event in trace["traceEvents"] if event["ph"] == "X"}
    return [found[number] for number, *_ in spans]


def test_children_stand_on_their_parent_and_what_overlaps_beside_it() -> None:
    assert lanes((1, 0, 100, None), (2, 10, 50, 1), (3, 20, 60, 1), (4, 60, 90, 1)) == [1, 1, 2, 1]


def test_the_first_empty_lane_is_taken() -> None:
    assert lanes((1, 0, 30, None), (2, 1, 20, None), (3, 2, 10, None), (4, 25, 40, None)) == [1, 2, 3, 2]
    assert lanes((1, 0, 10, None), (2, 5, 90, None), (3, 20, 40, 1), (4, 30, 50, None)) == [1, 2, 1, 3]


def test_very_many_that_overlap() -> None:
    many = 20_000
    assert lanes(*((number, number, 10**9, None) for number in range(1, many + 1))) == [*range(1, many + 1)]
