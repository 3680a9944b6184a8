"""What the CV pipeline asks the LLM, and how the answers are read (pure).

CV, posting and what an LLM wrote before are all material: they stand between tags.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

from pydantic import BeforeValidator, Field, StringConstraints

from spantail_service.operations.prompting import Phrase, Reply, Sentence, fenced, one_line, question, read_reply

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spantail_service.llm import Message

MAX_POSITIONS = 20
MAX_BULLETS = 6

# An answer says null or leaves out what the CV does not have.
_Optional = Annotated[
    str,
    BeforeValidator(lambda value: "" if value is None else value),
    StringConstraints(strip_whitespace=True, max_length=120),
]


class Position(Reply):
    """One position, in the CV's own words."""

    role: Phrase
    employer: Phrase
    dates: _Optional = ""


class Degree(Reply):
    """One degree, in the CV's own words."""

    degree: Phrase
    school: _Optional = ""
    dates: _Optional = ""


class CvReading(Reply):
    """What stands in a CV."""

    positions: list[Position] = Field(default_factory=list, max_length=MAX_POSITIONS)
    degrees: list[Degree] = Field(default_factory=list, max_length=10)
    skills: list[Phrase] = Field(default_factory=list, max_length=60)


class PostingReading(Reply):
    """What a posting demands."""

    title: Phrase
    company: _Optional = ""
    demands: list[Phrase] = Field(min_length=1, max_length=15)


class PlanReply(Reply):
    """What to put forward."""

    angle: Sentence
    positions: list[int] = Field(min_length=1, max_length=MAX_POSITIONS)
    skills: list[Phrase] = Field(default_factory=list, max_length=60)


class Paragraph(Reply):
    """A summary."""

    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1_500)]


class Bullets(Reply):
    """What was done in a position."""

    bullets: list[Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=400)]] = Field(
        min_length=1, max_length=MAX_BULLETS
    )


def read_cv(body: str) -> list[Message]:
    """Ask for the positions, degrees and skills of a CV."""
    return question(
        "read-cv",
        ["Copy each text as it stands in the CV, word for word. Leave out what it does not have.", fenced("cv", body)],
        '{"positions": [{"role": "", "employer": "", "dates": ""}], '
        '"degrees": [{"degree": "", "school": "", "dates": ""}], "skills": [""]}',
    )


def analyse_posting(posting: str) -> list[Message]:
    """Ask what a posting demands."""
    return question(
        "analyse-posting",
        ["Name each demand in the posting's own words, the most important one first.", fenced("posting", posting)],
        '{"title": "the job\'s title", "company": "who offers it, or empty", "demands": [3 to 10 skills or tools]}',
    )


def plan(reading: CvReading, title: str, demands: Sequence[str], covered: Sequence[str]) -> list[Message]:
    """Ask what to put forward."""
    numbered = "\n".join(
        f"{number} {one_line(each.role)}, {one_line(each.employer)}, {one_line(each.dates)}"
        for number, each in enumerate(reading.positions, start=1)
    )
    return question(
        "plan-cv",
        [
            f"Wanted: {one_line(title)}",
            fenced("demands", "\n".join(map(one_line, demands))),
            fenced("covered", "\n".join(map(one_line, covered))),
            fenced("positions", numbered),
            fenced("skills", "\n".join(map(one_line, reading.skills))),
        ],
        '{"angle": "one sentence: what to put forward", "positions": [numbers of at most 4 positions to tell of '
        'in full], "skills": [at most 12 of the skills, the most wanted one first]}',
    )


_RULES = (
    "Use only what stands in the material. Add no number, name, employer, date or degree, and work out none. "
    "Leave nothing to be filled in."
)


def write_summary(angle: str, title: str, keywords: Sequence[str], body: str) -> list[Message]:
    """Ask for the summary at the head of the document."""
    return question(
        "write-summary",
        [
            _RULES,
            f"Wanted: {one_line(title)}",
            fenced("angle", one_line(angle)),
            fenced("keywords", "\n".join(map(one_line, keywords))),
            fenced("cv", body),
        ],
        '{"text": "two or three sentences, without \'I\'"}',
    )


def write_position(number: int, position: Position, keywords: Sequence[str], source: str) -> list[Message]:
    """Ask for the bullets of one position."""
    return question(
        "write-position",
        [
            _RULES,
            f"Number: {number}",
            f"Position: {one_line(position.role)}, {one_line(position.employer)}",
            fenced("keywords", "\n".join(map(one_line, keywords))),
            fenced("source", source),
        ],
        '{"bullets": [2 to 5 short lines on what was done, the most wanted one first]}',
    )


def repair(part: str, texts: Sequence[str], faults: Sequence[str], source: str) -> list[Message]:
    """Ask for one part anew, without its faults; the answer has the form that the part had at first."""
    is_summary = part == "summary"
    return question(
        "repair-summary" if is_summary else "repair-position",
        [
            f"{_RULES} Mend only what is wrong and keep the rest.",
            f"Part: {part}",
            fenced("wrong", "\n".join(map(one_line, faults))),
            fenced("draft", "\n".join(map(one_line, texts))),
            fenced("source", source),
        ],
        '{"text": "the summary"}' if is_summary else '{"bullets": [the lines]}',
    )


read_cv_reading = partial(read_reply, form=CvReading)
read_posting_reading = partial(read_reply, form=PostingReading)
read_plan = partial(read_reply, form=PlanReply)
read_paragraph = partial(read_reply, form=Paragraph)
read_bullets = partial(read_reply, form=Bullets)
