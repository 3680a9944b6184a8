"""The reaper's own connection to Redis: every answer shows that Redis and the reaper are alive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redis.asyncio import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import WatchError

from spantail_exporters.model import keys
from spantail_exporters.model.run_script import SCRIPT, append_arguments, index_commands, parse_reply
from spantail_service.storage.liveness import Liveness, clock
from spantail_service.storage.routing import RoutedRedis
from spantail_service.storage.run_writes import now_us

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spantail_exporters.model.changes import Change

Command = tuple[Any, ...]

IF_THERE = f"""
-- The run script, for a run that is there: one that was deleted since it was read does not come back in part.
-- KEYS  as the run script
-- ARGV  as the run script, then 1 where a process died in the middle of the run
local function append()
{SCRIPT}
end
local died = table.remove(ARGV)
if redis.call('HEXISTS', KEYS[3], 'next') == 0 then return false end
local reply = append()
if died == '1' and not reply.err then redis.call('HSET', KEYS[3], 'maybe_incomplete', 1) end
return reply
"""


class NewState:
    """A run state that replaces the one it was made from, unless that has been replaced meanwhile."""

    __slots__ = ("before", "json", "status")

    def __init__(self, before: bytes | None, json: bytes, status: str) -> None:
        self.before = before
        self.json = json
        self.status = status


class Connection:
    """One connection to `redis_url`, in a cluster to each of its nodes.

    It never retries by itself: that would hide that Redis was away.

    Every method raises redis-py's errors, and `Interrupted` when an answer came late, or the last one is too old
    to act upon.
    """

    def __init__(self, redis_url: str, liveness: Liveness, timeout_s: float) -> None:
        self._liveness = liveness
        self._redis = RoutedRedis(
            redis_url,
            lambda server_url: ConnectionPool.from_url(
                server_url,
                socket_timeout=timeout_s,
                socket_connect_timeout=timeout_s,
                retry=Retry(NoBackoff(), 0),
                max_connections=1,
            ),
        )

    async def ask(self, commands: Sequence[Command]) -> list[Any]:
        """Send commands in one trip; their replies in order."""
        self._liveness.asked(clock())
        async with self._redis.pipeline(transaction=False) as pipe:
            for command in commands:
                pipe.execute_command(*command)
            replies = list(await pipe.execute())
        self._liveness.answered(clock())
        return replies

    async def ask_one(self, *command: Any) -> Any:
        """Send one command; its reply."""
        return (await self.ask([command]))[0]

    async def change(
        self,
        run_id: str,
        changes: Sequence[Change],
        *,
        state: NewState | None = None,
        maybe_incomplete: bool = False,
        silent_since: int | None = None,
    ) -> bool:
        """Change a run by the run script, in one atomic step; False when it has gone or has another state.

        `silent_since` (µs) settles a run without a root if nothing has been written since.
        """
        run_keys = keys.run_keys(run_id)
        self._liveness.asked(clock())
        arguments = append_arguments(
            run_id,
            changes,
            writer="",
            writer_seq=0,
            now_us=now_us(),
            state=(state.json, state.status) if state else None,
            silent_since=silent_since,
        )
        async with self._redis.pipeline(transaction=True) as pipe:
            if state is not None:
                await pipe.watch(run_keys.state)
                if await pipe.get(run_keys.state) != state.before:
                    return False
                pipe.multi()  # type: ignore[no-untyped-call]
            # By its text, not its digest: no second try when Redis does not know it, inside a transaction.
            pipe.execute_command("EVAL", IF_THERE, *arguments[1:], int(maybe_incomplete))
            try:
                reply = (await pipe.execute())[-1]
            except WatchError:
                return False
        self._liveness.answered(clock())
        if reply is None:
            return False
        # A run that has settled leaves the index at the next look, which sees whether it has opened again: said here,
        # it might overtake what a runner reports that came back in between.
        applied = parse_reply(reply)
        index = [command for command in index_commands(run_id, applied) if command[0] != "SREM"]
        if index and (applied.tell_index or silent_since is None):
            await self.ask(index)
        return True

    async def reset(self) -> None:
        """Begin with a new connection: a late answer must not meet the next question."""
        await self._redis.disconnect()

    async def close(self) -> None:
        """Close the connection."""
        await self._redis.aclose()
