"""Keeps the sums of each day, and those of sessions, up to date with the runs."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from redis.exceptions import ResponseError

from spantail_exporters.model import keys
from spantail_exporters.redis.errors import will_be_back
from spantail_service.bounds.cancel import cancel
from spantail_service.runs.meta import SILENCE_US, parse_meta, parse_models, parse_state
from spantail_service.runs.sessions import SessionKeeper
from spantail_service.runs.spending.booking import BOOK, Booking, amounts_of, book_call, day_of
from spantail_service.storage.lease import Lease
from spantail_service.storage.run_flags import mark_booked
from spantail_service.storage.run_writes import now_us

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis.asyncio import Redis

    from spantail_service.runs.meta import RunMeta, RunState

logger = logging.getLogger(__name__)

_LEASE_INTERVALS: Final = 5  # a bookkeeper that missed so many rounds is replaced
# a run that changed meanwhile has a new score, and stays
_BOOKED: Final = """
local ids, done = {}, {}
for i = 1, #ARGV, 2 do ids[#ids + 1] = ARGV[i] end
for i, score in ipairs(redis.call('ZMSCORE', KEYS[1], unpack(ids))) do
  if score == ARGV[2 * i] then done[#done + 1] = ids[i] end
end
if #done > 0 then redis.call('ZREM', KEYS[1], unpack(done)) end
"""
_VERSION: Final = (b"epoch", b"next", b"expected", b"root_start", b"last")
_REST: Final = 5  # so much longer than it works it rests: what comes in meanwhile is stored first
_MOST_WAITING: Final = 10_000  # runs: with more it does not rest, for their data expires
_PER_TRIP: Final = 50  # runs: two milliseconds of Redis and of the event loop, who serve others in between


class _Read(NamedTuple):
    """A run as it was just read."""

    run_id: str
    meta: RunMeta
    models: dict[str, dict[str, int]]
    state: RunState | None
    before: bool
    """It was booked before."""


class Bookkeeper:
    """Keeps the sums while its `async with` block lasts; of several services one does it at a time."""

    def __init__(self, redis: Redis, *, interval_s: float = 1.0) -> None:
        self._redis = redis
        self._interval_s = interval_s
        self._sessions = SessionKeeper(redis)
        self._lease = Lease(keys.SPEND_LEASE)
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._seen: dict[str, tuple[Any, ...]] = {}  # runs that go on, as they were last booked

    async def __aenter__(self) -> Self:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name="spantail-bookkeeper")
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        self._stopping.set()
        await cancel(self._task)

    async def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                if await self._execute(*self._lease.claim(int(self._interval_s * _LEASE_INTERVALS * 1_000))):
                    await self.book()
                else:
                    self._seen.clear()
            except Exception as error:
                if will_be_back(error):
                    logger.info("sums by day: Redis cannot be used at the moment: %s", error)
                else:
                    logger.exception("sums by day: a round failed")
            with suppress(TimeoutError):
                async with asyncio.timeout(self._interval_s):
                    await self._stopping.wait()

    async def book(self) -> None:
        """Book every run that may have spent something since it was booked last, on its day and in its sessions.

        Raises:
            ResponseError: some cannot be booked; the others are.
        """
        cursor = 0
        alive: set[str] = set()
        failed: dict[str, str] = {}
        rest = _REST if await self._redis.zcard(keys.RUNS_UNBOOKED) < _MOST_WAITING else 0
        while True:
            answer: Any = await self._redis.zscan(keys.RUNS_UNBOOKED, cursor, count=500)
            cursor, found = answer
            for i in range(0, len(found), _PER_TRIP):
                some = {run_id.decode(): score for run_id, score in found[i : i + _PER_TRIP]}
                begun = time.monotonic()
                failed |= await self._book(some)
                alive.update(some)
                await asyncio.sleep((time.monotonic() - begun) * rest)
            if cursor == 0:
                break
        self._seen = {run_id: version for run_id, version in self._seen.items() if run_id in alive}
        await self._sessions.look_again()
        if failed:
            run_id, reason = next(iter(failed.items()))
            raise ResponseError(f"{len(failed)} runs cannot be booked, {run_id} among them: {reason}")

    async def _book(self, scores: dict[str, float]) -> dict[str, str]:
        """Book some of them; those that cannot be booked, and why."""
        changed = await self._changed(scores)
        pipe = self._redis.pipeline(transaction=False)
        for run_id in changed:
            pipe.hgetall(keys.run_keys(run_id).meta)
            pipe.get(keys.run_keys(run_id).state)
        read = await pipe.execute() if changed else []
        await self._sessions.count(dict(zip(changed, zip(read[::2], read[1::2], strict=True), strict=True)))
        runs: list[_Read] = []
        over: list[str] = []
        for run_id, fields, stored in zip(changed, read[::2], read[1::2], strict=True):
            meta = parse_meta(fields, now_us())
            if meta is not None and not meta.imported and (meta.backends or b"booked" in fields):
                runs.append(_Read(run_id, meta, parse_models(fields), parse_state(stored), b"booked" in fields))
            if meta is None or meta.expected is not None or meta.imported:
                over.append(run_id)
            else:
                self._seen[run_id] = _version(*(fields.get(name) for name in _VERSION))
        failed = await self._book_runs(runs) if runs else {}
        for run_id in failed:
            self._seen.pop(run_id, None)
        done = [part for run_id in over if run_id not in failed for part in (run_id, f"{scores[run_id]:.0f}")]
        if done:
            await self._execute("EVAL", _BOOKED, 1, keys.RUNS_UNBOOKED, *done)
        return failed

    async def _changed(self, scores: dict[str, float]) -> list[str]:
        """Those that are others than when they were booked last."""
        seen = [run_id for run_id in scores if run_id in self._seen]
        pipe = self._redis.pipeline(transaction=False)
        for run_id in seen:
            pipe.hmget(keys.run_keys(run_id).meta, *_VERSION)
        versions = await pipe.execute() if seen else []
        same = {
            run_id for run_id, fields in zip(seen, versions, strict=True) if self._seen[run_id] == _version(*fields)
        }
        return [run_id for run_id in scores if run_id not in same]

    async def _book_runs(self, runs: Sequence[_Read]) -> dict[str, str]:
        """Book them all in one step; those that cannot be booked, and why."""
        replies = await BOOK.run(self._redis, *book_call([_booking(run) for run in runs]))
        failed = {run.run_id: reply.decode() for run, reply in zip(runs, replies, strict=True) if reply not in {0, 1}}
        pipe = self._redis.pipeline(transaction=False)
        for run in runs:
            if not run.before and run.run_id not in failed:
                pipe.execute_command(*mark_booked(run.run_id))
        if len(pipe):
            await pipe.execute()
        return failed

    async def _execute(self, *command: Any) -> Any:
        execute: Any = self._redis.execute_command  # redis-py has no types for it
        return await execute(*command)


def _version(*fields: bytes | None) -> tuple[Any, ...]:
    """What a run is like, by its fields `_VERSION`. Silence changes it too: one without a root has settled then."""
    *head, last = fields
    return (*head, int(last or b"0") <= now_us() - SILENCE_US)


def _booking(run: _Read) -> Booking:
    meta = run.meta
    day = day_of(meta.start or int(meta.epoch or 0))
    demo = None if run.state is None else run.state.demo
    amounts = amounts_of(meta, run.models)
    return Booking(run.run_id, day, demo, run.before, meta.epoch or "0", meta.next_index, amounts)
