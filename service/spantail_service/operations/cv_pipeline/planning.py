"""Layer `plan`: what to put forward, each choice with its reason as a decision point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from spantail import Scope, layer, phase
from spantail_service.llm import ChainError
from spantail_service.operations.cv_pipeline import prompts
from spantail_service.operations.cv_pipeline.texts import normal, stands_in

if TYPE_CHECKING:
    from spantail_service.operations.asking import Asking
    from spantail_service.operations.cv_pipeline.parsing import Cv
    from spantail_service.operations.cv_pipeline.posting import Posting

_IN_FULL = 4
_SKILLS = 12
_KEYWORDS = 8


@dataclass(frozen=True, slots=True)
class Plan:
    """What the document will be."""

    angle: str
    in_full: frozenset[int]
    """Numbers of the positions, from 1, that are told of; the others are only named, so that no time is missing."""
    skills: tuple[str, ...]
    keywords: tuple[str, ...]
    """Demands that the CV meets: the document has to name each."""


async def plan(cv: Cv, posting: Posting, asking: Asking) -> Plan:
    """Decide what to put forward. Where the LLM does not answer, it is the latest positions and all skills."""
    with layer("plan") as stage:
        covered = _covered(cv, posting)
        try:
            with phase("choose") as step:
                answer = await asking.ask(
                    prompts.plan(cv.reading, posting.title, posting.demands, covered),
                    prompts.read_plan,
                    name="plan CV",
                    tier="high",
                )
                made = _made(answer.value, cv, covered, step)
        except ChainError as error:
            asking.warn(f"the plan is the CV's own order: {error}")
            made = _own_order(cv, covered)
            stage.event("decision_point", decision="plan", chosen="the CV's own order", reason="no backend answered")
        stage.progress(len(covered), len(posting.demands), "demands are met")
        return made


def _covered(cv: Cv, posting: Posting) -> tuple[str, ...]:
    with phase("match demands") as step:
        text = normal(cv.text.body)
        covered = [demand for demand in posting.demands if stands_in(demand, text)]
        for demand in posting.demands:
            met = demand in covered
            step.event(
                "decision_point",
                decision="demand",
                demand=demand,
                chosen="put forward" if met else "leave out",
                reason="it stands in the CV" if met else "the CV does not have it",
            )
        return tuple(covered)


def _made(reply: prompts.PlanReply, cv: Cv, covered: tuple[str, ...], step: Scope) -> Plan:
    count = len(cv.reading.positions)
    numbers = [number for number in dict.fromkeys(reply.positions) if 1 <= number <= count][:_IN_FULL]
    by_name = {normal(skill): skill for skill in cv.reading.skills}
    skills = [by_name[name] for name in dict.fromkeys(map(normal, reply.skills)) if name in by_name][:_SKILLS]
    fallback = _own_order(cv, covered)
    in_full = frozenset(numbers) or fallback.in_full
    for number, position in enumerate(cv.reading.positions, start=1):
        chosen = "tell in full" if number in in_full else "name only"
        step.event("decision_point", decision=f"position {number}", chosen=chosen, position=position.role)
    chosen_skills = tuple(skills) or fallback.skills
    step.event("decision_point", decision="skills", chosen=", ".join(chosen_skills), of=len(cv.reading.skills))
    step.event("decision_point", decision="angle", chosen=reply.angle)
    return Plan(reply.angle, in_full, chosen_skills, fallback.keywords)


def _own_order(cv: Cv, covered: tuple[str, ...]) -> Plan:
    count = len(cv.reading.positions)
    return Plan(
        angle="what the CV puts first",
        in_full=frozenset(range(1, min(count, _IN_FULL) + 1)),
        skills=tuple(cv.reading.skills[:_SKILLS]),
        keywords=covered[:_KEYWORDS],
    )
