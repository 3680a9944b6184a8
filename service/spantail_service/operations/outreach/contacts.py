"""The contacts of a job, read from its posting by rules (pure).

The same posting gives the same contacts in the same order, in every process: an index means the same person each time.
A name is one that the posting says; where it says none, the contact is a role.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from spantail_service.operations.outreach.input import MAX_INDEX, ContactType

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spantail_service.operations.sources import JobPosting

_NAME: Final = r"(?P<name>[A-Z][\w'’.-]{1,30}(?: [A-Z][\w'’.-]{1,30}){1,2})"
_ROLE: Final = r"(?P<role>(?:[A-Z][\w/&-]{1,30}|of|for|and|VP|CTO|CEO)(?: (?:[A-Z][\w/&-]{1,30}|of|for|and)){0,5})"
_BOSS: Final = re.compile(rf"\b[Rr]eports? (?:directly )?to (?:the |our )?{_ROLE}")
_RECRUITER: Final = re.compile(
    r"\b(?:[Cc]ontact(?: is|:)?|[Ww]rite to|[Aa]sk|[Qq]uestions to|[Aa]pply to|[Rr]ecruiter(?: is|:|,)?) " + _NAME
)
_PEER: Final = re.compile(rf"\b[Cc]olleagues?(?::|,| are| is)? {_NAME}")
_NO_NAME: Final = re.compile(r"\b(?:Acquisition|Department|HR|Human|People|Recruiting|Resources|Talent|Team|Us)\b")


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody to write to."""

    role: str
    """`Head of Engineering`."""
    name: str = ""
    """Empty where the posting names nobody."""
    from_posting: bool = False
    """The posting says it; else it is who such a job always has."""

    @property
    def address(self) -> str:
        """The contact in words: `Ada Example, Recruiter`."""
        return f"{self.name}, {self.role}" if self.name else self.role


def contacts_of(job: JobPosting, kind: ContactType) -> list[Contact]:
    """Whom one can write to, those whom the posting speaks of first; never empty, ten at most."""
    found = dict.fromkeys(_found(job, kind))
    return [*found, _usual(job, kind)][: MAX_INDEX + 1]


def _found(job: JobPosting, kind: ContactType) -> Iterator[Contact]:
    match kind:
        case ContactType.HIRING_MANAGER:
            for boss in _BOSS.finditer(job.description):
                yield Contact(re.sub(r"(?: (?:of|for|and))+$", "", boss["role"]), from_posting=True)
        case ContactType.RECRUITER:
            yield from (_person(found["name"], "Recruiter") for found in _named(_RECRUITER, job))
        case ContactType.PEER:
            yield from (_person(found["name"], "Colleague") for found in _named(_PEER, job))


def _named(pattern: re.Pattern[str], job: JobPosting) -> Iterator[re.Match[str]]:
    """Who is named, the company itself left out."""
    for found in pattern.finditer(job.description):
        if found["name"].casefold() not in job.company.casefold() and job.company not in found["name"]:
            yield found


def _person(name: str, role: str) -> Contact:
    name = name.rstrip(".'’-")
    return Contact(name, from_posting=True) if _NO_NAME.search(name) else Contact(role, name, from_posting=True)


def _usual(job: JobPosting, kind: ContactType) -> Contact:
    match kind:
        case ContactType.HIRING_MANAGER:
            return Contact(f"Hiring manager for {job.title}")
        case ContactType.RECRUITER:
            return Contact(f"Recruiter at {job.company}")
        case ContactType.PEER:
            return Contact(f"{job.title} at {job.company}")
