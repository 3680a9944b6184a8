"""The newest runs with their spans, one by one, within bounds: what every search looks through."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from spantail_service.bounds.turns import Turns
from spantail_service.runs.filter import RunFilter
from spantail_service.runs.sources import NO_SOURCES, read_tables
from spantail_service.transfer.whole_run import read_states

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable

    from redis.asyncio import Redis

    from spantail_service.runs.index import RunIndex
    from spantail_service.runs.sources import Sources

MAX_RUNS: Final = 500
"""Runs that one search looks into, the newest ones."""
MAX_SPANS_A_RUN: Final = 2_000
"""Spans of one run that a search looks at, about."""
LONGEST_US: Final = 3_600_000_000
"""A run that has ended is found by a time within it when it took no longer than this."""

MAX_WAITING: Final = 20
"""Searches of a process that may wait for a slot."""

_PAGE: Final = 50
_AT_A_TIME: Final = 2  # searches of a process: their work holds the others up


class Period(NamedTuple):
    """A time that a run has to touch (µs since the epoch, the end is outside); `None` is open."""

    start_us: int | None = None
    end_us: int | None = None


class Looked(NamedTuple):
    """One run that was looked into."""

    run: dict[str, Any]
    """Its summary, as in the list of runs."""
    states: list[bytes]
    sources: Sources = NO_SOURCES
    """What the spans come from."""


class Walk:
    """One pass over the newest runs, which counts what was looked at."""

    def __init__(self, redis: Redis, runs: RunIndex, within: Period, most_spans: int) -> None:
        self._redis = redis
        self._runs = runs
        self._within = within
        self._most_spans = most_spans
        self.runs = 0
        """Runs that were looked into."""
        self.whole = 0
        """… of which every span was."""
        self.spans = 0
        self.bytes = 0
        self.left_out = 0
        """1 when there may be more runs, beyond the bounds."""
        self._steps = self._through()

    def __aiter__(self) -> AsyncGenerator[Looked]:
        """The runs that touch the time asked for and have spans, newest first; those that still go on from before
        come last.
        """
        return self._steps

    async def close(self) -> None:
        """Stop here."""
        await self._steps.aclose()

    async def _through(self) -> AsyncGenerator[Looked]:
        for wanted in self._filters():
            cursor: str | None = None
            listed = 0
            while listed == 0 or cursor is not None:
                if listed >= 2 * MAX_RUNS:  # runs of another time are passed over, but not for ever
                    self.left_out = 1
                    return
                page = await self._runs.page(cursor, _PAGE, wanted)
                listed += _PAGE
                cursor = page.next_cursor
                for run in page.runs:
                    if not run["spans"] or not self._touches(run):
                        continue
                    if self.runs == MAX_RUNS or self.spans >= self._most_spans:
                        self.left_out = 1
                        return
                    yield await self._look(run)

    def _filters(self) -> list[RunFilter]:
        start, end = self._within
        if start is None:
            return [RunFilter(started_before=end)]
        oldest = max(0, start - LONGEST_US)
        still = [RunFilter(statuses=("running",), started_before=oldest)] if oldest else []
        return [RunFilter(started_from=oldest, started_before=end), *still]

    def _touches(self, run: dict[str, Any]) -> bool:
        start, end = self._within.start_us, run["end"]
        return start is None or end is None or bool(end >= start)

    async def _look(self, run: dict[str, Any]) -> Looked:
        states = await read_states(self._redis, run["run_id"], MAX_SPANS_A_RUN)
        sources = await read_tables(self._redis, run["run_id"])
        self.runs += 1
        self.whole += len(states) >= run["spans"]
        self.spans += len(states)
        self.bytes += sum(map(len, states))
        return Looked(run, states, sources)


class RecentRuns:
    """Searches through the newest runs, a few at a time."""

    def __init__(self, redis: Redis, runs: RunIndex) -> None:
        self._redis = redis
        self._runs = runs
        self._turns = Turns(_AT_A_TIME, MAX_WAITING, retry_after_s=5)

    @asynccontextmanager
    async def walk(
        self, within: Period, most_spans: int, has_left: Callable[[], Awaitable[bool]]
    ) -> AsyncIterator[Walk]:
        """A pass over the runs that touch `within`, until about `most_spans` spans; waits for a free slot.

        Raises:
            UnavailableError: too many wait.
            CallerLeftError: whoever asked has left meanwhile, by `has_left`.
        """
        async with self._turns.turn(has_left):
            walk = Walk(self._redis, self._runs, within, most_spans)
            try:
                yield walk
            finally:
                await walk.close()
