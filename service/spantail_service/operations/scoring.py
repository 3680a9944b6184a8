"""How an LLM is asked how well a job fits, for every operation that wants to know (pure)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from spantail_service.operations.prompting import Phrase, Reply, Sentence, fenced, one_line, question, read_reply

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spantail_service.llm import Message
    from spantail_service.operations.sources import JobPosting

_DESCRIPTION = 2_500
"""Characters of a job's description that the LLM is given."""


class Score(Reply):
    """How well a job fits."""

    score: int = Field(ge=0, le=100)
    reason: Sentence
    matched: list[Phrase] = Field(default_factory=list, max_length=20)
    missing: list[Phrase] = Field(default_factory=list, max_length=20)


def score(job: JobPosting, titles: Sequence[str], locations: Sequence[str], profile: str = "") -> list[Message]:
    """Ask how well one job fits.

    Args:
        job: The job.
        titles: What is wanted.
        locations: Where; empty means anywhere.
        profile: What else counts, in the user's own words.
    """
    return question(
        "score-job",
        [
            f"Wanted titles: {'; '.join(titles)}",
            f"Wanted locations: {'; '.join(locations) or 'anywhere'}",
            *([fenced("profile", profile)] if profile else []),
            _job(job),
        ],
        '{"score": 0 to 100, "reason": "one sentence", "matched": [skills], "missing": [skills]}',
    )


def read_score(text: str) -> Score:
    """Read the answer to `score`.

    Raises:
        ValueError: The answer has another form. The message does not repeat it.
    """
    return read_reply(text, Score)


def _job(job: JobPosting) -> str:
    lines = [
        f"Title: {one_line(job.title)}",
        f"Company: {one_line(job.company)}",
        f"Location: {one_line(job.location)}",
        f"Skills: {one_line(', '.join(job.skills)) or 'not named'}",
        f"Description: {job.description[:_DESCRIPTION]}",
    ]
    return fenced("job", "\n".join(lines))
