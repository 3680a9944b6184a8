"""Reading the tail of a run from Redis, page by page.

Stored events are bytes that go out as they are: a reader adds `"seq":N` after the brace and parses nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from spantail_exporters.model import keys
from spantail_service.runs.absence import waiting_status, why_missing
from spantail_service.runs.links import NO_LINKS, LinkTemplates
from spantail_service.runs.meta import RunMeta, parse_meta, parse_state
from spantail_service.storage.run_writes import now_us
from spantail_service.tail.frame import FRAME_BYTES, FrameHeader, numbered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis.asyncio import Redis

    from spantail_service.tail.frame import Frame

MAX_EVENTS = 1_000
"""The largest number of events in one frame."""

_FIRST_ENTRIES = 16  # of the tail; how large they are says how many more are read in one go
_GROWTH = 4


Entry: TypeAlias = tuple[int, int, bytes]
"""Of a tail: first seq, count, events joined by newlines."""


class Page(NamedTuple):
    """Some entries of a run's tail, and the run's figures of the same moment."""

    entries: list[Entry]
    meta: RunMeta
    layers: bytes


def is_reset(meta: RunMeta, since: int, epoch: str | None) -> bool:
    """Whether a reader who holds everything up to `since` of `epoch` cannot go on from there."""
    return not meta.first_index <= since <= meta.next_index or (epoch is not None and epoch != meta.epoch)


class RunReader:
    """Reads runs from Redis. One per process; holds no state about a run."""

    def __init__(self, redis: Redis, links: LinkTemplates = NO_LINKS) -> None:
        self._redis = redis
        self._links = links

    async def page(self, run_id: str, since: int, limit: int, *, newest: bool = False) -> Page:
        """What is stored of the tail from `since` on: the events asked for, maybe with some around them.

        Of events that are too large for one frame it is the first ones, with `newest` the last ones. A run that waits
        and has no data yet is an empty page.

        Raises:
            RunNotFoundError, RunExpiredError: it was never heard of, or its data has expired.
        """
        end = since + limit
        page, is_cut = await self._step(run_id, since, end, _FIRST_ENTRIES, newest=newest)
        while is_cut and (size := sum(len(events) for _, _, events in page.entries)) < FRAME_BYTES // 2:
            # as many more as one frame takes if they are as large as those, which says little of very many
            count = min((FRAME_BYTES - size) * len(page.entries) // size + 1, _GROWTH * len(page.entries))
            first, (at, events, _) = page.entries[0][0], page.entries[-1]
            if newest:
                more, is_cut = await self._step(run_id, since, first, count, newest=True)
                parts = more.entries, page.entries
            else:
                more, is_cut = await self._step(run_id, at + events, end, count, newest=False)
                parts = page.entries, more.entries
            if more.meta.epoch != page.meta.epoch or not _are_adjacent(*parts):
                return page  # another life of the run, or trimmed meanwhile
            page = Page([*parts[0], *parts[1]], more.meta, more.layers)
        return page

    async def _step(self, run_id: str, since: int, end: int, count: int, *, newest: bool) -> tuple[Page, bool]:
        """The first or the last `count` entries of the range, or one more; and whether they may not be all."""
        run_keys = keys.run_keys(run_id)
        # An entry's id is its last seq + 1. So the entries wholly inside the range are known by their ids, and one
        # more holds the rest: no more than one batch is read in vain.
        # MULTI, so that tail and status are of the same moment; one run's keys are in one cluster slot.
        pipe = self._redis.pipeline(transaction=True)
        if newest:
            pipe.xrevrange(run_keys.buffer, f"0-{end}", f"0-{since + 1}", count=count)
        else:
            pipe.xrange(run_keys.buffer, f"0-{since + 1}", f"0-{end}", count=count)
        pipe.xrange(run_keys.buffer, f"0-{end + 1}", "+", count=1)
        pipe.hgetall(run_keys.meta)
        pipe.get(run_keys.layers)
        inside, last, fields, layers = await pipe.execute()
        meta = parse_meta(fields, now_us())
        if meta is None:
            return await self._waiting(run_id), False
        is_cut = len(inside) == count
        stored = (*inside[::-1], *last) if newest else inside if is_cut else (*inside, *last)
        entries = []
        for entry_id, entry in stored:
            events = int(entry[b"n"])
            entries.append((int(entry_id.partition(b"-")[2]) - events, events, entry[b"b"]))
        first = entries[0][0] if entries else meta.next_index
        if meta.first_index <= since < first and not (newest and is_cut):
            # Less is there than the run says: Redis was short of memory and has evicted the tail, or somebody cut it.
            meta = meta._replace(first_index=first)
        if entries and entries[-1][0] >= end:
            del entries[-1]
        return Page(entries, meta, layers or b"[]"), is_cut

    async def frame(self, run_id: str, since: int, limit: int, epoch: str | None = None) -> Frame:
        """The events from `since` on, at most `limit`.

        A reader whose `since` is not in the tail any more, or beyond its head, or who comes with another
        `epoch`, gets `reset` and the events from `first_index`.

        Raises:
            RunNotFoundError, RunExpiredError: it was never heard of, or its data has expired.
        """
        page = await self.page(run_id, since, limit)
        reset = is_reset(page.meta, since, epoch)
        if reset:
            since = page.meta.first_index
            page = await self.page(run_id, since, limit)
            since = max(since, page.meta.first_index)  # trimmed again in between
            page = page._replace(meta=page.meta._replace(first_index=since))
        logs = numbered(page.entries, since, since + limit)
        return FrameHeader(run_id, page.meta, page.layers).frame(logs, since, reset=reset)

    async def frame_before(self, run_id: str, before: int, limit: int) -> Frame:
        """The last `limit` events with a `seq` below `before`, oldest first: paging backwards.

        The page before that one ends where this one's first `seq` is; there is none at `first_index`.
        """
        since = max(0, before - limit)
        page = await self.page(run_id, since, before - since, newest=True)
        logs = numbered(page.entries, since, before)
        return FrameHeader(run_id, page.meta, page.layers).page_back(logs, min(before, page.meta.next_index))

    async def _waiting(self, run_id: str) -> Page:
        stored: Any = await self._redis.get(keys.run_keys(run_id).state)
        status = await waiting_status(self._redis, run_id, parse_state(stored))
        if status is None:
            raise await why_missing(self._redis, run_id, self._links)
        return Page([], RunMeta(status, 0, 0, None, None, None, None, None, 0, 0, 0, {}, {}), b"[]")


def _are_adjacent(earlier: Sequence[Entry], later: Sequence[Entry]) -> bool:
    return not earlier or not later or earlier[-1][0] + earlier[-1][1] == later[0][0]
