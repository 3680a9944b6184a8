"""Reads two runs and compares them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import orjson

from spantail_exporters.model import keys
from spantail_service.errors import TooLargeError
from spantail_service.runs.comparison.matching import Node, matched, tree_of
from spantail_service.runs.comparison.rows import answer_rows
from spantail_service.runs.comparison.spans import ComparedSpan, read

if TYPE_CHECKING:
    from collections.abc import Iterable

    from redis.asyncio import Redis

    from spantail_service.runs.snapshot import RunSnapshots

MOST_SPANS: Final = 150_000
"""Of one run: two of them are held at once."""
MOST_ROWS: Final = 50_000

_SCAN: Final = 1_000  # spans per step: Redis and the event loop stay responsive


class RunTooLargeError(TooLargeError):
    """A run has more spans than are compared."""

    kind = "run-too-large"


async def compare(redis: Redis, snapshots: RunSnapshots, run_id: str, other_id: str, limit: int) -> bytes:
    """Two runs side by side, as JSON: `{a, b, both, only_a, only_b, differing, left_out, rows}`.

    Args:
        redis: Where the runs are.
        snapshots: Reads what is known of each run as a whole.
        run_id: Run `a`.
        other_id: Run `b`.
        limit: The most rows to answer. Where there are more, those that differ go before those that do not.

    Raises:
        RunNotFoundError, RunExpiredError: there is no such run, or not any more.
        RunTooLargeError: one has more than `MOST_SPANS` spans.
    """
    runs = [await snapshots.run(each) for each in (run_id, other_id)]
    for run in runs:
        if run["spans"] > MOST_SPANS:
            raise RunTooLargeError(
                f"Run {run['run_id']} has {run['spans']:,} spans; runs of up to {MOST_SPANS:,} are compared."
            )
    trees = [await _tree(redis, each) for each in (run_id, other_id)]
    return await asyncio.to_thread(_answer, runs, trees, limit)


async def _tree(redis: Redis, run_id: str) -> list[Node]:
    spans: dict[str, ComparedSpan] = {}  # a scan may return a field twice
    cursor = 0
    while True:
        answer: Any = await redis.hscan(keys.run_keys(run_id).spans, cursor, count=_SCAN)
        cursor, found = answer
        for span in await asyncio.to_thread(_read_all, found.values()):
            spans[span.span_id] = span
        if cursor == 0 or len(spans) > MOST_SPANS:
            return await asyncio.to_thread(tree_of, spans.values())


def _read_all(states: Iterable[bytes]) -> list[ComparedSpan]:
    return [span for span in map(read, states) if span is not None]


def _answer(runs: list[dict[str, Any]], trees: list[list[Node]], limit: int) -> bytes:
    rows, counts = answer_rows(matched(*trees), limit)
    left_out = counts.both + counts.only_a + counts.only_b - len(rows)
    return orjson.dumps({"a": runs[0], "b": runs[1], **counts._asdict(), "left_out": left_out, "rows": rows})
