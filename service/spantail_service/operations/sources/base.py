"""A job, a query, and what a source of jobs promises."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MAX_DESCRIPTION = 20_000
"""Characters of a description that are kept."""

UnavailableReason = Literal[
    "auth", "bad_response", "not_installed", "rate_limited", "timeout", "unavailable", "unreachable"
]


class SourceName(StrEnum):
    """The sources that can be searched."""

    HIMALAYAS = "himalayas"
    INDEED = "indeed"
    BAYT = "bayt"


@dataclass(frozen=True, slots=True)
class JobPosting:
    """One job, in one shape for all sources. Texts are plain, without markup."""

    id: str
    """Unique over all sources: 1 to 64 characters of [A-Za-z0-9_-]."""
    source: str
    title: str
    company: str
    location: str
    url: str
    description: str
    skills: tuple[str, ...] = ()
    salary: str | None = None
    published: str | None = None
    """ISO date."""


@dataclass(frozen=True, slots=True)
class JobQuery:
    """What to look for."""

    title: str
    location: str | None
    remote: bool | None
    limit: int
    """Most jobs wanted."""


class SourceUnavailableError(Exception):
    """A source cannot be read; `reason` is for machines, the message for people."""

    def __init__(self, reason: UnavailableReason, message: str) -> None:
        super().__init__(message)
        self.reason: UnavailableReason = reason


class JobSource(Protocol):
    """A place to search for jobs."""

    @property
    def name(self) -> SourceName:
        """Which one it is."""

    @property
    def follows_related(self) -> bool:
        """Whether it is quick enough to be asked for related titles too."""

    def skip_reason(self, query: JobQuery) -> str | None:
        """Why it is not worth asking, or None."""

    def search(self, query: JobQuery) -> AsyncIterator[list[JobPosting]]:
        """The jobs, page by page, best first.

        Raises:
            SourceUnavailableError: The source cannot be read, or not to its end; what could be read came before.
        """


_DROPPED = re.compile(r"<(script|style)\b", re.IGNORECASE)
_DROPPED_END = {name: re.compile(rf"</{name}\s*+>", re.IGNORECASE) for name in ("script", "style")}
_BREAK = re.compile(r"<\s*+(?:br|/?p|/?div|/?li|/?ul|/?ol|/?h[1-6])\b[^<>]*+>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]{0,2000}+>")
_HUGE_NUMBER = re.compile(r"&#[0-9]{8,}+;?")  # of no character; `int` refuses those of thousands of digits


def plain_text(markup: str) -> str:
    """`markup` without tags, entities resolved, one line per paragraph, at most `MAX_DESCRIPTION`.

    Takes time in proportion to the text, whatever is in it.
    """
    text = _without_code(markup[: 4 * MAX_DESCRIPTION])
    text = html.unescape(_HUGE_NUMBER.sub("", _TAG.sub("", _BREAK.sub("\n", text))))
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n".join(line for line in lines if line)[:MAX_DESCRIPTION]


def _without_code(markup: str) -> str:
    """`markup` without scripts and style sheets. One that does not end is left: so no end is looked for twice."""
    kept: list[str] = []
    at = start = 0
    endless: set[str] = set()
    while len(endless) < len(_DROPPED_END) and (opening := _DROPPED.search(markup, at)):
        at = opening.end()
        name = opening[1].lower()
        end = None if name in endless else _DROPPED_END[name].search(markup, at)
        if end is None:
            endless.add(name)
        else:
            kept += (markup[start : opening.start()], " ")
            start = at = end.end()
    return "".join((*kept, markup[start:]))


def safe_id(text: str) -> str:
    """`text` as a job id. Its end is kept when it is too long: that is where sources put their numbers."""
    return re.sub(r"[^A-Za-z0-9_]+", "-", text).strip("-")[-64:].lstrip("-") or "unknown"
