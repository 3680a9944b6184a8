"""Reading a run: its tail as poll frames, its spans as a snapshot.

Stored events are bytes that go out as they are: a reader adds ``"seq":N`` after the brace and parses
nothing. Only ``fields=tree`` parses, to leave things out.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from spantail_exporters import keys
from spantail_service.errors import ProblemError
from spantail_service.run_meta import RunMeta, RunState, parse_meta, parse_state, summary
from spantail_service.store import now_us

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from spantail_service.wakeups import WakeUps

MAX_EVENTS = 1_000
"""Most events in one frame (design §7)."""
MAX_WAIT_S = 30.0
"""Longest long poll (design §7)."""

_SCAN = 1_000  # spans per HSCAN step: keeps Redis responsive while a large run is read
_DETAIL = ("attributes", "span_events", "links")


class Frame(NamedTuple):
    """One answer to a poll."""

    body: bytes
    """The JSON of design §7, ready to send."""
    events: int
    reset: bool
    settled: bool
    """The run has settled and the reader has all of it."""


class RunReader:
    """Reads runs from Redis. One per process; holds no state about a run."""

    def __init__(self, redis: Redis, wakeups: WakeUps) -> None:
        self._redis = redis
        self._wakeups = wakeups

    async def frame(self, run_id: str, since: int, limit: int, epoch: str | None = None) -> Frame:
        """The events from ``since`` on, at most ``limit``.

        A reader whose ``since`` is not in the tail any more, or beyond its head, or who comes with another
        ``epoch``, gets ``reset`` and the events from ``first_index``.

        Raises:
            ProblemError: 404 for a run never heard of, 410 for one whose data has expired.
        """
        entries, meta, layers = await self._read(run_id, since, limit)
        if meta is None:
            return await self._frame_without_data(run_id, since)
        reset = not meta.first_index <= since <= meta.next_index or (epoch is not None and epoch != meta.epoch)
        if reset:
            since = meta.first_index
            entries, meta, layers = await self._read(run_id, since, limit)
            if meta is None:
                return await self._frame_without_data(run_id, since)
        return _frame(run_id, meta, layers, _numbered(entries, since, since + limit), since, reset=reset)

    async def frame_before(self, run_id: str, before: int, limit: int) -> Frame:
        """The last ``limit`` events with a ``seq`` below ``before``, oldest first: paging backwards.

        The page before that one ends where this one's first ``seq`` is; there is none at ``first_index``.
        """
        since = max(0, before - limit)
        entries, meta, layers = await self._read(run_id, since, before - since)
        if meta is None:
            return await self._frame_without_data(run_id, since)
        logs = _numbered(entries, since, before)
        return _frame(run_id, meta, layers, logs, min(before, meta.next_index), reset=False, backwards=True)

    async def wait_frame(self, run_id: str, since: int, limit: int, epoch: str | None, wait_s: float) -> Frame:
        """As :meth:`frame`, but an answer without events is held back until something changes.

        Comes back after ``wait_s`` seconds at the latest, at once when the run has settled or when no more
        listeners are taken.
        """
        frame = await self.frame(run_id, since, limit, epoch)
        if frame.events or frame.reset or frame.settled or wait_s <= 0:
            return frame
        loop = asyncio.get_running_loop()
        deadline = loop.time() + min(wait_s, MAX_WAIT_S)
        async with self._wakeups.listen(keys.channel(run_id)) as listener:
            if listener is None:
                return frame
            while await listener.wait(deadline - loop.time()):
                frame = await self.frame(run_id, since, limit, epoch)
                if frame.events or frame.reset or frame.settled:
                    break
            return frame

    async def snapshot(self, run_id: str, *, tree: bool) -> bytes:
        """``{run, spans, next_index, epoch}``; with ``tree`` the spans come without their details.

        ``next_index`` is read before the spans: a span read later may be newer than it, never older, so
        snapshot and tail together have everything (design §6, invariant 3).
        """
        run_keys = keys.run_keys(run_id)
        meta, layers, state = await self._meta(run_id)
        if meta is None:
            if state is not None and state.status in ("queued", "running"):
                run = {**summary(run_id, None, state, None), "status": "queued"}
                return orjson.dumps({"run": run, "spans": [], "next_index": 0, "epoch": None})
            raise await self._missing(run_id)
        spans: dict[bytes, bytes] = {}
        cursor = 0
        while True:
            answer: Any = await self._redis.hscan(run_keys.spans, cursor, count=_SCAN)
            cursor, found = answer
            spans.update(found)  # a scan may return a field twice
            if cursor == 0:
                break
        root_json = spans.get(meta.root.encode()) if meta.root else None
        run = {
            **summary(run_id, meta, state, orjson.loads(root_json) if root_json else None),
            "layers": orjson.Fragment(layers),
            "first_index": meta.first_index,
            "expected_log_count": meta.expected,
        }
        # In a thread: parsing 100,000 states takes a second that the other viewers should not wait for.
        listed = await asyncio.to_thread(_trees, list(spans.values())) if tree else b",".join(spans.values())
        head = orjson.dumps({"run": run, "next_index": meta.next_index, "epoch": meta.epoch})
        return b'%b,"spans":[%b]}' % (head[:-1], listed)

    async def span(self, run_id: str, span_id: str) -> bytes:
        """The latest state of one span, whole.

        Raises:
            ProblemError: 404 or 410 as for a run; 404 when the run has no such span.
        """
        state: Any = await self._redis.hget(keys.run_keys(run_id).spans, span_id)
        if state is not None:
            return bytes(state)
        if not await self._redis.exists(keys.run_keys(run_id).meta):
            raise await self._missing(run_id)
        raise ProblemError(404, "unknown-span", "This run has no such span.")

    async def run(self, run_id: str) -> dict[str, Any]:
        """One run with its totals.

        Raises:
            ProblemError: 404 for a run never heard of, 410 for one whose data has expired.
        """
        meta, layers, state = await self._meta(run_id)
        if meta is None:
            if state is not None and state.status in ("queued", "running"):
                return {**summary(run_id, None, state, None), "status": "queued"}
            raise await self._missing(run_id)
        root = await self._redis.hget(keys.run_keys(run_id).spans, meta.root) if meta.root else None
        return {
            **summary(run_id, meta, state, orjson.loads(root) if root else None),
            "layers": orjson.loads(layers),
            "first_index": meta.first_index,
            "next_index": meta.next_index,
            "expected_log_count": meta.expected,
            "epoch": meta.epoch,
        }

    async def _read(
        self, run_id: str, since: int, limit: int
    ) -> tuple[list[tuple[int, int, bytes]], RunMeta | None, bytes]:
        """Tail entries as (first seq, count, events) that cover ``since`` to ``since + limit``, in one trip.

        An entry's id is its last seq + 1. So the entries wholly inside the range are known by their ids, and
        one more holds the rest: no more than one batch is read in vain.
        """
        run_keys = keys.run_keys(run_id)
        # MULTI, so that tail and status are of the same moment; one run's keys are in one cluster slot.
        pipe = self._redis.pipeline(transaction=True)
        pipe.xrange(run_keys.buffer, f"0-{since + 1}", f"0-{since + limit}")
        pipe.xrange(run_keys.buffer, f"0-{since + limit + 1}", "+", count=1)
        pipe.hgetall(run_keys.meta)
        pipe.get(run_keys.layers)
        inside, last, meta, layers = await pipe.execute()
        entries = []
        for entry_id, fields in (*inside, *last):
            count = int(fields[b"n"])
            entries.append((int(entry_id.partition(b"-")[2]) - count, count, fields[b"b"]))
        return entries, parse_meta(meta, now_us()), layers or b"[]"

    async def _meta(self, run_id: str) -> tuple[RunMeta | None, bytes, RunState | None]:
        run_keys = keys.run_keys(run_id)
        pipe = self._redis.pipeline(transaction=True)
        pipe.hgetall(run_keys.meta)
        pipe.get(run_keys.layers)
        pipe.get(run_keys.state)
        meta, layers, state = await pipe.execute()
        return parse_meta(meta, now_us()), layers or b"[]", parse_state(state)

    async def _frame_without_data(self, run_id: str, since: int) -> Frame:
        stored: Any = await self._redis.get(keys.run_keys(run_id).state)
        state = parse_state(stored)
        if state is None or state.status not in ("queued", "running"):
            raise await self._missing(run_id)
        waiting = RunMeta("queued", 0, 0, None, None, None, None, None, 0, 0, 0, {}, {})
        return _frame(run_id, waiting, b"[]", [], 0, reset=since > 0)

    async def _missing(self, run_id: str) -> ProblemError:
        """Why a run has no data: expired (410) when the index or a run state still names it, else unknown."""
        if await self._redis.exists(keys.run_keys(run_id).state) or (
            await self._redis.zscore(keys.RUNS_RECENT, run_id) is not None
        ):
            return ProblemError(410, "run-expired", "This run's data has expired.")
        return ProblemError(404, "unknown-run", "No run with this id has been seen.")


def _numbered(entries: list[tuple[int, int, bytes]], since: int, end: int) -> list[bytes]:
    """The events with ``since <= seq < end``, each with its ``seq`` spliced in."""
    logs = []
    for first, count, events in entries:
        if first >= since and first + count <= end:
            for seq, event in enumerate(events.split(b"\n"), first):
                logs.append(b'{"seq":%d,%b' % (seq, event[1:]))
        else:
            for seq, event in enumerate(events.split(b"\n"), first):
                if since <= seq < end:
                    logs.append(b'{"seq":%d,%b' % (seq, event[1:]))
    return logs


def _frame(
    run_id: str,
    meta: RunMeta,
    layers: bytes,
    logs: list[bytes],
    since: int,
    *,
    reset: bool,
    backwards: bool = False,
) -> Frame:
    next_index = since if backwards else since + len(logs)
    settled = meta.expected is not None and next_index >= meta.next_index
    rest = orjson.dumps(
        {
            "next_index": next_index,
            "first_index": meta.first_index,
            "reset": reset,
            "epoch": meta.epoch,
            "expected_log_count": meta.expected,
            "layers": orjson.Fragment(layers),
            "backends": meta.backends,
            "dropped": meta.dropped,
            **meta.marks,
        }
    )
    # Status and run id are words of ours: they need no escaping.
    head = b'{"run_id":"%b","status":"%b","logs":[' % (run_id.encode(), meta.status.encode())
    return Frame(b"%b%b],%b" % (head, b",".join(logs), rest[1:]), len(logs), reset, settled)


def _trees(states: list[bytes]) -> bytes:
    return b",".join(map(_tree, states))


def _tree(state: bytes) -> bytes:
    """One span without what only its details need."""
    span = orjson.loads(state)
    for key in _DETAIL:
        span.pop(key, None)
    error = span.get("error")
    if error:
        error.pop("traceback", None)
    return orjson.dumps(span)
