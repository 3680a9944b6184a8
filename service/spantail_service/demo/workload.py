"""Starts an operation now and then while somebody looks, so that the demo's page is alive."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from spantail_service.demo.corpus import make_jobs
from spantail_service.demo.faults import seeded
from spantail_service.operations.sources.himalayas import read_job

if TYPE_CHECKING:
    from spantail_service.operations.base import Operation

logger = logging.getLogger(__name__)

Start = Callable[[str, dict[str, Any]], Awaitable[object]]
"""Starts the operation of that name with that input, and returns without waiting for its end."""

_LOOK_S = 0.5  # between two looks whether somebody has come
_AWAY_S = 5.0  # who reloads the page has not been away


class Workload:
    """A slow, endless series of operations, decided by `seed`; every one that the demo can start has its turn.

    Args:
        catalogue: The operations by name; those without `demo_input` are left out.
        start: Starts one.
        is_watched: Whether somebody looks at the moment. While nobody does, nothing is started.
        seed: Decides the inputs.
        pause_s: The shortest and the longest time between two starts.
        look_s: Seconds between two looks whether somebody has come.
        away_s: Who comes after nobody was there for so many seconds sees something begin at once.

    Raises:
        ValueError: The demo can start none of the operations.
    """

    def __init__(
        self,
        catalogue: Mapping[str, Operation],
        start: Start,
        is_watched: Callable[[], bool],
        *,
        seed: int = 0,
        pause_s: tuple[float, float] = (20.0, 40.0),
        look_s: float = _LOOK_S,
        away_s: float = _AWAY_S,
    ) -> None:
        self._makers = [(name, op.demo_input) for name, op in catalogue.items() if op.demo_input is not None]
        if not self._makers:
            raise ValueError("no operation says how a demo input is made")
        self._start = start
        self._is_watched = is_watched
        self._rng = seeded(seed, "workload")
        self._pause_s = pause_s
        self._look_s = look_s
        self._away_s = away_s
        self._job_ids = [job.id for row in make_jobs(seed) if (job := read_job(row)) is not None]
        self._count = 0

    def next(self) -> tuple[str, dict[str, Any]]:
        """Name and input of the next operation: all in turn, in the order of the catalogue."""
        name, make = self._makers[self._count % len(self._makers)]
        self._count += 1
        return name, make(self._rng, self._job_ids)

    async def run(self) -> None:
        """Start operations until cancelled. One that cannot be started is logged; the next has its turn."""
        pause_s = 0.0
        while True:
            await self._next_time(pause_s)
            name, payload = self.next()
            try:
                await self._start(name, payload)
            except Exception:
                logger.exception("the demo could not start %s", name)
            pause_s = self._rng.uniform(*self._pause_s)

    async def _next_time(self, pause_s: float) -> None:
        """Wait until somebody looks, and the pause is over or they have just come."""
        clock = asyncio.get_running_loop().time
        due, left = clock() + pause_s, None
        while True:
            if not self._is_watched():
                left = left or clock()
            elif clock() >= due or (left is not None and clock() - left >= self._away_s):
                return
            else:
                left = None
            await asyncio.sleep(self._look_s)
