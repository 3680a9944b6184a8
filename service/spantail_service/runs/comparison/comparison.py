"""Reads two runs and compares them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import orjson

from spantail_exporters.model import keys
from spantail_service.errors import TooLargeError
from spantail_service.runs.comparison.matching import Rows, Tree
from spantail_service.runs.comparison.rows import answer_rows
from spantail_service.runs.comparison.spans import ComparedSpans, Shared

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
    shared = Shared()
    trees = [await _tree(redis, each, shared) for each in (run_id, other_id)]
    return await asyncio.to_thread(_answer, runs, trees, limit)


async def _tree(redis: Redis, run_id: str, shared: Shared) -> Tree:
    spans = ComparedSpans(shared)
    cursor = 0
    while True:
        answer: Any = await redis.hscan(keys.run_keys(run_id).spans, cursor, count=_SCAN)
        cursor, found = answer
        await asyncio.to_thread(_add_all, spans, found.values())
        if cursor == 0 or len(spans) > MOST_SPANS:
            return await asyncio.to_thread(Tree, spans)


def _add_all(spans: ComparedSpans, states: Iterable[bytes]) -> None:
    for state in states:
        spans.add(state)


def _answer(runs: list[dict[str, Any]], trees: list[Tree], limit: int) -> bytes:
    rows, counts = answer_rows(Rows(*trees), limit)
    left_out = counts.both + counts.only_a + counts.only_b - len(rows)
    return orjson.dumps({"a": runs[0], "b": runs[1], **counts._asdict(), "left_out": left_out, "rows": rows})
