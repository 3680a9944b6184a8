"""Books what calls came to, however long Redis is away, so that no spending is forgotten."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from spantail_exporters.redis.errors import will_be_back

if TYPE_CHECKING:
    from spantail_service.llm.budget.ledger import BudgetLedger, Reservation

logger = logging.getLogger(__name__)

_RETRY_S: Final = (0.1, 0.5, 1.0, 2.0, 5.0)
_GIVEN_UP_S: Final = 1_800.0  # before the ledger forgets which reservations were settled


class Booking:
    """Settles reservations, again and again until it is done."""

    def __init__(self, ledger: BudgetLedger) -> None:
        self._ledger = ledger
        self._tasks: set[asyncio.Task[None]] = set()

    async def book(self, reserved: Reservation, cost_nano: int) -> None:
        """Book it; returns when that is done, or while it goes on in the background because Redis is away."""
        done = asyncio.Event()
        task = self.book_later(reserved, cost_nano, done)
        waiting = asyncio.create_task(done.wait())
        try:
            await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()

    def book_later(
        self, reserved: Reservation, cost_nano: int, tried: asyncio.Event | None = None
    ) -> asyncio.Task[None]:
        """Begin to book it; `tried` is set after the first try."""
        task = asyncio.create_task(self._book(reserved, cost_nano, tried), name="spantail-budget-booking")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self, timeout_s: float) -> None:
        """Wait until all is booked, at most `timeout_s` seconds; say what is not."""
        if not self._tasks:
            return
        _, pending = await asyncio.wait(list(self._tasks), timeout=timeout_s)
        for task in pending:
            task.cancel()
        if pending:
            logger.error("what %d calls came to could not be booked in their budgets", len(pending))
            await asyncio.wait(pending)

    async def _book(self, reserved: Reservation, cost_nano: int, tried: asyncio.Event | None) -> None:
        waited_s, attempt = 0.0, 0
        while True:
            try:
                await self._ledger.settle(reserved, cost_nano)
            except Exception as error:
                if not will_be_back(error) or waited_s >= _GIVEN_UP_S:
                    logger.exception("what a call came to could not be booked in its budgets")
                    return
            else:
                return
            finally:
                if tried is not None:
                    tried.set()
            wait_s = _RETRY_S[min(attempt, len(_RETRY_S) - 1)]
            await asyncio.sleep(wait_s)
            waited_s, attempt = waited_s + wait_s, attempt + 1
