"""Layers `load` and `analyse`: the posting's text, and what it demands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from spantail import layer, phase
from spantail_service.operations.base import OperationError
from spantail_service.operations.cv_pipeline import prompts
from spantail_service.operations.cv_pipeline.texts import normal, stands_in
from spantail_service.operations.job_lookup import find_job

if TYPE_CHECKING:
    from spantail_service.operations.asking import Asking
    from spantail_service.operations.base import Tools
    from spantail_service.operations.cv_pipeline.input import CvPipelineInput


@dataclass(frozen=True, slots=True)
class PostingText:
    """A posting as it was found."""

    text: str
    job_id: str | None = None
    title: str = ""
    """Empty where only the text says it, as is `company`."""
    company: str = ""


@dataclass(frozen=True, slots=True)
class Posting:
    """A posting that was read."""

    title: str
    company: str
    """Empty where the posting does not say it."""
    demands: tuple[str, ...]
    """In the posting's own words, the most important one first."""
    job_id: str | None


async def load(request: CvPipelineInput, tools: Tools, asking: Asking) -> PostingText:
    """Get the posting's text, before anything costs money.

    Raises:
        OperationError: The job is unknown.
        SourceUnavailableError: The board cannot be read.
    """
    with layer("load") as stage:
        if request.job_id is None:
            found = PostingText(request.posting or "")
        else:
            job = await find_job(request.job_id, tools, stage, asking.warn)
            text = "\n".join((job.title, job.company, ", ".join(job.skills), job.description))
            found = PostingText(text, job.id, job.title, job.company)
        stage.progress(1, 1, found.title or f"a text of {len(found.text)} characters")
        return found


async def analyse(posting: PostingText, asking: Asking) -> Posting:
    """Read what a posting demands.

    Raises:
        OperationError: None of the demands that the LLM names stands in the posting.
        ChainError: No backend answered.
    """
    with layer("analyse") as stage:
        known = normal(posting.text)
        with phase("read demands") as step:
            answer = await asking.ask(
                prompts.analyse_posting(posting.text), prompts.read_posting_reading, name="read posting", tier="low"
            )
            reading = answer.value
            demands = tuple(dict.fromkeys(each for each in reading.demands if stands_in(each, known)))
            for demand in reading.demands:
                if demand not in demands:
                    step.event("demand_rejected", demand=demand, reason="it does not stand in the posting")
        if not demands:
            raise OperationError("none of the demands that the LLM named stands in the posting")
        title = posting.title or (reading.title if stands_in(reading.title, known) else "the job")
        company = posting.company or (reading.company if stands_in(reading.company, known) else "")
        stage.progress(len(demands), len(reading.demands), f"{title}, {company}" if company else title)
        return Posting(title, company, demands, posting.job_id)
