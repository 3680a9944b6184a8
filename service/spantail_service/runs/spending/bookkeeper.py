"""Keeps the sums of each day, and those of sessions, up to date with the runs."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from spantail_exporters.model import keys
from spantail_exporters.redis.errors import will_be_back
from spantail_service.bounds.cancel import cancel
from spantail_service.runs.meta import SILENCE_US, parse_meta, parse_models, parse_state
from spantail_service.runs.sessions import SessionKeeper
from spantail_service.runs.spending.booking import DEMO, Booking, amounts_of, day_of
from spantail_service.storage.lease import Lease
from spantail_service.storage.run_flags import mark_booked
from spantail_service.storage.run_writes import now_us

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from spantail_service.runs.meta import RunMeta, RunState

logger = logging.getLogger(__name__)

_LEASE_INTERVALS: Final = 5  # a bookkeeper that missed so many rounds is replaced
# a run that changed meanwhile has a new score, and stays
_BOOKED: Final = "if redis.call('ZSCORE', KEYS[1], ARGV[1]) == ARGV[2] then redis.call('ZREM', KEYS[1], ARGV[1]) end"


class _Read(NamedTuple):
    """A run as it was just read."""

    meta: RunMeta
    models: dict[str, dict[str, int]]
    state: RunState | None


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
        """Book every run that may have spent something since it was booked last, on its day and in its sessions."""
        cursor = 0
        alive: set[str] = set()
        while True:
            answer: Any = await self._redis.zscan(keys.RUNS_UNBOOKED, cursor, count=500)
            cursor, found = answer
            for i in range(0, len(found), 500):
                some = {run_id.decode(): score for run_id, score in found[i : i + 500]}
                await self._book(some)
                alive.update(some)
            if cursor == 0:
                break
        self._seen = {run_id: version for run_id, version in self._seen.items() if run_id in alive}
        await self._sessions.look_again()

    async def _book(self, scores: dict[str, float]) -> None:
        pipe = self._redis.pipeline(transaction=False)
        for run_id in scores:
            pipe.hmget(keys.run_keys(run_id).meta, "epoch", "next", "expected", "root_start", "last")
        # Silence changes a run too: one without a root has settled then.
        silent_from = now_us() - SILENCE_US
        versions = {
            run_id: (*head, int(last or b"0") <= silent_from)
            for run_id, (*head, last) in zip(scores, await pipe.execute(), strict=True)
        }
        changed = [run_id for run_id, version in versions.items() if self._seen.get(run_id) != version]
        pipe = self._redis.pipeline(transaction=False)
        for run_id in changed:
            pipe.hgetall(keys.run_keys(run_id).meta)
            pipe.get(keys.run_keys(run_id).state)
        read = await pipe.execute() if changed else []
        await self._sessions.count(dict(zip(changed, zip(read[::2], read[1::2], strict=True), strict=True)))
        for run_id, fields, stored in zip(changed, read[::2], read[1::2], strict=True):
            meta = parse_meta(fields, now_us())
            if meta is not None and not meta.imported:
                run = _Read(meta, parse_models(fields), parse_state(stored))
                await self._book_run(run_id, run, before=b"booked" in fields)
            if meta is None or meta.expected is not None or meta.imported:
                await self._execute("EVAL", _BOOKED, 1, keys.RUNS_UNBOOKED, run_id, f"{scores[run_id]:.0f}")
            else:
                self._seen[run_id] = versions[run_id]

    async def _book_run(self, run_id: str, run: _Read, *, before: bool) -> None:
        meta = run.meta
        if not meta.backends and not before:
            return
        day = day_of(meta.start or int(meta.epoch or 0))
        held: Any = await self._redis.hget(keys.spend_of_run(run_id), ":day")
        old_day = held.decode() if held else ""
        if run.state.demo if run.state is not None else old_day.startswith(DEMO):
            day = f"{DEMO}{day}"
        amounts = amounts_of(meta, run.models)
        booking = Booking(run_id, day, old_day, meta.epoch or "0", meta.next_index, amounts)
        await self._execute(*booking.command(before=before))
        if not before:
            await self._execute(*mark_booked(run_id))

    async def _execute(self, *command: Any) -> Any:
        execute: Any = self._redis.execute_command  # redis-py has no types for it
        return await execute(*command)
