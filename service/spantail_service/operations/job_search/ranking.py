"""Puts scored jobs in order, and finds the same job in two sources (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from spantail_service.operations.scoring import Score
    from spantail_service.operations.sources import JobPosting


@dataclass(frozen=True, slots=True)
class ScoredJob:
    """A job with the LLM's judgement; `score` is None when no backend could give one."""

    job: JobPosting
    score: Score | None
    backend: str | None


class Seen:
    """Remembers jobs, so that one that two sources list is paid for once."""

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._names: set[tuple[str, str]] = set()

    def is_new(self, job: JobPosting) -> bool:
        """Whether neither its id nor its title at this company came before; it counts as seen from now."""
        name = (" ".join(job.title.lower().split()), " ".join(job.company.lower().split()))
        if job.id in self._ids or name in self._names:
            return False
        self._ids.add(job.id)
        self._names.add(name)
        return True


def rank(jobs: Iterable[ScoredJob], must_have: Sequence[str], limit: int) -> list[ScoredJob]:
    """The best `limit` jobs: by score, then by wanted skills, then the newer; unscored ones come last."""
    wanted = [skill.lower() for skill in must_have]

    def order(scored: ScoredJob) -> tuple[int, int, str, str]:
        text = f"{scored.job.title} {' '.join(scored.job.skills)} {scored.job.description}".lower()
        points = -1 if scored.score is None else scored.score.score
        return points, sum(skill in text for skill in wanted), scored.job.published or "", scored.job.id

    return sorted(jobs, key=order, reverse=True)[:limit]
