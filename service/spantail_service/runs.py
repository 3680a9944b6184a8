"""The list of runs, newest first, read from the index ``runs:recent``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from spantail_exporters import keys
from spantail_service.errors import ProblemError
from spantail_service.run_meta import parse_meta, parse_state, summary
from spantail_service.store import now_us

if TYPE_CHECKING:
    from redis.asyncio import Redis

MAX_RUNS = 200
"""Most runs on one page."""

_CURSOR = re.compile(r"([0-9]{1,16}):([0-9a-f]{32})")


class Page(NamedTuple):
    """One page of runs and where the next one begins (``None``: this was the last)."""

    runs: list[dict[str, Any]]
    next_cursor: str | None


class RunIndex:
    """Reads the index over runs."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def page(self, cursor: str | None, limit: int) -> Page:
        """The runs that started before ``cursor``, newest first, at most ``limit``.

        A cursor is the start (µs) and the id of the last run of the page before, so that runs which start
        meanwhile move nothing. Runs whose data has expired are left out, so a page may be short, or empty,
        and still have a next one.

        Raises:
            ProblemError: 400 for a cursor that is none.
        """
        before = _parse_cursor(cursor)
        ids = await self._ids(before, limit)
        runs = await self._summaries([run_id for run_id, _ in ids])
        more = f"{ids[-1][1]}:{ids[-1][0]}" if len(ids) == limit else None
        return Page(runs, more)

    async def _ids(self, before: tuple[int, str] | None, limit: int) -> list[tuple[str, int]]:
        found: Any  # redis-py's types leave open what it answers
        if before is None:
            found = await self._redis.zrevrange(keys.RUNS_RECENT, 0, limit - 1, withscores=True)
            return [(run_id.decode(), int(start)) for run_id, start in found]
        start, last_id = before
        wanted: list[tuple[str, int]] = []
        offset = 0
        while len(wanted) < limit:
            step = limit + 1
            found = await self._redis.zrevrangebyscore(
                keys.RUNS_RECENT, start, "-inf", start=offset, num=step, withscores=True
            )
            # Redis orders equal scores by member: the id decides among runs of one microsecond.
            wanted += [
                (member.decode(), int(score))
                for member, score in found
                if (int(score), member.decode()) < (start, last_id)
            ]
            offset += len(found)
            if len(found) < step:
                break
        return wanted[:limit]

    async def _summaries(self, run_ids: list[str]) -> list[dict[str, Any]]:
        # No MULTI here: in a cluster these keys are in many slots, and a list may be a moment old.
        pipe = self._redis.pipeline(transaction=False)
        for run_id in run_ids:
            pipe.hgetall(keys.run_keys(run_id).meta)
            pipe.get(keys.run_keys(run_id).state)
        answers = await pipe.execute() if run_ids else []
        known = []
        now = now_us()
        for i, run_id in enumerate(run_ids):
            meta, state = parse_meta(answers[2 * i], now), parse_state(answers[2 * i + 1])
            if meta is not None or (state is not None and state.status == "queued"):
                known.append((run_id, meta, state))
        roots = await self._roots([(run_id, meta.root) for run_id, meta, _ in known if meta and meta.root])
        return [summary(run_id, meta, state, roots.get(run_id)) for run_id, meta, state in known]

    async def _roots(self, wanted: list[tuple[str, str]]) -> dict[str, Any]:
        pipe = self._redis.pipeline(transaction=False)
        for run_id, root in wanted:
            pipe.hget(keys.run_keys(run_id).spans, root)
        states = await pipe.execute() if wanted else []
        return {
            run_id: orjson.loads(state) for (run_id, _), state in zip(wanted, states, strict=True) if state is not None
        }


def _parse_cursor(cursor: str | None) -> tuple[int, str] | None:
    if cursor is None:
        return None
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise ProblemError(400, "malformed-cursor", "This is no cursor that a page of runs has given out.")
    return int(match[1]), match[2]
