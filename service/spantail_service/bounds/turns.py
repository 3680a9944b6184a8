"""Heavy work of which a process does a few at a time; whoever comes waits for a turn, within bounds."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from spantail_service.errors import CallerLeftError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable


class Turns:
    """Turns at heavy work.

    Args:
        at_a_time: So many have a turn at once.
        most_waiting: So many may wait for one.
        retry_after_s: When whoever is refused may ask again.
    """

    def __init__(self, at_a_time: int, most_waiting: int, *, retry_after_s: int) -> None:
        self._slots = asyncio.Semaphore(at_a_time)
        self._most_waiting = most_waiting
        self._retry_after_s = retry_after_s
        self._waiting = 0

    @asynccontextmanager
    async def turn(self, has_left: Callable[[], Awaitable[bool]]) -> AsyncIterator[None]:
        """Wait for a turn, and have it.

        Raises:
            UnavailableError: too many wait.
            CallerLeftError: whoever asked has left meanwhile, by `has_left`.
        """
        if self._waiting >= self._most_waiting:
            raise UnavailableError(
                "Too many searches wait for their turn.", kind="too-many-searches", retry_after_s=self._retry_after_s
            )
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1
        try:
            if await has_left():
                raise CallerLeftError
            yield
        finally:
            self._slots.release()
