"""Why a run has no data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spantail_exporters.model import keys
from spantail_service.errors import DomainError, RunExpiredError, RunNotFoundError
from spantail_service.runs.links import NO_LINKS, LinkTemplates

if TYPE_CHECKING:
    from redis.asyncio import Redis


async def why_missing(redis: Redis, run_id: str, links: LinkTemplates = NO_LINKS) -> DomainError:
    """The error to raise: that it has expired when the index or a run state still names the run, else not found."""
    pipe = redis.pipeline(transaction=False)
    pipe.exists(keys.run_keys(run_id).state)
    pipe.zscore(keys.RUNS_RECENT, run_id)
    pipe.zscore(keys.RUNS_EXPIRED, run_id)
    state, recent, expired = await pipe.execute()
    if not state and recent is None and expired is None:
        return RunNotFoundError()
    start = recent if recent is not None else expired
    return RunExpiredError(links.of(run_id, int(start) if start is not None else None))
