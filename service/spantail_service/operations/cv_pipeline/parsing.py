"""Layer `parse`: what stands in the CV. The LLM reads it, and nothing is believed that is not there word for word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from spantail import Scope, layer, phase
from spantail_service.operations.base import OperationError
from spantail_service.operations.cv_pipeline import prompts
from spantail_service.operations.cv_pipeline.structure import CvText, excerpts, split
from spantail_service.operations.cv_pipeline.texts import normal, stands_in

if TYPE_CHECKING:
    from spantail_service.operations.asking import Asking

_HEADING = 80  # characters of a heading that an event has


@dataclass(frozen=True, slots=True)
class Cv:
    """A CV that was read."""

    text: CvText
    reading: prompts.CvReading
    """Only what stands in the CV word for word."""
    sources: tuple[str, ...]
    """For each position, the lines of the CV about it."""


async def parse(cv: str, asking: Asking) -> Cv:
    """Read a CV.

    Raises:
        OperationError: No position and no degree could be found in it.
        ChainError: No backend answered.
    """
    with layer("parse") as stage:
        stage.event("cv_struct_start", characters=len(cv))
        text = _split(cv)
        with phase("read entries") as step:
            answer = await asking.ask(
                prompts.read_cv(text.body), prompts.read_cv_reading, name="read CV", tier="low", max_tokens=2_000
            )
            reading = _only_what_is_there(answer.value, text.body, step)
        if not reading.positions and not reading.degrees:
            raise OperationError("no position and no degree could be found in the CV")
        stage.event(
            "cv_struct_complete",
            sections=len(text.sections),
            positions=len(reading.positions),
            degrees=len(reading.degrees),
            skills=len(reading.skills),
        )
        return Cv(text, reading, excerpts(text.body, reading.positions))


def _split(cv: str) -> CvText:
    with phase("split sections") as step:
        text = split(cv)
        for number, section in enumerate(text.sections, start=1):
            step.event("cv_struct_section", number=number, heading=section.heading[:_HEADING], lines=len(section.lines))
        if not text.body:
            raise OperationError("the CV has no text below its heading")
        return text


def _only_what_is_there(reading: prompts.CvReading, body: str, step: Scope) -> prompts.CvReading:
    cv = normal(body)

    def stands(kind: str, *texts: str) -> bool:
        missing = [text for text in texts if text and not stands_in(text, cv)]
        for text in missing:
            step.event("cv_struct_rejected", entry=kind, text=text, reason="it does not stand in the CV")
        return not missing

    skills = dict.fromkeys(skill for skill in reading.skills if stands("skill", skill))
    return prompts.CvReading(
        positions=[each for each in reading.positions if stands("position", each.role, each.employer, each.dates)],
        degrees=[each for each in reading.degrees if stands("degree", each.degree, each.school, each.dates)],
        skills=list(skills),
    )
