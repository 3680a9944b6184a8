"""Writing runs from the service: the exporters' script through the async client."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from redis.exceptions import NoScriptError

from spantail_exporters.run_script import (
    SCRIPT,
    Applied,
    Change,
    append_arguments,
    index_commands,
    parse_reply,
    state_arguments,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis.asyncio import Redis

_CHANGES_PER_CALL = 256  # one call of the script takes about a millisecond: Redis serves others in between
_CALLS_PER_TRIP = 64


class RunChanges(NamedTuple):
    """Changes of one run, in their order."""

    run_id: str
    changes: Sequence[Change]


def now_us() -> int:
    """Microseconds since the epoch."""
    return time.time_ns() // 1_000


class RunStore:
    """Changes runs. Every method raises redis-py's errors when Redis cannot be reached."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def set_state(self, run_id: str, state_json: bytes, status: str) -> None:
        """Replace ``run:{run_id}``; the run settles in the same step when that was all it waited for."""
        await self._apply([(run_id, state_arguments(run_id, state_json, status, now_us=now_us()))])

    async def append(self, runs: Sequence[RunChanges]) -> None:
        """Store span states and events; returns once Redis has them all.

        Safe to repeat: the script drops a state that is not newer than the stored one.
        """
        now = now_us()
        calls = [
            (
                run.run_id,
                append_arguments(
                    run.run_id,
                    run.changes[i : i + _CHANGES_PER_CALL],
                    writer="",
                    writer_seq=0,
                    now_us=now,
                ),
            )
            for run in runs
            for i in range(0, len(run.changes), _CHANGES_PER_CALL)
        ]
        for i in range(0, len(calls), _CALLS_PER_TRIP):
            await self._apply(calls[i : i + _CALLS_PER_TRIP])

    async def _apply(self, calls: Sequence[tuple[str, list[bytes | str | int]]]) -> None:
        replies = await self._evaluate(calls)
        missing = [i for i, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
        if missing:
            # Redis was restarted or its scripts were flushed. What did run before that is not run again.
            await self._redis.script_load(SCRIPT)
            again = await self._evaluate([calls[i] for i in missing])
            for i, reply in zip(missing, again, strict=True):
                replies[i] = reply
        pipe = self._redis.pipeline(transaction=False)
        for (run_id, _), reply in zip(calls, replies, strict=True):
            if isinstance(reply, Exception):
                raise reply
            applied = _applied(reply)
            for command in index_commands(run_id, applied) if applied.tell_index else ():
                pipe.execute_command(*command)
        if len(pipe):
            await pipe.execute()

    async def _evaluate(self, calls: Sequence[tuple[str, list[bytes | str | int]]]) -> list[object]:
        pipe = self._redis.pipeline(transaction=False)
        for _, arguments in calls:
            pipe.execute_command("EVALSHA", *arguments)
        return list(await pipe.execute(raise_on_error=False))


def _applied(reply: object) -> Applied:
    if not isinstance(reply, list | tuple):
        raise TypeError(f"unexpected reply of the run script: {type(reply).__name__}")
    return parse_reply(reply)
