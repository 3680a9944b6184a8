"""Writing runs from the service: the exporters' script through the async client."""

from __future__ import annotations

import hashlib
import itertools
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from redis.exceptions import NoScriptError

from spantail_exporters.model import keys
from spantail_exporters.model.changes import Changes
from spantail_exporters.model.limits import Limits
from spantail_exporters.model.run_script import (
    SCRIPT,
    Applied,
    append_arguments,
    index_commands_of,
    parse_reply,
    state_arguments,
)
from spantail_service.bounds.chunks import chunks, sizes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from redis.asyncio import Redis

    from spantail_exporters.model.changes import Change

_CHANGES_PER_CALL = 256  # one call of the script takes about a millisecond: Redis serves others in between
_CALLS_PER_TRIP = 64
_MARK_S = 900  # longer than any sender goes on with a request that was not answered

ONCE: Final = f"""
-- The run script, for log lines that a sender may send again: they and the count of those that are stored come in one
-- step. Calls that were made at once are carried out in their order, or not at all.
-- KEYS  as the run script, then the count of lines of this request
-- ARGV  as the run script, then how many lines of the request are in the calls before this one, and up to its end
local function append()
{SCRIPT}
end
local last = tonumber(table.remove(ARGV))
local first = tonumber(table.remove(ARGV))
local count = KEYS[#KEYS]
local stored = tonumber(redis.call('GET', count) or '0')
if stored == first then
  local reply = append()
  if not reply.err then redis.call('SET', count, last, 'EX', {_MARK_S}) end
  return reply
end
if stored < last then return redis.error_reply('TRYAGAIN spantail: lines of this request are missing, or just come') end
local run = redis.call('HMGET', KEYS[3], 'next', 'epoch', 'root_start', 'expected', 'status', 'operation')
-- its answer is for the index over runs: whoever stored the lines may have died before that; not if the run has gone
return run[1] and {{ run[1], 1, run[2], run[3] or run[2], run[4] and 1 or 0, 1, run[5], run[6] or '', 0 }}
"""
IF_STATE: Final = f"""
-- The run script, for a run state that replaces another one, and nothing else: where the stored one is not what the
-- caller has read, nothing is changed.
-- KEYS  as the run script
-- ARGV  as the run script, then the state that is to be replaced ('' = there is none)
local function append()
{SCRIPT}
end
local before = table.remove(ARGV)
if (redis.call('GET', KEYS[#KEYS]) or '') ~= before then return false end
return append()
"""
_IF_STATE_SHA: Final = hashlib.sha1(IF_STATE.encode(), usedforsecurity=False).hexdigest()
_ONCE_SHA: Final = hashlib.sha1(ONCE.encode(), usedforsecurity=False).hexdigest()


class RunChanges(NamedTuple):
    """Changes of one run, in their order."""

    run_id: str
    changes: Sequence[Change]
    writer: str = ""
    """Who writes them (`runner:id`), where that is known; `numbers` then counts the calls of this writer, in order."""
    numbers: Iterator[int] = iter(())
    mark: str = ""
    """A word for changes that have no id of their own (log lines): under the same mark they are stored once."""


def now_us() -> int:
    """Microseconds since the epoch."""
    return time.time_ns() // 1_000


