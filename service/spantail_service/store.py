"""Writing runs from the service: the exporters' script through the async client."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from redis.exceptions import NoScriptError

from spantail_exporters import keys
from spantail_exporters.run_script import (
    SCRIPT,
    Applied,
    append_arguments,
    index_commands,
    parse_reply,
    state_arguments,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from redis.asyncio import Redis

    from spantail_exporters.changes import Change

_CHANGES_PER_CALL = 256  # one call of the script takes about a millisecond: Redis serves others in between
_CALLS_PER_TRIP = 64
_MARK_S = 900  # longer than any sender goes on with a request that was not answered


class RunChanges(NamedTuple):
    """Changes of one run, in their order."""

    run_id: str
    changes: Sequence[Change]
    writer: str = ""
    """Who tells of them (``runner:id``), where that is known; ``numbers`` then counts its calls, one by one in time."""
    numbers: Iterator[int] = iter(())
    mark: str = ""
    """A word for changes that do not know themselves again (log lines): with the same one they are stored once."""


def now_us() -> int:
    """Microseconds since the epoch."""
    return time.time_ns() // 1_000


class RunStore:
    """Changes runs. Every method raises redis-py's errors when Redis cannot be reached."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def set_state(self, run_id: str, state_json: bytes, status: str) -> None:
        """Replace ``run:{run_id}``; the run settles in the same step when that was all it waited for."""
        await self._apply([_Call(run_id, state_arguments(run_id, state_json, status, now_us=now_us()))])

    async def append(self, runs: Sequence[RunChanges]) -> None:
        """Store span states and events; returns once Redis has them all.

        Safe to repeat: the script drops a state that is not newer than the stored one.
        """
        now = now_us()
        runs = await self._without_marked(runs)
        calls = [
            _Call(
                run.run_id,
                append_arguments(
                    run.run_id,
                    run.changes[i : i + _CHANGES_PER_CALL],
                    writer=run.writer,
                    writer_seq=next(run.numbers) if run.writer else 0,
                    now_us=now,
                ),
                keys.ingested(run.run_id, f"{run.mark}{i}") if run.mark else "",
            )
            for run in runs
            for i in range(0, len(run.changes), _CHANGES_PER_CALL)
        ]
        for i in range(0, len(calls), _CALLS_PER_TRIP):
            await self._apply(calls[i : i + _CALLS_PER_TRIP])

    async def _without_marked(self, runs: Sequence[RunChanges]) -> Sequence[RunChanges]:
        """Leave out what carries a mark that is known. The last part's counts: the others were stored before it."""
        marked = [run for run in runs if run.mark]
        if not marked:
            return runs
        pipe = self._redis.pipeline(transaction=False)
        for run in marked:
            last = (len(run.changes) - 1) // _CHANGES_PER_CALL * _CHANGES_PER_CALL
            pipe.exists(keys.ingested(run.run_id, f"{run.mark}{last}"))
        known = {id(run) for run, is_known in zip(marked, await pipe.execute(), strict=True) if is_known}
        return [run for run in runs if id(run) not in known]

    async def _apply(self, calls: Sequence[_Call]) -> None:
        replies = await self._evaluate(calls)
        missing = [i for i, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
        if missing:
            # Redis was restarted or its scripts were flushed. What did run before that is not run again.
            await self._redis.script_load(SCRIPT)
            again = await self._evaluate([calls[i] for i in missing])
            for i, reply in zip(missing, again, strict=True):
                replies[i] = reply
        pipe = self._redis.pipeline(transaction=False)
        for call, reply in zip(calls, replies, strict=True):
            if isinstance(reply, Exception):
                raise reply
            applied = _applied(reply)
            for command in index_commands(call.run_id, applied) if applied.tell_index else ():
                pipe.execute_command(*command)
        if len(pipe):
            await pipe.execute()

    async def _evaluate(self, calls: Sequence[_Call]) -> list[object]:
        # A mark is set in the step in which what it stands for is stored (in a cluster each run has one of its own),
        # and not at all where that failed.
        pipe = self._redis.pipeline(transaction=any(call.mark for call in calls))
        for call in calls:
            pipe.execute_command("EVALSHA", *call.arguments)
            if call.mark:
                pipe.set(call.mark, 1, ex=_MARK_S)
        replies = iter(await pipe.execute(raise_on_error=False))
        answers: list[object] = []
        wrong: list[str] = []
        for call in calls:
            answers.append(next(replies))
            if call.mark:
                next(replies)
                if isinstance(answers[-1], Exception):
                    wrong.append(call.mark)
        for mark in wrong:
            await self._redis.delete(mark)
        return answers


class _Call(NamedTuple):
    run_id: str
    arguments: list[bytes | str | int]
    mark: str = ""


def _applied(reply: object) -> Applied:
    if not isinstance(reply, list | tuple):
        raise TypeError(f"unexpected reply of the run script: {type(reply).__name__}")
    return parse_reply(reply)
