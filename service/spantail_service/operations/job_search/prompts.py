"""What a job search asks the LLM, and how the answers are read (pure)."""

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


class Expansion(Reply):
    """What else to search for."""

    related_titles: list[Phrase] = Field(default_factory=list, max_length=10)
    must_have: list[Phrase] = Field(default_factory=list, max_length=20)


class Score(Reply):
    """How well a job fits."""

    score: int = Field(ge=0, le=100)
    reason: Sentence
    matched: list[Phrase] = Field(default_factory=list, max_length=20)
    missing: list[Phrase] = Field(default_factory=list, max_length=20)


class Summary(Reply):
    """The shortlist in words."""

    summary: Sentence


def expand(titles: Sequence[str], locations: Sequence[str]) -> list[Message]:
    """Ask for related job titles and for what such jobs demand."""
    return question(
        "expand-search",
        [f"Titles: {'; '.join(titles)}", f"Locations: {'; '.join(locations) or 'anywhere'}"],
        '{"related_titles": [at most 2 other titles for the same work], "must_have": [at most 5 skills]}',
    )


def score(job: JobPosting, titles: Sequence[str], locations: Sequence[str]) -> list[Message]:
    """Ask how well one job fits the search."""
    return question(
        "score-job",
        [
            f"Wanted titles: {'; '.join(titles)}",
            f"Wanted locations: {'; '.join(locations) or 'anywhere'}",
            _job(job),
        ],
        '{"score": 0 to 100, "reason": "one sentence", "matched": [skills], "missing": [skills]}',
    )


def summarise(titles: Sequence[str], lines: Sequence[str]) -> list[Message]:
    """Ask for the shortlist in two sentences."""
    return question(
        "summarise-shortlist",
        [f"Wanted titles: {'; '.join(titles)}", fenced("shortlist", "\n".join(lines))],
        '{"summary": "two sentences on what stands out"}',
    )


def read_expansion(text: str) -> Expansion:
    """Read the answer to `expand`.

    Raises:
        ValueError: The answer has another form. The message does not repeat it.
    """
    return read_reply(text, Expansion)


def read_score(text: str) -> Score:
    """Read the answer to `score`.

    Raises:
        ValueError: The answer has another form. The message does not repeat it.
    """
    return read_reply(text, Score)


def read_summary(text: str) -> Summary:
    """Read the answer to `summarise`.

    Raises:
        ValueError: The answer has another form. The message does not repeat it.
    """
    return read_reply(text, Summary)


def _job(job: JobPosting) -> str:
    lines = [
        f"Title: {one_line(job.title)}",
        f"Company: {one_line(job.company)}",
        f"Location: {one_line(job.location)}",
        f"Skills: {one_line(', '.join(job.skills)) or 'not named'}",
        f"Description: {job.description[:_DESCRIPTION]}",
    ]
    return fenced("job", "\n".join(lines))
