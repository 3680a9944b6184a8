"""A job by its id, for the operations that work on one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spantail import Scope, retrieval
from spantail_service.operations.base import OperationError, Tools
from spantail_service.operations.job_store import JobsUnavailableError
from spantail_service.operations.sources import JobPosting, SourceName

if TYPE_CHECKING:
    from collections.abc import Callable

    from spantail_service.operations.sources import HimalayasBoard


async def find_job(job_id: str, tools: Tools, stage: Scope, warn: Callable[[str], None]) -> JobPosting:
    """The job that an earlier operation found, or that the board lists.

    Args:
        job_id: Its id.
        tools: Where it may be.
        stage: Is told whether it was known.
        warn: Is told when the store cannot be used; then the board alone is asked.

    Raises:
        OperationError: Nobody knows it.
        SourceUnavailableError: The board cannot be read.
    """
    job = await _stored(job_id, tools, warn)
    stage.event("cache_miss" if job is None else "cache_hit", key=job_id)
    stage.set("spantail.cache", "miss" if job is None else "hit")
    if job is None:
        job = await _look_up(job_id, tools.board)
        try:
            await tools.jobs.put([job])
        except JobsUnavailableError as error:
            warn(f"the job was not kept, {error}")
    return job


async def _stored(job_id: str, tools: Tools, warn: Callable[[str], None]) -> JobPosting | None:
    try:
        return await tools.jobs.get(job_id)
    except JobsUnavailableError as error:
        warn(f"whether the job is known cannot be said, {error}")
        return None


async def _look_up(job_id: str, board: HimalayasBoard) -> JobPosting:
    name = SourceName.HIMALAYAS.value
    with retrieval(f"source {name}", attributes={"spantail.source": name}) as span:
        job = await board.find(job_id)
        span.set("spantail.results", 0 if job is None else 1)
    if job is None:
        raise OperationError(f"job {job_id} is unknown: no search found it, and {name} does not list it")
    return job
