"""Job search: sources side by side, each job scored as it arrives, then ranked and stored.

Four layers. `fetch` and `score` overlap: the first page of the fastest source starts the scoring while the
others are still being read, and related titles from the LLM widen the search meanwhile.
"""

from __future__ import annotations

import itertools
import logging
from typing import TYPE_CHECKING, Any

from spantail import Scope, event, layer
from spantail_service.bounds.concurrency import together
from spantail_service.llm import ChainError
from spantail_service.operations import scoring
from spantail_service.operations.asking import Asking, usd_or_none
from spantail_service.operations.base import Operation, OperationError, Result, Tools, subject_of, work_on
from spantail_service.operations.job_search import prompts
from spantail_service.operations.job_search.fetching import Fetching
from spantail_service.operations.job_search.input import JobSearchInput
from spantail_service.operations.job_search.ranking import ScoredJob, rank
from spantail_service.operations.job_store import JobsUnavailableError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from spantail_service.operations.sources import JobPosting

logger = logging.getLogger(__name__)

_DEMO_TITLES = (
    ["python developer"],
    ["data engineer"],
    ["product designer"],
    ["backend engineer", "platform engineer"],
    ["technical writer"],
    ["machine learning engineer"],
)
_DEMO_LOCATIONS: tuple[list[str], ...] = ([], [], ["Germany"], ["Spain", "Portugal"])


async def search_jobs(request: JobSearchInput, tools: Tools) -> Result:
    """The ranked jobs, what each source gave, and a summary.

    Raises:
        OperationError: No source could be read, or no job could be scored.
    """
    return await _Search(request, tools).run()


def _demo_input(rng: Random, _job_ids: Sequence[str]) -> dict[str, Any]:
    return {
        "job_titles": rng.choice(_DEMO_TITLES),
        "locations": rng.choice(_DEMO_LOCATIONS),
        "max_results": rng.randint(6, 12),
    }


JOB_SEARCH = Operation(
    name="job-search",
    title="job search",
    description="Searches job boards side by side, scores every job with an LLM and ranks them.",
    input_model=JobSearchInput,
    layers=("fetch", "score", "rank", "store"),
    work=work_on(JobSearchInput, search_jobs),
    subject=subject_of(JobSearchInput, lambda request: ", ".join([*request.job_titles, *request.locations])),
    demo_input=_demo_input,
)


class _Search:
    """One run."""

    def __init__(self, request: JobSearchInput, tools: Tools) -> None:
        self._request = request
        self._tools = tools
        self._asking = Asking(tools.llm)
        self._fetching = Fetching(request, tools, self._asking)
        self._scored: list[ScoredJob] = []

    async def run(self) -> Result:
        sources = [source.value for source in self._request.sources]
        event("search_start", sources=sources, job_titles=self._request.job_titles, locations=self._request.locations)
        logger.info("searching %s for %s", ", ".join(sources), "; ".join(self._request.job_titles))
        await together(self._fetching.run(), self._score())
        ranked, summary = await self._rank()
        await self._store(ranked)
        event(
            "search_complete",
            found=self._fetching.total,
            ranked=len(ranked),
            total_cost_usd=self._asking.cost_usd,
        )
        return {
            "jobs": [_as_json(place, scored) for place, scored in enumerate(ranked, start=1)],
            "found": self._fetching.total,
            "sources": self._fetching.reports,
            "summary": summary,
            "cost": self._asking.cost,
            "warnings": self._asking.warnings,
        }

    # --- score

    async def _score(self) -> None:
        first = await self._fetching.found.get()
        with layer("score") as stage:
            if first is None:
                stage.skip("no jobs were found")
                return
            numbers = itertools.count(1)
            workers = self._asking.concurrency
            await together(
                self._work(first, numbers, stage),
                *(self._work(None, numbers, stage) for _ in range(workers - 1)),
            )
            if all(scored.score is None for scored in self._scored):
                raise OperationError(f"no job could be scored: {self._asking.warnings[-1]}")

    async def _work(self, job: JobPosting | None, numbers: itertools.count[int], stage: Scope) -> None:
        while True:
            if job is None:
                job = await self._fetching.found.get()
            if job is None:
                self._fetching.found.put_nowait(None)  # for the next worker
                return
            await self._score_one(job, next(numbers), stage)
            job = None

    async def _score_one(self, job: JobPosting, number: int, stage: Scope) -> None:
        about = {"spantail.job.id": job.id, "spantail.job.title": job.title, "spantail.source": job.source}
        try:
            answer = await self._asking.ask(
                scoring.score(job, self._request.job_titles, self._request.locations),
                scoring.read_score,
                name=f"score job {number}",
                attributes=about,
            )
        except ChainError as error:
            self._scored.append(ScoredJob(job, None, None))
            self._asking.warn(f"job {job.id} stays without a score: {error}")
            stage.event("job_unscored", job_id=job.id, number=number, cost_usd=usd_or_none(error.cost_nano))
        else:
            self._scored.append(ScoredJob(job, answer.value, answer.backend))
            logger.info("job %d scored %d: %s", number, answer.value.score, job.title)
            stage.event(
                "job_scored",
                job_id=job.id,
                number=number,
                score=answer.value.score,
                cost_usd=usd_or_none(answer.cost_nano),
                backend=answer.backend,
            )
        stage.progress(len(self._scored), self._fetching.total)

    # --- rank and store

    async def _rank(self) -> tuple[list[ScoredJob], str | None]:
        with layer("rank") as stage:
            if not self._scored:
                stage.skip("no jobs were found")
                return [], None
            must_have = (await self._fetching.expansion).must_have
            ranked = rank(self._scored, must_have, self._request.max_results)
            last = ranked[-1].score
            stage.event(
                "decision_point",
                decision="shortlist",
                kept=len(ranked),
                left_out=len(self._scored) - len(ranked),
                lowest_score=None if last is None else last.score,
            )
            return ranked, await self._summarise(ranked)

    async def _summarise(self, ranked: list[ScoredJob]) -> str | None:
        lines = [
            f"{scored.score.score} {scored.job.title}, {scored.job.company}: {scored.score.reason}"
            for scored in ranked[:5]
            if scored.score is not None
        ]
        try:
            answer = await self._asking.ask(
                prompts.summarise(self._request.job_titles, lines),
                prompts.read_summary,
                name="summarise shortlist",
                tier="high",
            )
        except ChainError as error:
            self._asking.warn(f"no summary: {error}")
            return None
        return answer.value.summary

    async def _store(self, ranked: list[ScoredJob]) -> None:
        with layer("store") as stage:
            if not ranked:
                stage.skip("no jobs were found")
                return
            try:
                await self._tools.jobs.put(scored.job for scored in self._scored)
            except JobsUnavailableError as error:
                # What was found and paid for is still worth having.
                self._asking.warn(f"the jobs were not kept for later, {error}")
                stage.skip("the jobs could not be kept")
                return
            stage.progress(len(self._scored), len(self._scored), "jobs kept for annotations")
            logger.info("stored %d jobs, %d of them ranked", len(self._scored), len(ranked))


def _as_json(place: int, scored: ScoredJob) -> dict[str, Any]:
    job, score = scored.job, scored.score
    return {
        "rank": place,
        "id": job.id,
        "title": job.title,
        "company": job.company,
        "location": job.location,
        "source": job.source,
        "url": job.url,
        "salary": job.salary,
        "published": job.published,
        "score": None if score is None else score.score,
        "reason": None if score is None else score.reason,
        "matched": [] if score is None else score.matched,
        "missing": [] if score is None else score.missing,
        "backend": scored.backend,
    }
