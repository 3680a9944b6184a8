"""Layer `write`: the summary and the bullets of each position, side by side; what needs no words comes from the CV."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spantail import Scope, layer, phase, subphase
from spantail_service.bounds.concurrency import together
from spantail_service.llm import ChainError
from spantail_service.operations.base import OperationError
from spantail_service.operations.cv_pipeline import prompts
from spantail_service.operations.cv_pipeline.document import SUMMARY, Draft, position_part

if TYPE_CHECKING:
    from spantail_service.operations.asking import Asking
    from spantail_service.operations.cv_pipeline.parsing import Cv
    from spantail_service.operations.cv_pipeline.planning import Plan
    from spantail_service.operations.cv_pipeline.posting import Posting


async def write(cv: Cv, posting: Posting, plan: Plan, asking: Asking) -> Draft:
    """The first draft.

    Raises:
        OperationError: No part of it could be written.
    """
    with layer("write") as stage:
        return await _Writing(cv, posting, plan, asking, stage).run()


class _Writing:
    def __init__(self, cv: Cv, posting: Posting, plan: Plan, asking: Asking, stage: Scope) -> None:
        self._cv = cv
        self._posting = posting
        self._plan = plan
        self._asking = asking
        self._stage = stage
        self._numbers = sorted(plan.in_full)
        self._done = 0

    async def run(self) -> Draft:
        reading = self._cv.reading
        draft = Draft(
            header=self._cv.text.header,
            positions=tuple(reading.positions),
            degrees=tuple(reading.degrees),
            skills=self._plan.skills,
            bullets=((),) * len(reading.positions),
        )
        self._stage.progress(0, 1 + len(self._numbers))
        with phase("draft"):
            texts = await together(self._summary(), *map(self._position, self._numbers))
        for part, text in zip((SUMMARY, *map(position_part, self._numbers)), texts, strict=True):
            draft = draft.with_part(part, text)
        if not draft.parts:
            raise OperationError(f"no part of the document could be written: {self._asking.warnings[-1]}")
        self._stage.progress(self._done, 1 + len(self._numbers), f"{draft.words} words")
        return draft

    async def _summary(self) -> list[str]:
        asked = prompts.write_summary(self._plan.angle, self._posting.title, self._plan.keywords, self._cv.text.body)
        try:
            with subphase(SUMMARY):
                answer = await self._asking.ask(asked, prompts.read_paragraph, name="write summary", tier="high")
        except ChainError as error:
            return self._missing(SUMMARY, error)
        self._one_more()
        return [answer.value.text]

    async def _position(self, number: int) -> list[str]:
        position = self._cv.reading.positions[number - 1]
        part = position_part(number)
        asked = prompts.write_position(number, position, self._plan.keywords, self._cv.sources[number - 1])
        try:
            with subphase(part, attributes={"spantail.cv.employer": position.employer}):
                answer = await self._asking.ask(asked, prompts.read_bullets, name=f"write {part}")
        except ChainError as error:
            return self._missing(part, error)
        self._one_more()
        return answer.value.bullets

    def _missing(self, part: str, error: ChainError) -> list[str]:
        self._asking.warn(f"{part} is missing: {error}")
        return []

    def _one_more(self) -> None:
        self._done += 1
        self._stage.progress(self._done, 1 + len(self._numbers))
