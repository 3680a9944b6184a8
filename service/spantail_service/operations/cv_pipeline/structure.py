"""A CV's Markdown as it was given: who it is about, and its sections (pure).

The heading with the name, and what stands below it before the first section, is who the CV is about and how to reach
them. No LLM is told of it, nor of addresses in the text below: the result gets them from here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from spantail_service.operations.cv_pipeline.texts import normal, stands_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spantail_service.operations.cv_pipeline.prompts import Position

# Each part begins where nothing before it could be a part of it too: the time is in proportion to the text.
_LEVELS: Final = 6  # of headings in Markdown
_CONTACT: Final = re.compile(
    r"(?im)^[^\w\n]*+(?:phone|tel(?:ephone)?|mobile|address|e-?mail)\b.*$"
    r"|(?<![\w.+-])[\w.+-]++@[\w-]++(?:\.[\w-]++)+|\bhttps?://\S+|\bwww\.\S+|\+\d[\d ()./-]{6,}\d"
)


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and the lines below it; the heading is empty for what stands before the first one."""

    heading: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CvText:
    """A CV in parts."""

    header: tuple[str, ...]
    """The heading with the name and the lines below it, as they are; empty where the CV begins with a section."""
    sections: tuple[Section, ...]

    @property
    def body(self) -> str:
        """What an LLM may be given: the sections, without addresses."""
        lines = [line for part in self.sections for line in (f"## {part.heading}" if part.heading else "", *part.lines)]
        return _CONTACT.sub("", "\n".join(lines)).strip()


class _Heading(NamedTuple):
    at: int
    level: int
    text: str


def split(cv: str) -> CvText:
    """The parts of a CV in Markdown. A text without headings is one section."""
    lines = cv.splitlines()
    headings = [found for at, line in enumerate(lines) if (found := _heading(at, line.strip()))]
    first_text = next((at for at, line in enumerate(lines) if line.strip()), 0)
    has_header = bool(headings) and headings[0].at == first_text and _opens(headings)
    below = headings[1:] if has_header else headings
    if not below:
        name = first_text + 1 if has_header else 0
        return CvText(tuple(lines[:name]), (Section("", tuple(lines[name:])),))
    level = min(found.level for found in below)
    starts = [found for found in below if found.level == level]
    before = tuple(lines[: starts[0].at])
    sections = [
        Section(start.text, tuple(lines[start.at + 1 : end]))
        for start, end in zip(starts, [*(following.at for following in starts[1:]), len(lines)], strict=True)
    ]
    if has_header:
        return CvText(before, tuple(sections))
    if any(line.strip() for line in before):
        sections.insert(0, Section("", before))
    return CvText((), tuple(sections))


def excerpts(body: str, positions: Sequence[Position]) -> tuple[str, ...]:
    """For each position, the lines about it: from the one that names it best to the next position or section.

    For a position that no line names it is the whole `body`.
    """
    lines = body.splitlines()
    texts = [normal(line) for line in lines]
    starts = [_start(position, lines, texts) for position in positions]
    ends = sorted({at for at in starts if at is not None} | {at for at, line in enumerate(lines) if line[:3] == "## "})
    ends.append(len(lines))
    return tuple(
        body if start is None else "\n".join(lines[start : next(end for end in ends if end > start)]).strip()
        for start in starts
    )


def _start(position: Position, lines: Sequence[str], texts: Sequence[str]) -> int | None:
    """The line that has most of role, employer and dates; among equals the first."""

    def weight(at: int) -> int:
        if not texts[at]:
            return 0
        named = 2 * stands_in(position.role, texts[at]) + 2 * stands_in(position.employer, texts[at])
        return named + stands_in(position.dates, texts[at]) + lines[at].startswith("#") if named else 0

    best = max(range(len(lines)), key=weight, default=None)
    return best if best is not None and weight(best) else None


def _heading(at: int, line: str) -> _Heading | None:
    text = line.lstrip("#")
    level = len(line) - len(text)
    title = text.strip().rstrip("#").rstrip()
    return _Heading(at, level, title) if 1 <= level <= _LEVELS and text[:1].isspace() and title else None


def _opens(headings: Sequence[_Heading]) -> bool:
    """Whether the first heading is above the others: then it has the name, and is no section."""
    return headings[0].level < min((found.level for found in headings[1:]), default=2)
