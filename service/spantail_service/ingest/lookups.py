"""What ingest asks Redis about runs before it writes to them, and what it keeps beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spantail_exporters.model import keys
from spantail_exporters.model.heartbeat import beat_commands
from spantail_exporters.model.limits import OPEN_EXPIRY_S
from spantail_service.storage.run_writes import now_us

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from redis.asyncio import Redis

_PAGE = 500  # spans asked for at once


class Lookups:
    """Every method raises redis-py's errors when Redis cannot be reached."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def states(self, wanted: Mapping[str, Collection[str]]) -> dict[tuple[str, str], bytes]:
        """The stored states of spans, by run id and span id, as far as there are any."""
        pipe = self._redis.pipeline(transaction=False)
        asked: list[tuple[str, list[str]]] = []
        for run_id, span_ids in wanted.items():
            ordered = list(span_ids)
            for i in range(0, len(ordered), _PAGE):
                asked.append((run_id, ordered[i : i + _PAGE]))
                pipe.hmget(keys.run_keys(run_id).spans, asked[-1][1])
        found: list[list[bytes | None]] = await pipe.execute() if asked else []
        return {
            (run_id, span_id): state
            for (run_id, span_ids), states in zip(asked, found, strict=True)
            for span_id, state in zip(span_ids, states, strict=True)
            if state is not None
        }

    async def known(self, run_ids: Collection[str]) -> set[str]:
        """Those of the runs of which anything is stored."""
        pipe = self._redis.pipeline(transaction=False)
        for run_id in run_ids:
            pipe.exists(keys.run_keys(run_id).meta)
        answers = await pipe.execute() if run_ids else []
        return {run_id for run_id, is_there in zip(run_ids, answers, strict=True) if is_there}

    async def beat(self, runners: Mapping[str, Collection[str]]) -> set[str]:
        """Keep processes alive, each with the runs in which it has just started spans.

        Returns those that were heard before and whose lease had run out: they may have been declared dead.
        """
        now = now_us()
        pipe = self._redis.pipeline(transaction=False)
        for runner, run_ids in runners.items():
            pipe.zscore(keys.RUNNERS_SEEN, runner)
            for command in beat_commands(runner, now):
                pipe.execute_command(*command)
            if run_ids:
                pipe.sadd(keys.runs_of_runner(runner), *run_ids)
                pipe.expire(keys.runs_of_runner(runner), OPEN_EXPIRY_S)
        replies: list[Any] = await pipe.execute() if runners else []
        back, at = set(), 0
        for runner, run_ids in runners.items():
            seen, lease = replies[at], replies[at + 1]
            if seen is not None and lease is None:
                back.add(runner)
            at += 1 + len(beat_commands(runner, now)) + (2 if run_ids else 0)
        return back
