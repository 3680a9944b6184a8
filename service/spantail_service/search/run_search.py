"""Searches one run: the states of its spans and the log lines of its tail, as much of them as one request may."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from spantail_exporters.model import keys
from spantail_service.bounds.turns import Turns
from spantail_service.errors import CallerLeftError
from spantail_service.runs.absence import waiting_status, why_missing
from spantail_service.runs.links import NO_LINKS, LinkTemplates
from spantail_service.runs.meta import parse_state
from spantail_service.search.hits import Collector, Hit, Place, parse_cursor
from spantail_service.search.query import parse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from redis.asyncio import Redis

MAX_HITS: Final = 1_000
MAX_BYTES: Final = 128 * 1_048_576
"""Stored bytes that one request looks through, about."""
MAX_PARSED: Final = 50_000
"""States and log lines that one request parses, about."""
MAX_WAITING: Final = 20
"""Searches of a process that may wait for their turn."""

_AT_A_TIME: Final = 2  # searches of a process: their work holds the others up
_SPANS: Final = 1_000  # an HSCAN step: keeps Redis responsive
_ENTRIES: Final = 16  # of the tail a step: each is a batch of events


class Found(NamedTuple):
    """What a request has found."""

    hits: list[Hit]
    found: int
    """Hits in the part of the run that this request has looked through."""
    is_whole: bool
    """That part is the whole run."""
    next_cursor: str | None


class RunSearch:
    """Searches runs, a few at a time. One per process.

    Args:
        redis: Where the runs are.
        links: Where a run may be found that has expired.
        max_bytes: Stored bytes that one request looks through, about.
    """

    def __init__(self, redis: Redis, links: LinkTemplates = NO_LINKS, *, max_bytes: int = MAX_BYTES) -> None:
        self._redis = redis
        self._links = links
        self._max_bytes = max_bytes
        self._turns = Turns(_AT_A_TIME, MAX_WAITING, retry_after_s=1)

    async def search(
        self, run_id: str, query: str, *, cursor: str | None, limit: int, has_left: Callable[[], Awaitable[bool]]
    ) -> Found:
        """The first hits behind `cursor`, by start.

        A run that is too large for one request is looked through part by part; within each part hits come by start.

        Args:
            run_id: The run.
            query: Words and conditions, see `query.parse`.
            cursor: Where the answer before ended; None for the beginning.
            limit: Most hits.
            has_left: Whether whoever asked does not wait any more.

        Raises:
            InputRefusedError: `query` or `cursor` is malformed.
            RunNotFoundError, RunExpiredError: it was never heard of, or its data has expired.
            UnavailableError: too many searches wait.
            CallerLeftError: as `has_left` says.
        """
        terms, place = parse(query), parse_cursor(cursor)
        async with self._turns.turn(has_left):
            await self._check(run_id)
            collector = Collector(terms, place.after, limit)
            return await _Walk(self._redis, run_id, collector, self._max_bytes, has_left).result(place)

    async def _check(self, run_id: str) -> None:
        run_keys = keys.run_keys(run_id)
        pipe = self._redis.pipeline(transaction=False)
        pipe.hget(run_keys.meta, "next")
        pipe.get(run_keys.state)
        next_index, state = await pipe.execute()
        if next_index is None and await waiting_status(self._redis, run_id, parse_state(state)) is None:
            raise await why_missing(self._redis, run_id, self._links)


class _Walk:
    """One request's way through a run."""

    def __init__(
        self,
        redis: Redis,
        run_id: str,
        collector: Collector,
        max_bytes: int,
        has_left: Callable[[], Awaitable[bool]],
    ) -> None:
        self._redis = redis
        self._keys = keys.run_keys(run_id)
        self._collector = collector
        self._left_bytes = max_bytes
        self._has_left = has_left

    async def result(self, place: Place) -> Found:
        """What is found from `place` on."""
        end = await (self._spans(place.at) if place.part == "spans" else self._events(place.at))
        collector = self._collector
        hits = await asyncio.to_thread(collector.first)
        following = end
        if collector.left_out:
            # the same part again, from the last hit on
            following = place._replace(after=(hits[-1].start, hits[-1].id))
        began = place.part == "spans" and place.at == 0
        next_cursor = following.cursor if following is not None else None
        return Found(hits, collector.found, is_whole=began and end is None, next_cursor=next_cursor)

    async def _spans(self, cursor: int) -> Place | None:
        """Look at the spans from a cursor on, then at the tail; answers where the next part begins."""
        while True:
            answer: Any = await self._redis.hscan(self._keys.spans, cursor, count=_SPANS)
            cursor, page = int(answer[0]), list(answer[1].values())
            # In a thread: a page takes milliseconds that everybody else would wait for.
            await asyncio.to_thread(self._collector.look_at_spans, page)
            self._left_bytes -= sum(map(len, page))
            if cursor == 0:
                return await self._events(0)
            if self._is_over or await self._gone():
                return Place("spans", cursor)

    async def _events(self, since: int) -> Place | None:
        """Look at the tail from an index on; answers where the next part begins."""
        while True:
            entries: Any = await self._redis.xrange(self._keys.buffer, f"0-{since + 1}", "+", count=_ENTRIES)
            for entry_id, fields in entries:
                since = int(entry_id.partition(b"-")[2])
                batch: bytes = fields[b"b"]
                self._left_bytes -= len(batch)
                if b'"event":"log"' in batch:
                    first = since - int(fields[b"n"])
                    await self._lines(first, batch.split(b"\n"))
            if len(entries) < _ENTRIES:
                return None
            if self._is_over or await self._gone():
                return Place("events", since)

    @property
    def _is_over(self) -> bool:
        return self._left_bytes <= 0 or self._collector.parsed >= MAX_PARSED

    async def _gone(self) -> bool:
        if await self._has_left():
            raise CallerLeftError
        return False

    async def _lines(self, first_seq: int, events: list[bytes]) -> None:
        lines = await asyncio.to_thread(self._collector.look_at_lines, first_seq, events)
        span_ids = [line.span_id for line in lines if line.span_id is not None]
        states: Any = await self._redis.hmget(self._keys.spans, span_ids) if span_ids else []
        await asyncio.to_thread(self._collector.take_lines, lines, states)
