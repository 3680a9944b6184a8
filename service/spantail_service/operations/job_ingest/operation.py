"""Job ingest and job import: jobs are fetched, known ones left out, each new one scored, and all of it seen.

Three layers, `fetch`, `deduplicate` and `score`. An ingest reads sources, an import takes the jobs that somebody
chose. What is instrumented here is all that a user needs: a span for each layer, source and LLM call, an event for
each decision and each job, and the sums in the last one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spantail import event
from spantail_service.operations.asking import Asking, usd_or_none
from spantail_service.operations.base import Operation, Result, Tools, subject_of, work_on
from spantail_service.operations.job_ingest.fetching import Fetched, fetch_by_id, fetch_from_sources
from spantail_service.operations.job_ingest.importing import Imported, ImportedJob, Importing
from spantail_service.operations.job_ingest.input import ImportInput, IngestInput

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

_LAYERS = ("fetch", "deduplicate", "score")
_DEMO_KEYWORDS = (["data engineer"], ["support engineer"], ["python developer", "go engineer"], ["product manager"])


async def ingest_jobs(request: IngestInput, tools: Tools) -> Result:
    """The new jobs of some sources with their scores.

    Raises:
        OperationError: No source could be read, or no new job could be taken in.
        JobsUnavailableError: Nobody can say which jobs are new.
    """
    asking = Asking(tools.llm)
    event("ingest_start", sources=[source.value for source in request.sources], keywords=request.keywords)
    fetched = await fetch_from_sources(request, tools)
    imported = await Importing(request, tools, asking).run(list(fetched.jobs.values()))
    return _complete(fetched, imported, asking)


async def import_jobs(request: ImportInput, tools: Tools) -> Result:
    """The chosen jobs with their scores, but for those that were imported before.

    Raises:
        OperationError: None of the jobs is known, or no new one could be taken in.
        JobsUnavailableError: Nobody can say which jobs are new.
    """
    asking = Asking(tools.llm)
    event("ingest_start", job_ids=request.job_ids, keywords=request.keywords)
    fetched = await fetch_by_id(request, tools, asking.warn)
    imported = await Importing(request, tools, asking).run(list(fetched.jobs.values()))
    return _complete(fetched, imported, asking)


def _complete(fetched: Fetched, imported: Imported, asking: Asking) -> Result:
    event(
        "ingest_complete",
        found=len(fetched.jobs),
        ingested=len(imported.jobs),
        duplicates=imported.duplicates,
        failed=imported.failed,
        total_cost_usd=asking.cost_usd,
    )
    return {
        "jobs": [_as_json(one) for one in sorted(imported.jobs, key=lambda one: (-one.score.score, one.job.id))],
        "found": len(fetched.jobs),
        "ingested": len(imported.jobs),
        "duplicates": imported.duplicates,
        "failed": imported.failed,
        "fetched": fetched.outcomes,
        "cost": asking.cost,
        "warnings": asking.warnings,
    }


def _as_json(imported: ImportedJob) -> dict[str, Any]:
    job, score = imported.job, imported.score
    return {
        "id": job.id,
        "title": job.title,
        "company": job.company,
        "location": job.location,
        "source": job.source,
        "url": job.url,
        "score": score.score,
        "reason": score.reason,
        "matched": score.matched,
        "missing": score.missing,
        "backend": imported.backend,
        "cost_usd": usd_or_none(imported.cost_nano),
    }


def _demo_ingest(rng: Random, _job_ids: Sequence[str]) -> dict[str, Any]:
    return {"keywords": rng.choice(_DEMO_KEYWORDS), "max_jobs": rng.randint(6, 12)}


def _demo_import(rng: Random, job_ids: Sequence[str]) -> dict[str, Any]:
    return {"keywords": rng.choice(_DEMO_KEYWORDS), "job_ids": rng.sample(job_ids, rng.randint(2, 4))}


JOB_INGEST = Operation(
    name="job-ingest",
    title="job ingest",
    description="Takes new jobs in from job boards: leaves known ones out, and has an LLM score each new one.",
    input_model=IngestInput,
    layers=_LAYERS,
    work=work_on(IngestInput, ingest_jobs),
    subject=subject_of(IngestInput, lambda request: ", ".join([*request.keywords, *request.locations])),
    demo_input=_demo_ingest,
)

JOB_IMPORT = Operation(
    name="job-import",
    title="job import",
    description="Takes chosen jobs in, such as those of a search: leaves known ones out, and scores each new one.",
    input_model=ImportInput,
    layers=_LAYERS,
    work=work_on(ImportInput, import_jobs),
    subject=subject_of(ImportInput, lambda request: ", ".join(request.job_ids)),
    demo_input=_demo_import,
)
