"""Keeps the index over sessions up to date with the runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from spantail_exporters.model import keys
from spantail_exporters.model.sessions import SESSION_FIELD
from spantail_service.runs.meta import parse_meta, parse_state
from spantail_service.runs.sessions.counting import count_command, forget_command, ids_of, look_again_s
from spantail_service.storage.run_writes import now_us

if TYPE_CHECKING:
    from collections.abc import Mapping

    from redis.asyncio import Redis

    from spantail_service.runs.meta import RunMeta

_LOOKED_AT: Final = 200  # runs a round whose time has come


class _Counted(NamedTuple):
    """A run as it was just read."""

    meta: RunMeta
    last_us: int
    demo: bool


class SessionKeeper:
    """Counts runs in the sessions that their spans name. Every method raises redis-py's errors."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def count(self, runs: Mapping[str, tuple[Mapping[bytes, bytes], bytes | None]]) -> None:
        """Bring sessions up to date with runs: of each its meta hash and its state, as they were just read."""
        pipe = self._redis.pipeline(transaction=False)
        for run_id in runs:
            pipe.hkeys(keys.run_keys(run_id).sources)
        held = await pipe.execute() if runs else []
        named = {  # most runs name none, and are not looked at any closer
            run_id: fields
            for run_id, names in zip(runs, held, strict=True)
            if (fields := [field for field in names if field.startswith(SESSION_FIELD.encode())])
        }
        pipe = self._redis.pipeline(transaction=False)
        for run_id, fields in named.items():
            pipe.hmget(keys.run_keys(run_id).sources, fields)
            pipe.ttl(keys.run_keys(run_id).meta)
        read = await pipe.execute() if named else []
        pipe = self._redis.pipeline(transaction=False)
        now = now_us()
        for (run_id, fields), texts, left_s in zip(named.items(), read[::2], read[1::2], strict=True):
            if (one := _read(*runs[run_id])) is None:
                continue
            meta, last_us, demo = one
            known = {field: text for field, text in zip(fields, texts, strict=True) if text is not None}
            again_s = look_again_s(now, settled=meta.expected is not None, left_s=left_s)
            command = count_command(run_id, meta, ids_of(known), last_us=last_us, look_again_s=again_s, demo=demo)
            pipe.execute_command(*command)
        if len(pipe):
            await pipe.execute()

    async def look_again(self) -> None:
        """Take runs out of their sessions that have expired; what is still there stays."""
        found: Any = await self._redis.zrangebyscore(
            keys.SESSIONS_DUE, "-inf", now_us() // 1_000_000, start=0, num=_LOOKED_AT
        )
        if not found:
            return
        run_ids = [run_id.decode() for run_id in found]
        pipe = self._redis.pipeline(transaction=False)
        for run_id in run_ids:
            pipe.hgetall(keys.run_keys(run_id).meta)
            pipe.get(keys.run_keys(run_id).state)
        read = await pipe.execute()
        there = {
            run_id: (fields, state)
            for run_id, fields, state in zip(run_ids, read[::2], read[1::2], strict=True)
            if b"next" in fields
        }
        await self.forget([run_id for run_id in run_ids if run_id not in there])
        await self.count(there)

    async def forget(self, run_ids: list[str]) -> None:
        """Take runs out of their sessions that are gone."""
        pipe = self._redis.pipeline(transaction=False)
        for run_id in run_ids:
            pipe.execute_command(*forget_command(run_id))
        if run_ids:
            await pipe.execute()


def _read(fields: Mapping[bytes, bytes], state: bytes | None) -> _Counted | None:
    meta = parse_meta(fields, now_us())
    if meta is None:
        return None
    held = parse_state(state)
    last = int(fields.get(b"last", b"0"))
    return _Counted(meta, meta.end if meta.end and meta.expected is not None else last, held is not None and held.demo)
