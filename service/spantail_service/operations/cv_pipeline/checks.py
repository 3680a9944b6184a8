"""The checks of a document, by code alone: nothing invented, nothing left to fill in, short enough (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from spantail_service.operations.cv_pipeline.document import DOCUMENT, SUMMARY, Draft, number_of
from spantail_service.operations.cv_pipeline.texts import (
    normal,
    sentences,
    stands_in,
    strange_degrees,
    strange_names,
    strange_numbers,
)
from spantail_service.operations.placeholders import placeholders

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

RULES: Final = {
    "entries": "every role, employer, degree, school and date stands in the CV",
    "numbers": "every number stands in the CV, at the position that it is told of",
    "names": "every employer, school and tool that a sentence names stands in the CV or the posting",
    "degrees": "every degree that a sentence names stands in the CV",
    "placeholders": "nothing is left to be filled in",
    "length": "the document is not too long",
    "keywords": "what the posting demands and the CV has stands in the document",
}
"""What is checked, by the rule's name, in this order."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that a check rejects."""

    rule: str
    part: str
    """The part that has to be repaired: `summary`, `position 2`, or `document` where none can be named."""
    text: str
    """What was found, or what is missing."""

    @property
    def reason(self) -> str:
        """The fault in words, for people and for the LLM that is to repair it."""
        match self.rule:
            case "placeholders":
                return f"“{self.text}” is a placeholder"
            case "length":
                return f"it is too long: {self.text}"
            case "keywords":
                return f"“{self.text}” is demanded, stands in the CV and is missing here"
            case _:
                return f"“{self.text}” does not stand in the CV"


@dataclass(frozen=True, slots=True)
class Criteria:
    """What a document is checked against."""

    cv: str
    """The CV's text without contact details."""
    sources: Sequence[str]
    """For each position, the lines of the CV about it."""
    posting_names: Sequence[str]
    """Names of the posting that a sentence may use: title and company."""
    keywords: Sequence[str]
    """What the document has to name; the CV has each."""
    max_words: int

    def source_of(self, part: str) -> str:
        """The lines of the CV that a part, and its numbers, have to come from."""
        return self.cv if part == SUMMARY else self.sources[number_of(part) - 1]


def check(draft: Draft, criteria: Criteria) -> list[Fault]:
    """The faults of a document, by rule and part; none where all is well."""
    found = [
        *_entries(draft, criteria),
        *_numbers(draft, criteria),
        *_wording(draft, criteria),
        *_length(draft, criteria),
        *_keywords(draft, criteria),
    ]
    order = list(RULES)
    return sorted(dict.fromkeys(found), key=lambda fault: order.index(fault.rule))


def _entries(draft: Draft, criteria: Criteria) -> Iterator[Fault]:
    cv = normal(criteria.cv)
    named = [text for each in draft.positions for text in (each.role, each.employer, each.dates)]
    named += [text for each in draft.degrees for text in (each.degree, each.school, each.dates)]
    yield from (
        Fault("entries", DOCUMENT, text) for text in (*named, *draft.skills) if text and not stands_in(text, cv)
    )


def _numbers(draft: Draft, criteria: Criteria) -> Iterator[Fault]:
    for part in draft.parts:
        for text in draft.text_of(part):
            found = strange_numbers(text, criteria.source_of(part))
            yield from (Fault("numbers", part, number) for number in found)


def _wording(draft: Draft, criteria: Criteria) -> Iterator[Fault]:
    cv = normal(criteria.cv)
    known = " ; ".join((cv, *map(normal, criteria.posting_names)))
    for part in draft.parts:
        for text in draft.text_of(part):
            yield from (Fault("placeholders", part, found) for found in placeholders(text))
            yield from (Fault("degrees", part, degree) for degree in strange_degrees(text, cv))
            for sentence in sentences(text):
                yield from (Fault("names", part, name) for name in strange_names(sentence, known))


def _length(draft: Draft, criteria: Criteria) -> Iterator[Fault]:
    over = draft.words - criteria.max_words
    if over <= 0:
        return
    longest = max(
        draft.parts, key=lambda part: sum(len(text.split()) for text in draft.text_of(part)), default=DOCUMENT
    )
    yield Fault("length", longest, f"the document has {over} words too many")


def _keywords(draft: Draft, criteria: Criteria) -> Iterator[Fault]:
    text = normal(draft.markdown())
    part = SUMMARY if draft.summary else DOCUMENT
    yield from (Fault("keywords", part, word) for word in criteria.keywords if not stands_in(word, text))
