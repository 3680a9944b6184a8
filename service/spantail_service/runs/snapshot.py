"""The present state of a run: its spans as a snapshot, one span whole, the run's figures.

Stored states are bytes that go out as they are. Only a snapshot without details may have to parse one, to leave things
out.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson

from spantail_exporters.model import keys
from spantail_exporters.model.event_parts import BESIDE_ATTRIBUTES
from spantail_service.errors import SpanNotFoundError, TooLargeError
from spantail_service.runs.absence import is_awaited, waiting_status, why_missing
from spantail_service.runs.clock_skew import Clocks, Skews, marked
from spantail_service.runs.clock_skew_cache import ClockSkewCache, Version
from spantail_service.runs.links import NO_LINKS, LinkTemplates
from spantail_service.runs.meta import RunMeta, RunState, parse_meta, parse_state, summary
from spantail_service.runs.sources import UNKNOWN, read_sources, read_tables
from spantail_service.runs.span_target import target_of, with_target
from spantail_service.storage.run_writes import now_us

if TYPE_CHECKING:
    from redis.asyncio import Redis

MOST_SPANS = 250_000
"""Of a run with more there is no snapshot, only windows: it would take gigabytes to make it."""

_SCAN = 2_500  # spans per HSCAN step, a millisecond: Redis answers others in between
_DERIVED = b',"derived":['  # within a text its quotes are escaped
_ATTRIBUTES = b',"attributes":'
_DETAIL = ("attributes", *BESIDE_ATTRIBUTES, "span_events", "links")


class RunSnapshots:
    """Reads what is known of runs. One per process."""

    def __init__(self, redis: Redis, links: LinkTemplates = NO_LINKS) -> None:
        self._redis = redis
        self._links = links
        self._clocks = ClockSkewCache(redis)

    async def snapshot(self, run_id: str, *, tree: bool, most: int = MOST_SPANS) -> bytes:
        """The snapshot of a run, as JSON: `{run, resources, scopes, spans, next_index, epoch}`.

        `next_index` is read before the spans: a span that is read later may be newer than it, never older. So whoever
        takes the snapshot and follows the tail from `next_index` on misses nothing. What the spans come from is read
        after them.

        Args:
            run_id: The run.
            tree: Leave out what only a span's details need: attributes, span events, links, tracebacks. Of the
                attributes stays what a row says of them: `target`.
            most: Make none of a run with more spans.

        Raises:
            RunNotFoundError, RunExpiredError: it was never heard of, or its data has expired.
            TooLargeError: it has more than `most` spans, or than `MOST_SPANS`.
        """
        run_keys = keys.run_keys(run_id)
        meta, layers, state = await self._meta(run_id)
        if meta is None:
            nothing: dict[str, Any] = {"resources": {}, "scopes": {}, "spans": [], "next_index": 0, "epoch": None}
            return orjson.dumps({"run": await self._waiting(run_id, state), **nothing})
        most = min(most, MOST_SPANS)
        if meta.spans > most:
            raise TooLargeError(
                f"The run has {meta.spans:,} spans, and a snapshot at most {most:,}. "
                f"Read it in parts: /api/traces/{run_id}/window",
                kind="run-too-large",
            )
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
        sources = (await read_tables(self._redis, run_id))._asdict()
        head = orjson.dumps({"run": run, **sources, "next_index": meta.next_index, "epoch": meta.epoch})
        # In a thread: parsing 100,000 states takes a second that the other viewers should not wait for.
        return await asyncio.to_thread(_joined, head, list(spans.values()), skews, tree=tree)

    async def span(self, run_id: str, span_id: str) -> bytes:
        """The latest state of one span, as JSON, with its resource and scope where these are known.

        Where its clock is thought wrong, `clock_skew_us` is in it.

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
        if next_index is None and not await is_awaited(self._redis, run_id):
            raise await why_missing(self._redis, run_id, self._links)
        raise SpanNotFoundError

    def know_clocks(self, run_id: str, epoch: str | None, next_index: int, skews: Skews) -> None:
        """Take what was found out about a run's clocks by somebody who has looked at all of its spans."""
        self._clocks.take(run_id, Version(epoch, next_index), skews)

    async def _with_sources(self, run_id: str, state: bytes) -> bytes:
        span = orjson.loads(state)
        named = {"resource_details": f"r:{span.get('resource')}", "scope_details": f"s:{span.get('scope')}"}
        if "resource" not in span and "scope" not in span:
            return state
        tables: Any = await self._redis.hmget(keys.run_keys(run_id).sources, list(named.values()))
        known = [b',"%b":%b' % (name.encode(), table) for name, table in zip(named, tables, strict=True) if table]
        return b"%b%b}" % (state[:-1], b"".join(known))

    async def run(self, run_id: str) -> dict[str, Any]:
        """One run with its totals and layers.

        Raises:
            RunNotFoundError, RunExpiredError: it was never heard of, or its data has expired.
        """
        meta, layers, state = await self._meta(run_id)
        if meta is None:
            return await self._waiting(run_id, state)
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

    async def _waiting(self, run_id: str, state: RunState | None) -> dict[str, Any]:
        """A run that was started and has stored nothing yet; raises why there is nothing where that is not so."""
        status = await waiting_status(self._redis, run_id, state)
        if status is None:
            raise await why_missing(self._redis, run_id, self._links)
        return {**summary(run_id, None, state, None), "status": status}

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


def _joined(head: bytes, states: list[bytes], skews: Skews, *, tree: bool) -> bytes:
    if skews.by_clock:
        states = [marked(without_details(state) if tree else state, skews.of(state)) for state in states]
    elif tree:
        states = list(map(without_details, states))
    # one join of byte strings alone: a large one lets the other threads go on
    parts = [head[:-1], b',"spans":[']
    for state in states:
        parts += (state, b",")
    if states:
        parts.pop()
    parts.append(b"]}")
    return b"".join(parts)


def flat_attributes(state: bytes) -> int:
    """Where a state can be cut off, so that its attributes alone are missing; -1 where that is not sure.

    Where the first brace that closes after them is the last but one, nothing else follows them, and they are the span's
    own; what may follow is the list of those that were derived.
    """
    at = state.find(_ATTRIBUTES + b"{")
    end = state.find(b"}", at) if at > 0 else -1
    if end == len(state) - 2 or (
        end > 0 and state.startswith(_DERIVED, end + 1) and state.find(b"}", end + 1) == len(state) - 1
    ):
        return at
    return -1


def without_details(state: bytes) -> bytes:
    """One span without what only its details need, but with what it was directed at (`target`).

    Most states end with flat attributes: those are cut off as text, at a tenth of what parsing costs.
    """
    at = flat_attributes(state)
    if at > 0:
        head = state[:at]
        # Quotes within a text are escaped: these are names. Our own encoder puts none of them there.
        if b'"span_events":' not in head and b'"links":' not in head and b'"traceback":' not in head:
            return with_target(state, at)
    span = orjson.loads(state)
    attributes = span.get("attributes")
    target = target_of(span.get("kind"), span.get("span_kind"), attributes) if isinstance(attributes, dict) else None
    for key in _DETAIL:
        span.pop(key, None)
    if target is not None:
        span["target"] = target
    error = span.get("error")
    if error:
        error.pop("traceback", None)
    return orjson.dumps(span)
