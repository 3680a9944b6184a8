"""What a job search asks the LLM, and how the answers are read (pure)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from spantail_service.operations.prompting import Phrase, Reply, Sentence, fenced, question, read_reply

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spantail_service.llm import Message


class Expansion(Reply):
    """What else to search for."""

    related_titles: list[Phrase] = Field(default_factory=list, max_length=10)
    must_have: list[Phrase] = Field(default_factory=list, max_length=20)


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


def read_summary(text: str) -> Summary:
    """Read the answer to `summarise`.

    Raises:
        ValueError: The answer has another form. The message does not repeat it.
    """
    return read_reply(text, Summary)
