"""What a check still rejects after all repairs is left out, by code (pure)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from spantail_service.operations.cv_pipeline.document import DOCUMENT, Draft, position_part
from spantail_service.operations.cv_pipeline.texts import normal, sentences, stands_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spantail_service.operations.cv_pipeline.checks import Fault


def leave_out(draft: Draft, faults: Sequence[Fault], max_words: int) -> tuple[Draft, list[str]]:
    """The document without what the faults are about, and what that was.

    A sentence or bullet with a fault goes as a whole. A keyword that is missing is named among the skills. A document
    that is too long loses the last bullet of the longest position until it fits.
    """
    left_out: list[str] = []
    for fault in faults:
        if fault.rule == "keywords":
            draft = replace(draft, skills=(*draft.skills, fault.text))
        elif fault.rule != "length" and fault.part != DOCUMENT:
            draft = _without(draft, fault, left_out)
    while draft.words > max_words and any(draft.bullets):
        part = position_part(1 + max(range(len(draft.bullets)), key=lambda at: (len(draft.bullets[at]), at)))
        *kept, last = draft.text_of(part)
        left_out.append(last)
        draft = draft.with_part(part, kept)
    return draft, left_out


def _without(draft: Draft, fault: Fault, left_out: list[str]) -> Draft:
    texts = [each for text in draft.text_of(fault.part) for each in _units(fault.part, text)]
    wrong = [text for text in texts if fault.text in text or stands_in(fault.text, normal(text))]
    left_out += wrong
    return draft.with_part(fault.part, [text for text in texts if text not in wrong])


def _units(part: str, text: str) -> list[str]:
    """What is left out at a time: a sentence of the summary, a bullet."""
    return sentences(text) if part == "summary" else [text]
