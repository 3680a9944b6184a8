"""Starts an operation now and then, so that the demo's page is alive."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from spantail_service.demo.corpus import make_jobs
from spantail_service.demo.faults import seeded
from spantail_service.operations.sources.himalayas import read_job

logger = logging.getLogger(__name__)

Start = Callable[[str, dict[str, Any]], Awaitable[object]]
"""Starts the operation of that name with that input, and returns without waiting for its end."""

_TITLES = (
    ["python developer"],
    ["data engineer"],
    ["product designer"],
    ["backend engineer", "platform engineer"],
    ["technical writer"],
    ["machine learning engineer"],
)
_LOCATIONS: tuple[list[str], ...] = ([], [], ["Germany"], ["Spain", "Portugal"])
_UNKNOWN_JOB = "a-job-that-was-taken-down-1000000000"


class Workload:
    """A slow, endless series of operations, decided by `seed`."""

    def __init__(self, start: Start, *, seed: int = 0, pause_s: tuple[float, float] = (20.0, 40.0)) -> None:
        """`pause_s` is the shortest and the longest time between two starts."""
        self._start = start
        self._rng = seeded(seed, "workload")
        self._pause_s = pause_s
        self._job_ids = [job.id for row in make_jobs(seed) if (job := read_job(row)) is not None]
        self._count = 0

    def next(self) -> tuple[str, dict[str, Any]]:
        """Name and input of the next operation: searches and annotations in turn, a search first; one
        annotation in six is of a job that no longer exists, since failed runs are part of life.
        """
        self._count += 1
        if self._count % 2:
            return "job-search", {
                "job_titles": self._rng.choice(_TITLES),
                "locations": self._rng.choice(_LOCATIONS),
                "max_results": self._rng.randint(6, 12),
            }
        gone = self._count % 12 == 0
        return "generate-annotations", {
            "job_id": _UNKNOWN_JOB if gone else self._rng.choice(self._job_ids),
            "count": self._rng.randint(4, 8),
        }

    async def run(self) -> None:
        """Start operations until cancelled. One that cannot be started is logged; the next has its turn."""
        while True:
            name, payload = self.next()
            try:
                await self._start(name, payload)
            except Exception:
                logger.exception("the demo could not start %s", name)
            await asyncio.sleep(self._rng.uniform(*self._pause_s))
