"""The document in the making: what is written, part by part, and its Markdown (pure)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spantail_service.operations.cv_pipeline.prompts import Degree, Position

SUMMARY: Final = "summary"
DOCUMENT: Final = "document"
"""The part that a fault of the whole is about."""


def position_part(number: int) -> str:
    """The name of the part that is about the position of this number, from 1."""
    return f"position {number}"


def number_of(part: str) -> int:
    """The number of the position that a part is about."""
    return int(part.removeprefix("position "))


@dataclass(frozen=True, slots=True)
class Draft:
    """The document. Parts have names: `summary`, and `position 1` for the first position's bullets."""

    header: tuple[str, ...]
    positions: tuple[Position, ...]
    degrees: tuple[Degree, ...]
    skills: tuple[str, ...]
    summary: str = ""
    bullets: tuple[tuple[str, ...], ...] = ()
    """For each position; empty for one that is only named."""

    def text_of(self, part: str) -> list[str]:
        """The texts of a part: a summary is one, a position's bullets are several."""
        if part == SUMMARY:
            return [self.summary] if self.summary else []
        number = number_of(part)
        return list(self.bullets[number - 1])

    def with_part(self, part: str, texts: Sequence[str]) -> Self:
        """The same with other texts in one part."""
        if part == SUMMARY:
            return replace(self, summary=" ".join(texts))
        number = number_of(part)
        bullets = [tuple(texts) if at == number else old for at, old in enumerate(self.bullets, start=1)]
        return replace(self, bullets=tuple(bullets))

    @property
    def parts(self) -> list[str]:
        """The parts that were written, and so may be repaired."""
        written = [position_part(at) for at, texts in enumerate(self.bullets, start=1) if texts]
        return [SUMMARY, *written] if self.summary else written

    @property
    def words(self) -> int:
        """How long the document is, the header left out: nobody can shorten a name."""
        return len(_body(self).split())

    def markdown(self) -> str:
        """The document."""
        header = "\n".join(self.header).strip()
        return f"{header}\n\n{_body(self)}\n" if header else f"{_body(self)}\n"


def _body(draft: Draft) -> str:
    blocks: list[str] = []
    if draft.summary:
        blocks += ["## Summary", draft.summary]
    if draft.skills:
        blocks += ["## Skills", ", ".join(draft.skills)]
    if draft.positions:
        blocks.append("## Experience")
    for position, bullets in zip(draft.positions, draft.bullets, strict=True):
        blocks.append("### " + ", ".join(filter(None, (position.role, position.employer, position.dates))))
        if bullets:
            blocks.append("\n".join(f"- {bullet}" for bullet in bullets))
    if draft.degrees:
        blocks += ["## Education", "\n".join(f"- {_degree(each)}" for each in draft.degrees)]
    return "\n\n".join(blocks)


def _degree(degree: Degree) -> str:
    return ", ".join(filter(None, (degree.degree, degree.school, degree.dates)))
