"""Layer `validate`: checks by code, repairs by the LLM of what failed and of nothing else, bounded."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spantail import Scope, layer, phase, subphase
from spantail_service.bounds.concurrency import together
from spantail_service.llm import ChainError
from spantail_service.operations.base import OperationError
from spantail_service.operations.cv_pipeline import prompts
from spantail_service.operations.cv_pipeline.checks import RULES, Criteria, Fault, check
from spantail_service.operations.cv_pipeline.document import DOCUMENT, SUMMARY, Draft
from spantail_service.operations.cv_pipeline.leaving_out import leave_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spantail_service.llm import Message
    from spantail_service.operations.asking import Asking

_SHOWN = 3  # faults that an event names


@dataclass(frozen=True, slots=True)
class Checked:
    """A document that passed every check, and how it came to that."""

    draft: Draft
    checks: list[dict[str, Any]]
    repairs: list[dict[str, Any]]
    left_out: list[str]


async def validate(draft: Draft, criteria: Criteria, asking: Asking, *, max_repairs: int) -> Checked:
    """Check, repair and check again, `max_repairs` times at most; what is wrong then is left out.

    Raises:
        OperationError: Nothing of what was written passes the checks.
    """
    with layer("validate") as stage:
        return await _Validating(draft, criteria, asking, stage).run(max_repairs)


class _Validating:
    def __init__(self, draft: Draft, criteria: Criteria, asking: Asking, stage: Scope) -> None:
        self._draft = draft
        self._criteria = criteria
        self._asking = asking
        self._stage = stage
        self._rounds: list[Counter[str]] = []
        self._repairs: list[dict[str, Any]] = []

    async def run(self, max_repairs: int) -> Checked:
        faults = self._check()
        for attempt in range(1, max_repairs + 1):
            if not faults:
                break
            self._decide("repair", faults)
            await self._repair(attempt, faults)
            faults = self._check()
        left_out: list[str] = []
        # Twice: a sentence that went may have been the only one that named a keyword.
        for _ in range(2):
            if faults:
                self._decide("leave out", faults)
                self._draft, gone = leave_out(self._draft, faults, self._criteria.max_words)
                left_out += gone
                faults = self._check()
        if faults:
            raise OperationError(f"the document does not pass its checks: {'; '.join(f.reason for f in faults)}")
        if not self._draft.parts:
            raise OperationError("nothing of what was written passes the checks")
        checks = [
            {"rule": rule, "means": means, "valid": True, "faults_at_first": self._rounds[0][rule]}
            for rule, means in RULES.items()
        ]
        return Checked(self._draft, checks, self._repairs, left_out)

    def _check(self) -> list[Fault]:
        number = len(self._rounds) + 1
        with phase(f"check {number}") as step:
            faults = check(self._draft, self._criteria)
            counts = Counter(fault.rule for fault in faults)
            for rule in RULES:
                reasons = [f"{fault.part}: {fault.reason}" for fault in faults if fault.rule == rule]
                step.event(
                    "validation_result",
                    rule=rule,
                    valid=not reasons,
                    faults=len(reasons),
                    reason="; ".join(reasons[:_SHOWN]) or None,
                )
            self._rounds.append(counts)
            passed = len(RULES) - len(counts)
            self._stage.progress(passed, len(RULES), f"check {number}: {len(faults)} faults")
            return faults

    def _decide(self, chosen: str, faults: Sequence[Fault]) -> None:
        parts = ", ".join(dict.fromkeys(fault.part for fault in faults))
        self._stage.event("decision_point", decision="faults", chosen=chosen, faults=len(faults), parts=parts)

    async def _repair(self, attempt: int, faults: Sequence[Fault]) -> None:
        by_part: dict[str, list[Fault]] = {}
        for fault in faults:
            if fault.part != DOCUMENT:
                by_part.setdefault(fault.part, []).append(fault)
        with phase(f"repair {attempt}"):
            await together(*(self._repair_part(attempt, part, found) for part, found in by_part.items()))

    async def _repair_part(self, attempt: int, part: str, faults: Sequence[Fault]) -> None:
        reasons = [fault.reason for fault in faults]
        asked = prompts.repair(part, self._draft.text_of(part), reasons, self._criteria.source_of(part))
        entry: dict[str, Any] = {"attempt": attempt, "part": part, "faults": reasons, "backend": None}
        self._repairs.append(entry)
        try:
            with subphase(part) as step:
                step.set("spantail.cv.faults", reasons)
                texts, entry["backend"] = await self._mended(part, asked)
        except ChainError as error:
            self._asking.warn(f"{part} could not be repaired: {error}")
        else:
            self._draft = self._draft.with_part(part, texts)

    async def _mended(self, part: str, asked: Sequence[Message]) -> tuple[list[str], str]:
        name = f"repair {part}"
        if part == SUMMARY:
            paragraph = await self._asking.ask(asked, prompts.read_paragraph, name=name, tier="high")
            return [paragraph.value.text], paragraph.backend
        bullets = await self._asking.ask(asked, prompts.read_bullets, name=name)
        return bullets.value.bullets, bullets.backend
