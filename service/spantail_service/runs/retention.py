"""Keeping a run, and removing it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from spantail_exporters.model import keys
from spantail_exporters.model.run_script import forget_command
from spantail_service.errors import ConflictError, RunExpiredError
from spantail_service.runs.absence import is_awaited, why_missing
from spantail_service.runs.meta import OPEN_STATUSES, parse_meta
from spantail_service.runs.sessions import SessionKeeper
from spantail_service.storage import run_flags
from spantail_service.storage.run_writes import now_us

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from spantail_service.runs.links import LinkTemplates
    from spantail_service.runs.meta import RunMeta

MAX_PINNED = 1_000
"""Runs that can be kept at a time: what never expires must not grow without end."""
_NOT_OVER: Final = "This run is still going on. It can be deleted once it has ended."


class RunRetention:
    """Pins, unpins and deletes runs. Every method raises redis-py's errors when Redis cannot be reached."""

    def __init__(self, redis: Redis, links: LinkTemplates) -> None:
        self._redis = redis
        self._links = links

    async def pin(self, run_id: str) -> None:
        """Keep a run from expiry, and in the index; once more changes nothing.

        Raises:
            RunNotFoundError, RunExpiredError: it is not there.
            ConflictError: too many are kept, or nothing of it is here yet.
        """
        await self._meta(run_id)
        # Counted after the addition: two that come at once cannot both find the last place free.
        added = await self._redis.sadd(keys.RUNS_PINNED, run_id)
        if added and await self._redis.scard(keys.RUNS_PINNED) > MAX_PINNED:
            await self._redis.srem(keys.RUNS_PINNED, run_id)
            raise ConflictError(f"{MAX_PINNED} runs are pinned, which is the limit: unpin one.", kind="too-many-pinned")
        if not await self._execute(run_flags.pin(run_id)):
            await self._redis.srem(keys.RUNS_PINNED, run_id)
            raise await why_missing(self._redis, run_id, self._links)
        # Once more: somebody who unpinned it in between has taken the name out, and the pin was set after that.
        await self._redis.sadd(keys.RUNS_PINNED, run_id)
        await self._announce(run_id)

    async def unpin(self, run_id: str) -> None:
        """Let a run expire as any other, counted from now on; once more changes nothing.

        Raises:
            RunNotFoundError, RunExpiredError: it is not there.
            ConflictError: nothing of it is here yet.
        """
        meta = await self._meta(run_id)
        await self._redis.srem(keys.RUNS_PINNED, run_id)
        if not meta.pinned:
            return
        pipe = self._redis.pipeline(transaction=True)
        for command in run_flags.unpin(run_id, is_settled=meta.expected is not None):
            pipe.execute_command(*command)
        await pipe.execute()
        await self._announce(run_id)

    async def delete(self, run_id: str) -> None:
        """Remove a run with all its data; what it cost stays in the sums by day.

        A run that has expired is taken out of the index too.

        Raises:
            RunNotFoundError: it is not known.
            ConflictError: it is still going on: its next span would bring back a part of it.
        """
        fields: Any = await self._redis.hgetall(keys.run_keys(run_id).meta)
        meta = parse_meta(fields, now_us())
        if meta is None:
            if await is_awaited(self._redis, run_id):
                raise ConflictError(_NOT_OVER, kind="run-not-over")
            reason = await why_missing(self._redis, run_id, self._links)
            if not isinstance(reason, RunExpiredError):  # of an expired one the name is still there to be removed
                raise reason
        elif meta.expected is None and meta.status in OPEN_STATUSES:
            raise ConflictError(_NOT_OVER, kind="run-not-over")
        await self._execute(run_flags.remove(run_id))
        await self._redis.srem(keys.RUNS_OPEN, run_id)
        await self._execute(forget_command(run_id, expired=False))
        await SessionKeeper(self._redis).forget([run_id])
        await self._redis.publish(keys.channel(run_id), "")  # whoever watches it learns that it is gone

    async def _meta(self, run_id: str) -> RunMeta:
        fields: Any = await self._redis.hgetall(keys.run_keys(run_id).meta)
        meta = parse_meta(fields, now_us())
        if meta is None:
            if await is_awaited(self._redis, run_id):
                raise ConflictError("Nothing of this run is here yet: it is only about to begin.", kind="run-not-begun")
            raise await why_missing(self._redis, run_id, self._links)
        return meta

    async def _execute(self, command: tuple[Any, ...]) -> Any:
        execute: Any = self._redis.execute_command  # redis-py has no types for it
        return await execute(*command)

    async def _announce(self, run_id: str) -> None:
        await self._redis.xadd(keys.RUNS_CHANGES, {"run": run_id}, maxlen=10_000, approximate=True)
        await self._redis.publish(keys.RUNS_CHANNEL, run_id)
