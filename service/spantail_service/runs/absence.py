"""Why a run has no data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from spantail_exporters.model import keys
from spantail_exporters.model.limits import OPEN_EXPIRY_S
from spantail_service.errors import DomainError, RunExpiredError, RunNotFoundError
from spantail_service.runs.links import NO_LINKS, LinkTemplates
from spantail_service.runs.meta import parse_state

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from spantail_service.runs.meta import RunState


_ON_ITS_WAY_S: Final = 60
"""Spans of a process that can reach Redis are here long before that."""


async def waiting_status(redis: Redis, run_id: str, state: RunState | None) -> str | None:
    """What a run counts as that has a state and no data yet; None where none is to be expected.

    A state is written at once and spans in batches, so a short run may have ended before its first span is here.
    """
    if state is None:
        return None
    if state.is_open:
        return "queued"
    left_ms = await redis.pttl(keys.run_keys(run_id).state)
    return "running" if left_ms > (OPEN_EXPIRY_S - _ON_ITS_WAY_S) * 1_000 else None


async def is_awaited(redis: Redis, run_id: str) -> bool:
    """Whether a run that has no data yet is to have some."""
    stored: Any = await redis.get(keys.run_keys(run_id).state)
    return await waiting_status(redis, run_id, parse_state(stored)) is not None


async def why_missing(redis: Redis, run_id: str, links: LinkTemplates = NO_LINKS) -> DomainError:
    """The error to raise: that it has expired when the index or a run state still names the run, else not found.

    The caller has looked for its data: where it has some by now it had not begun then, which is no expiry.
    """
    pipe = redis.pipeline(transaction=False)
    pipe.exists(keys.run_keys(run_id).state)
    pipe.zscore(keys.RUNS_RECENT, run_id)
    pipe.zscore(keys.RUNS_EXPIRED, run_id)
    pipe.exists(keys.run_keys(run_id).meta)  # the last: it is written before the index
    state, recent, expired, has_begun = await pipe.execute()
    if has_begun or (not state and recent is None and expired is None):
        return RunNotFoundError()
    start = recent if recent is not None else expired
    return RunExpiredError(links.of(run_id, int(start) if start is not None else None))