class RunStore:
    """Changes runs by the run script (`append.lua`). Every method raises redis-py's errors."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._limits = Limits.from_environment()

    async def set_state(self, run_id: str, state_json: bytes, status: str) -> None:
        """Replace `run:{run_id}`; the run settles in the same step when that was all it waited for."""
        await self._apply([_Call(run_id, state_arguments(run_id, state_json, status, now_us=now_us()))])

    async def replace_state(
        self, run_id: str, before: bytes | None, state_json: bytes, status: str, changes: Sequence[Change] = ()
    ) -> bool:
        """Replace `run:{run_id}`, and store changes of its spans, in one step, if the state is still `before`.

        Returns:
            False where it is another one: nothing was changed then.
        """
        _, *rest = append_arguments(
            run_id, changes, writer="", writer_seq=0, now_us=now_us(), limits=self._limits, state=(state_json, status)
        )
        (reply,) = await self._apply([_Call(run_id, [_IF_STATE_SHA, *rest, before or b""])])
        return reply is not None

    async def append(self, runs: Sequence[RunChanges]) -> None:
        """Store span states and events; returns once Redis has them all.

        Safe to repeat: a state that is not newer than the stored one is dropped, and so is a line under a known mark.
        """
        terms = _Terms(now_us(), self._limits)
        stored = await self._stored_lines(runs)
        calls = (call for run, count in zip(runs, stored, strict=True) for call in _calls(run, count, terms))
        for trip in chunks(calls, lambda call: call.size, _CALLS_PER_TRIP):
            await self._apply(trip)

    async def _stored_lines(self, runs: Sequence[RunChanges]) -> list[int]:
        """How many of each one's lines are here already, by its mark."""
        pipe = self._redis.pipeline(transaction=False)
        for run in runs:
            if run.mark:
                pipe.get(keys.ingested(run.run_id, run.mark))
        counts = iter(await pipe.execute() if len(pipe) else ())
        return [int(next(counts) or 0) if run.mark else 0 for run in runs]

    async def _apply(self, calls: Sequence[_Call]) -> list[object]:
        replies = await self._evaluate(calls)
        missing = [i for i, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
        if missing:
            # Redis was restarted or its scripts were flushed. What did run before that is not run again.
            for script in (SCRIPT, ONCE, IF_STATE):
                await self._redis.script_load(script)
            again = await self._evaluate([calls[i] for i in missing])
            for i, reply in zip(missing, again, strict=True):
                replies[i] = reply
        news: dict[str, Applied] = {}  # a run may be in several calls: the last one has the last word
        for call, reply in zip(calls, replies, strict=True):
            if isinstance(reply, Exception):
                raise reply
            if reply is None:
                continue  # it was stored before, and the run has gone; or another state stands there
            applied = _applied(reply)
            if applied.tell_index:
                news[call.run_id] = applied
        if news:
            pipe = self._redis.pipeline(transaction=False)
            for command in index_commands_of(news):
                pipe.execute_command(*command)
            await pipe.execute()
        return replies

    async def _evaluate(self, calls: Sequence[_Call]) -> list[object]:
        pipe = self._redis.pipeline(transaction=False)
        for call in calls:
            pipe.execute_command("EVALSHA", *call.arguments)
        return list(await pipe.execute(raise_on_error=False))


class _Terms(NamedTuple):
    """What all calls of one `append` have in common."""

    now_us: int
    limits: Limits


class _Call(NamedTuple):
    run_id: str
    arguments: list[bytes | str | int]
    size: int = 0
    """The bytes of its changes, about."""


def _calls(run: RunChanges, stored: int, terms: _Terms) -> Iterator[_Call]:
    """The calls that store a run's changes, but for its first `stored` lines."""
    changes = _without_lines(run.changes, stored)
    if stored:
        yield _Call(run.run_id, _once(run, (), 0, stored, terms))  # its answer is for the index over runs
    line = stored
    for part in chunks(changes, sizes(), _CHANGES_PER_CALL):
        packed = Changes(part)
        if run.mark:
            end = line + sum(not change.span_id for change in part)
            arguments, line = _once(run, packed, line, end, terms), end
        else:
            arguments = _arguments(run, packed, terms)
        yield _Call(run.run_id, arguments, packed.size)


def _without_lines(changes: Sequence[Change], count: int) -> Sequence[Change]:
    if not count:
        return changes
    number = itertools.count()
    return [change for change in changes if change.span_id or next(number) >= count]


def _arguments(run: RunChanges, changes: Iterable[Change], terms: _Terms) -> list[bytes | str | int]:
    number = next(run.numbers) if run.writer else 0
    return append_arguments(run.run_id, changes, writer=run.writer, writer_seq=number, **terms._asdict())


def _once(run: RunChanges, changes: Iterable[Change], first: int, last: int, terms: _Terms) -> list[bytes | str | int]:
    _, number, *rest = _arguments(run, changes, terms)
    count = int(number)
    return [_ONCE_SHA, count + 1, *rest[:count], keys.ingested(run.run_id, run.mark), *rest[count:], first, last]


def _applied(reply: object) -> Applied:
    if not isinstance(reply, list | tuple):
        raise TypeError(f"unexpected reply of the run script: {type(reply).__name__}")
    return parse_reply(reply)
