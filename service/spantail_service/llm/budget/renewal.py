"""Renews a reservation while its call runs, and stops the call where a limit is met and the settings say so."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Self

from spantail_exporters.redis.errors import REDIS_UNREACHABLE
from spantail_service.bounds.cancel import cancel
from spantail_service.llm.base import BudgetRefusedError

if TYPE_CHECKING:
    from types import TracebackType

    from spantail.budgets import BudgetExceededError
    from spantail_service.llm.budget.ledger import BudgetLedger, Reservation

logger = logging.getLogger(__name__)


class Renewal:
    """Renews a reservation as long as its body runs, for `async with`.

    Args:
        ledger: Where it was made.
        reserved: The reservation.
        lease_s: Seconds that it holds from each renewal on.
        renew_s: Seconds between two of them.
        stops: Whether the body is cancelled when a limit is met; leaving then raises `BudgetRefusedError`.
    """

    def __init__(
        self, ledger: BudgetLedger, reserved: Reservation, *, lease_s: float, renew_s: float, stops: bool
    ) -> None:
        self._ledger = ledger
        self._reserved = reserved
        self._lease_s = lease_s
        self._renew_s = renew_s
        self._stops = stops
        self._refusal: BudgetExceededError | None = None

    async def __aenter__(self) -> Self:
        body = asyncio.current_task()
        if body is None:
            raise RuntimeError("a reservation is renewed for a task")
        self._body = body
        self._cancelled_before = body.cancelling()
        self._task = asyncio.create_task(self._renew(), name="spantail-budget-lease")
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None, /
    ) -> None:
        await cancel(self._task)
        if (
            self._refusal is not None
            and self._body.uncancel() <= self._cancelled_before
            and isinstance(exc, asyncio.CancelledError)
        ):
            raise BudgetRefusedError(self._refusal, began=True) from None

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._renew_s)
            try:
                met = await self._ledger.renew(self._reserved, self._lease_s)
            except REDIS_UNREACHABLE as error:
                logger.warning("a reservation could not be renewed: %r", error)
                continue
            except Exception:
                logger.exception("a reservation could not be renewed")
                return
            if met is not None and self._stops:
                self._refusal = met.exceeded()
                self._body.cancel(f"stopped: {self._refusal}")
                return
