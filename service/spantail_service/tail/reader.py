"""Reading a run from Redis: pages of its tail, its spans as a snapshot.

Stored events are bytes that go out as they are: a reader adds ``"seq":N`` after the brace and parses
nothing. Only ``fields=tree`` may have to parse a state, to leave things out.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import orjson

from spantail_exporters.model import keys
from spantail_exporters.model.event_parts import BESIDE_ATTRIBUTES
from spantail_service.errors import DomainError, SpanNotFoundError
from spantail_service.runs.absence import why_missing
from spantail_service.runs.clock_skew import Clocks, Skews, marked
from spantail_service.runs.clock_skew_cache import ClockSkewCache, Version
from spantail_service.runs.links import LinkTemplates
from spantail_service.runs.meta import RunMeta, RunState, parse_meta, parse_state, summary
from spantail_service.runs.sources import UNKNOWN, read_sources, read_tables
from spantail_service.storage.run_writes import now_us
from spantail_service.tail.frame import FRAME_BYTES, Standing, numbered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis.asyncio import Redis

    from spantail_service.tail.frame import Frame

MAX_EVENTS = 1_000
"""Most events in one frame (design §7)."""

_FIRST_ENTRIES = 16  # of the tail; how large they are says how many more are read in one go
_GROWTH = 4
_SCAN = 1_000  # spans per HSCAN step: keeps Redis responsive while a large run is read
_DERIVED = b',"derived":['  # within a text its quotes are escaped
_DETAIL = ("attributes", *BESIDE_ATTRIBUTES, "span_events", "links")


Entry: TypeAlias = tuple[int, int, bytes]
"""Of a tail: first seq, count, events joined by newlines."""


class Page(NamedTuple):
    """A piece of a run's tail, and the run's figures of the same moment."""

    entries: list[Entry]
    meta: RunMeta
    layers: bytes


def is_reset(meta: RunMeta, since: int, epoch: str | None) -> bool:
    """Whether a reader who holds everything up to ``since`` of ``epoch`` cannot go on from there."""
    return not meta.first_index <= since <= meta.next_index or (epoch is not None and epoch != meta.epoch)


class RunReader:
    """Reads runs from Redis. One per process; holds no state about a run."""

    def __init__(self, redis: Redis, links: LinkTemplates = LinkTemplates()) -> None:  # noqa: B008
        self._redis = redis
        self._links = links
        self._clocks = ClockSkewCache(redis)

    async def page(self, run_id: str, since: int, limit: int, *, newest: bool = False) -> Page:
        """What is stored of the tail from ``since`` on: the events asked for, maybe with some around them.

        Of events that are too large for one frame it is the first ones, with ``newest`` the last ones. A run that waits
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
        """The first or the last ``count`` entries of the range, or one more; and whether they may not be all."""
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
        """The events from ``since`` on, at most ``limit``.

        A reader whose ``since`` is not in the tail any more, or beyond its head, or who comes with another
        ``epoch``, gets ``reset`` and the events from ``first_index``.

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
        return Standing(run_id, page.meta, page.layers).frame(logs, since, reset=reset)

    async def frame_before(self, run_id: str, before: int, limit: int) -> Frame:
        """The last ``limit`` events with a ``seq`` below ``before``, oldest first: paging backwards.

        The page before that one ends where this one's first ``seq`` is; there is none at ``first_index``.
        """
        since = max(0, before - limit)
        page = await self.page(run_id, since, before - since, newest=True)
        logs = numbered(page.entries, since, before)
        return Standing(run_id, page.meta, page.layers).page_back(logs, min(before, page.meta.next_index))

    async def snapshot(self, run_id: str, *, tree: bool) -> bytes:
        """``{run, resources, scopes, spans, next_index, epoch}``; with ``tree`` the spans come without their details.

        ``next_index`` is read before the spans: a span read later may be newer than it, never older, so
        snapshot and tail together have everything (design §6, invariant 3). What they come from is read after them.
        """
        run_keys = keys.run_keys(run_id)
        meta, layers, state = await self._meta(run_id)
        if meta is None:
            if state is not None and state.status in ("queued", "running"):
                run = {**summary(run_id, None, state, None), "status": "queued"}
                nothing: dict[str, Any] = {"resources": {}, "scopes": {}, "spans": [], "next_index": 0, "epoch": None}
                return orjson.dumps({"run": run, **nothing})
            raise await self._missing(run_id)
        spans: dict[bytes, bytes] = {}
        clocks = Clocks()
        cursor = 0
        while True:
            answer: Any = await self._redis.hscan(run_keys.spans, cursor, count=_SCAN)
            cursor, found = answer
            spans.update(found)  # a scan may return a field twice
            clocks.look(found.values())
            if cursor == 0:
                break
        version = Version(meta.epoch, meta.next_index)
        skews = await self._clocks.of_states(run_id, version, spans, several=clocks.are_several)
        root = spans.get(meta.root.encode()) if meta.root else None
        run = {
            **await self._summary(run_id, meta, state, root),
            "layers": orjson.Fragment(layers),
            "first_index": meta.first_index,
            "expected_log_count": meta.expected,
            **skews.as_json(),
        }
        # In a thread: parsing 100,000 states takes a second that the other viewers should not wait for.
        sources = (await read_tables(self._redis, run_id))._asdict()
        head = orjson.dumps({"run": run, **sources, "next_index": meta.next_index, "epoch": meta.epoch})
        return await asyncio.to_thread(_snapshot, head, list(spans.values()), skews, tree=tree)

    async def span(self, run_id: str, span_id: str) -> bytes:
        """The latest state of one span, whole: with what it comes from, where that is known, and with ``clock_skew_us``
        where its clock is thought wrong.

        Raises:
            RunNotFoundError, RunExpiredError: as for a run.
            SpanNotFoundError: the run has no such span.
        """
        run_keys = keys.run_keys(run_id)
        pipe = self._redis.pipeline(transaction=False)
        pipe.hget(run_keys.spans, span_id)
        pipe.hmget(run_keys.meta, "epoch", "next", "spans")
        state, (epoch, next_index, count) = await pipe.execute()
        if state is not None and next_index is not None:
            version = Version((epoch or b"").decode() or None, int(next_index))
            skews = await self._clocks.of_run(run_id, version, int(count or 0))
            return await self._with_sources(run_id, marked(state, skews.of(state)))
        if next_index is None:
            raise await self._missing(run_id)
        raise SpanNotFoundError

    async def _with_sources(self, run_id: str, state: bytes) -> bytes:
        span = orjson.loads(state)
        named = {"resource_details": f"r:{span.get('resource')}", "scope_details": f"s:{span.get('scope')}"}
        if "resource" not in span and "scope" not in span:
            return state
        tables: Any = await self._redis.hmget(keys.run_keys(run_id).sources, list(named.values()))
        known = [b',"%b":%b' % (name.encode(), table) for name, table in zip(named, tables, strict=True) if table]
        return b"%b%b}" % (state[:-1], b"".join(known))

    async def run(self, run_id: str) -> dict[str, Any]:
        """One run with its totals.

        Raises:
            RunNotFoundError, RunExpiredError: it was never heard of, or its data has expired.
        """
        meta, layers, state = await self._meta(run_id)
        if meta is None:
            if state is not None and state.status in ("queued", "running"):
                return {**summary(run_id, None, state, None), "status": "queued"}
            raise await self._missing(run_id)
        root: Any = await self._redis.hget(keys.run_keys(run_id).spans, meta.root) if meta.root else None
        skews = await self._clocks.of_run(run_id, Version(meta.epoch, meta.next_index), meta.spans)
        return {
            **await self._summary(run_id, meta, state, root),
            "layers": orjson.loads(layers),
            "first_index": meta.first_index,
            "next_index": meta.next_index,
            "expected_log_count": meta.expected,
            "epoch": meta.epoch,
            **skews.as_json(),
        }

    async def _summary(
        self, run_id: str, meta: RunMeta, state: RunState | None, root_json: bytes | None
    ) -> dict[str, Any]:
        root = orjson.loads(root_json) if root_json else None
        sources = await read_sources(self._redis, {run_id: root}) if root else {}
        return summary(run_id, meta, state, root, sources.get(run_id, UNKNOWN))

    async def _meta(self, run_id: str) -> tuple[RunMeta | None, bytes, RunState | None]:
        run_keys = keys.run_keys(run_id)
        pipe = self._redis.pipeline(transaction=True)
        pipe.hgetall(run_keys.meta)
        pipe.get(run_keys.layers)
        pipe.get(run_keys.state)
        meta, layers, state = await pipe.execute()
        return parse_meta(meta, now_us()), layers or b"[]", parse_state(state)

    async def _waiting(self, run_id: str) -> Page:
        stored: Any = await self._redis.get(keys.run_keys(run_id).state)
        state = parse_state(stored)
        if state is None or state.status not in ("queued", "running"):
            raise await self._missing(run_id)
        return Page([], RunMeta("queued", 0, 0, None, None, None, None, None, 0, 0, 0, {}, {}), b"[]")

    async def _missing(self, run_id: str) -> DomainError:
        return await why_missing(self._redis, run_id, self._links)


def _are_adjacent(earlier: Sequence[Entry], later: Sequence[Entry]) -> bool:
    return not earlier or not later or earlier[-1][0] + earlier[-1][1] == later[0][0]


def _snapshot(head: bytes, states: list[bytes], skews: Skews, *, tree: bool) -> bytes:
    if skews.by_clock:
        states = [marked(_tree(state) if tree else state, skews.of(state)) for state in states]
    elif tree:
        states = list(map(_tree, states))
    # one join of byte strings alone: a large one lets the other threads go on
    parts = [head[:-1], b',"spans":[']
    for state in states:
        parts += (state, b",")
    if states:
        parts.pop()
    parts.append(b"]}")
    return b"".join(parts)


def _tree(state: bytes) -> bytes:
    """One span without what only its details need.

    Most states end with flat attributes: those are cut off as text, at a tenth of what parsing costs. Where the first
    brace that closes after them is the last but one, nothing else follows them, and they are the span's own; what may
    follow is the list of those that were derived.
    """
    at = state.find(b',"attributes":{')
    end = state.find(b"}", at) if at > 0 else -1
    if end == len(state) - 2 or (
        end > 0 and state.startswith(_DERIVED, end + 1) and state.find(b"}", end + 1) == len(state) - 1
    ):
        head = state[:at]
        # Quotes within a text are escaped: these are names. Our own encoder puts none of them there.
        if b'"span_events":' not in head and b'"links":' not in head and b'"traceback":' not in head:
            return head + b"}"
    span = orjson.loads(state)
    for key in _DETAIL:
        span.pop(key, None)
    error = span.get("error")
    if error:
        error.pop("traceback", None)
    return orjson.dumps(span)
