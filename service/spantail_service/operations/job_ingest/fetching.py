"""The `fetch` layer: jobs from sources side by side, or one by one by their ids."""

from __future__ import annotations

import itertools
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from spantail import Scope, layer, phase, retrieval
from spantail_service.bounds.concurrency import together
from spantail_service.operations.base import OperationError, Tools
from spantail_service.operations.job_lookup import find_job
from spantail_service.operations.sources import JobPosting, JobQuery, JobSource, SourceUnavailableError
from spantail_service.operations.sources.reading import within

if TYPE_CHECKING:
    from collections.abc import Callable

    from spantail_service.operations.job_ingest.input import ImportInput, IngestInput

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Fetched:
    """What was found; a job that came more than once is one."""

    jobs: dict[str, JobPosting] = field(default_factory=dict)
    outcomes: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By source, or by job id where a job was not found: status, jobs, reason, message."""

    @property
    def failures(self) -> list[str]:
        """What went wrong, in words."""
        return [f"{name}: {one['message']}" for name, one in self.outcomes.items() if one["status"] == "error"]


async def fetch_from_sources(request: IngestInput, tools: Tools) -> Fetched:
    """All that the sources have for the keywords, up to `max_jobs` each.

    Raises:
        OperationError: No source could be read at all.
    """
    fetched = Fetched()
    sources = [tools.sources[name] for name in dict.fromkeys(request.sources)]
    done = itertools.count(1)
    with layer("fetch") as stage:
        stage.progress(0, len(sources))

        async def read(source: JobSource) -> None:
            await _read(source, request, tools, fetched)
            stage.progress(next(done), len(sources), f"{len(fetched.jobs)} jobs")

        await together(*(read(source) for source in sources))
        if not fetched.jobs and fetched.failures:
            raise OperationError(f"no source could be read: {'; '.join(fetched.failures)}")
        stage.event("fetch_complete", jobs=len(fetched.jobs), sources=len(sources), failed=len(fetched.failures))
    return fetched


async def fetch_by_id(request: ImportInput, tools: Tools, warn: Callable[[str], None]) -> Fetched:
    """The jobs with these ids; one that nobody knows is left out.

    Raises:
        OperationError: None of them is known.
    """
    fetched = Fetched()
    ids = list(dict.fromkeys(request.job_ids))
    with layer("fetch") as stage:
        for number, job_id in enumerate(ids):
            stage.progress(number, len(ids), job_id)
            try:
                with phase(f"job {number + 1}", attributes={"spantail.job.id": job_id}) as step:
                    fetched.jobs[job_id] = await find_job(job_id, tools, step, warn)
            except (OperationError, SourceUnavailableError) as error:
                warn(f"job {job_id} is left out: {error}")
                fetched.outcomes[job_id] = {"status": "error", "message": str(error)}
        if not fetched.jobs:
            raise OperationError(f"no job could be read: {'; '.join(fetched.failures)}")
        stage.progress(len(ids), len(ids), f"{len(fetched.jobs)} jobs")
        stage.event("fetch_complete", jobs=len(fetched.jobs), failed=len(fetched.failures))
    return fetched


async def _read(source: JobSource, request: IngestInput, tools: Tools, fetched: Fetched) -> None:
    name = source.name.value
    outcome: dict[str, Any] = {"status": "ok", "jobs": 0}
    fetched.outcomes[name] = outcome
    try:
        with retrieval(f"source {name}", attributes={"spantail.source": name}) as span:
            reason = source.skip_reason(_query(request, request.keywords[0], request.max_jobs))
            if reason is not None:
                logger.info("source %s is skipped: %s", name, reason)
                span.skip(reason)
                outcome.update(status="skipped", reason=reason)
                return
            await _read_pages(source, request, tools, fetched, span)
    except SourceUnavailableError as error:
        # On the span it stands with its traceback already; the other sources go on.
        logger.warning("source %s is unavailable, %s: %s", name, error.reason, error)
        outcome.update(status="error", reason=error.reason, message=str(error))


async def _read_pages(source: JobSource, request: IngestInput, tools: Tools, fetched: Fetched, span: Scope) -> None:
    outcome = fetched.outcomes[source.name.value]
    keywords = list(dict.fromkeys(request.keywords))
    # Each keyword gets its part, or the first one would take all of it.
    share = max(1, request.max_jobs // len(keywords))
    for keyword in keywords:
        left = request.max_jobs - outcome["jobs"]
        if left <= 0:
            return
        query = _query(request, keyword, min(share, left))
        async for page in within(source.search(query), tools.settings.source_timeout_s):
            new = {job.id: job for job in page if job.id not in fetched.jobs}
            fetched.jobs.update(new)
            outcome["jobs"] += len(new)
            span.set("spantail.results", outcome["jobs"])
            span.event("page_read", jobs=len(page), new=len(new))
            span.progress(outcome["jobs"], request.max_jobs, "jobs")


def _query(request: IngestInput, keyword: str, limit: int) -> JobQuery:
    """A source can be asked for one location; with several, the LLM judges."""
    location = request.locations[0] if len(request.locations) == 1 else None
    return JobQuery(keyword, location, request.remote, limit)
