"""The layers `deduplicate` and `score`: what is new is scored by an LLM, and then counts as imported."""

from __future__ import annotations

import itertools
import logging
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from spantail import Scope, current_run_id, layer
from spantail_service.bounds.concurrency import together
from spantail_service.llm import ChainError
from spantail_service.operations import scoring
from spantail_service.operations.asking import Asking, usd_or_none
from spantail_service.operations.base import OperationError, Tools
from spantail_service.operations.job_store import JobsUnavailableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spantail_service.operations.job_ingest.input import Wanted
    from spantail_service.operations.sources import JobPosting

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ImportedJob:
    """A job that was taken in, and what was paid for its score."""

    job: JobPosting
    score: scoring.Score
    backend: str
    cost_nano: int | None


@dataclass(slots=True)
class Imported:
    """What became of the jobs that were found: each is in one of the three."""

    jobs: list[ImportedJob] = field(default_factory=list)
    duplicates: int = 0
    """Imported before, or by another run at this moment."""
    failed: int = 0
    """Without a score, or not kept: the next import tries them again."""


class Importing:
    """One run's work on the jobs that it found.

    Args:
        wanted: What they are scored against.
        tools: What it works with.
        asking: Asks the LLM.
    """

    def __init__(self, wanted: Wanted, tools: Tools, asking: Asking) -> None:
        self._wanted = wanted
        self._tools = tools
        self._asking = asking
        self._run_id = current_run_id() or uuid.uuid4().hex
        self._done = Imported()

    async def run(self, found: Sequence[JobPosting]) -> Imported:
        """Take in what is new.

        Raises:
            JobsUnavailableError: Nobody can say what is new.
            OperationError: There were new jobs, and none of them could be taken in.
        """
        new = await self._deduplicate(found)
        await self._score(new)
        return self._done

    async def _deduplicate(self, found: Sequence[JobPosting]) -> list[JobPosting]:
        with layer("deduplicate") as stage:
            if not found:
                stage.skip("no jobs were found")
                return []
            admitted = await self._tools.jobs.admit(found, self._run_id)
            self._done.duplicates = len(admitted.known) + len(admitted.busy)
            stage.event(
                "decision_point",
                decision="what is new",
                new=len(admitted.new),
                known=len(admitted.known),
                imported_elsewhere=len(admitted.busy),
            )
            stage.progress(len(found), len(found), f"{len(admitted.new)} new")
            return admitted.new

    async def _score(self, new: Sequence[JobPosting]) -> None:
        with layer("score") as stage:
            if not new:
                stage.skip("no job is new")
                return
            stage.progress(0, len(new))
            left, done = list(enumerate(new, start=1)), itertools.count(1)

            async def work() -> None:
                while left:
                    number, job = left.pop(0)
                    await self._import_one(job, number, stage)
                    stage.progress(next(done), len(new))

            await together(*(work() for _ in range(min(self._asking.concurrency, len(new)))))
            if self._done.failed == len(new):
                raise OperationError(f"no job could be imported: {self._asking.warnings[-1]}")

    async def _import_one(self, job: JobPosting, number: int, stage: Scope) -> None:
        try:
            answer = await self._asking.ask(
                scoring.score(job, self._wanted.keywords, self._wanted.locations, self._wanted.profile),
                scoring.read_score,
                name=f"score job {number}",
                attributes={"spantail.job.id": job.id, "spantail.job.title": job.title, "spantail.source": job.source},
            )
        except ChainError as error:
            self._fail(job, number, f"it has no score: {error}", stage, error.cost_nano)
            return
        stage.event(
            "job_scored",
            job_id=job.id,
            number=number,
            score=answer.value.score,
            cost_usd=usd_or_none(answer.cost_nano),
            backend=answer.backend,
        )
        logger.info("job %d scored %d: %s", number, answer.value.score, job.title)
        try:
            await self._tools.jobs.put([job])
            is_ours = await self._tools.jobs.finish(job.id, self._run_id)
        except JobsUnavailableError as error:
            self._fail(job, number, str(error), stage, answer.cost_nano)
            return
        if is_ours:
            self._done.jobs.append(ImportedJob(job, answer.value, answer.backend, answer.cost_nano))
        else:
            self._done.duplicates += 1  # this run was taken for dead, and another one has the job now

    def _fail(self, job: JobPosting, number: int, reason: str, stage: Scope, cost_nano: int | None) -> None:
        self._done.failed += 1
        self._asking.warn(f"job {job.id} is not imported: {reason}")
        stage.event("job_unscored", job_id=job.id, number=number, cost_usd=usd_or_none(cost_nano))
