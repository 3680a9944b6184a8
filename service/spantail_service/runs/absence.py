"""Why a run has no data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spantail_exporters.model import keys
from spantail_service.errors import ProblemError
from spantail_service.runs.links import LinkTemplates

if TYPE_CHECKING:
    from redis.asyncio import Redis


async def why_missing(redis: Redis, run_id: str, links: LinkTemplates = LinkTemplates()) -> ProblemError:  # noqa: B008
    """The problem to raise: 410 with links out when the index or a run state still names the run, else 404."""
    pipe = redis.pipeline(transaction=False)
    pipe.exists(keys.run_keys(run_id).state)
    pipe.zscore(keys.RUNS_RECENT, run_id)
    pipe.zscore(keys.RUNS_EXPIRED, run_id)
    state, recent, expired = await pipe.execute()
    if not state and recent is None and expired is None:
        return ProblemError(404, "unknown-run", "No run with this id has been seen.")
    start = recent if recent is not None else expired
    found = links.of(run_id, int(start) if start is not None else None)
    detail = "This run's data has expired."
    if found:
        detail += " Where it was exported to, it may still be: see `links`."
    return ProblemError(410, "run-expired", detail, extra={"links": found} if found else None)
