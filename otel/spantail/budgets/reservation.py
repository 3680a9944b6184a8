"""A reservation made by hand, for work whose calls are not opened by `llm_call`, or for several calls at once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

from opentelemetry import context as otel_context

from spantail import pricing
from spantail.budgets.accounts import Hold, book
from spantail.budgets.billing import is_unbilled
from spantail.budgets.holding import budgets_here
from spantail.budgets.in_force import entered, leave

if TYPE_CHECKING:
    from decimal import Decimal
    from types import TracebackType


class Reservation:
    """An amount that is reserved in all budgets around a `with` block; `reserve()` makes it. It is used once.

    Each `llm_call` inside draws on it instead of reserving its own worst case.
    """

    def __init__(self, nano: int) -> None:
        self._nano = nano
        self._hold: Hold | None = None
        self._outer: Reservation | None = None
        self._lock = threading.Lock()
        self._used = False
        self._drawn_nano = 0
        self._draws = 0
        self._unknown = False
        self._booked_nano: int | None = None

    def settle(self, usd: float | Decimal) -> None:
        """Say what the work came to, or a part of it: amounts add up, those of the calls inside included.

        Args:
            usd: US dollars; 0 where nothing was billed.

        Raises:
            ValueError: It is no amount of money.
        """
        nano = pricing.nano_usd(usd)
        if nano is None:
            raise ValueError(f"usd must be an amount in US dollars, not {usd!r}")
        self.draw(nano)

    def draw(self, nano: int | None) -> None:
        """Add what a call inside cost, in nano-USD; None where nobody knows.

        A call may end after the block: what it adds to the amount that was booked then is booked too.
        """
        with self._lock:
            self._draws += 1
            if nano is None:
                self._unknown = True
            else:
                self._drawn_nano += nano
            if self._booked_nano is None:
                return
            more_nano = (self._final_nano(None) or 0) - self._booked_nano
            if more_nano <= 0:
                return
            self._booked_nano += more_nano
        if self._hold is not None:
            book(self._hold.accounts, more_nano)
        if self._outer is not None:
            self._outer.draw(more_nano)

    def __enter__(self) -> Self:
        if self._used:
            raise RuntimeError("a reservation is used once: call reserve() again")
        budgets, outer = budgets_here()
        self._hold = Hold([budget.account for budget in budgets], self._nano) if budgets else None
        self._outer = outer if isinstance(outer, Reservation) else None
        self._used = True
        otel_context.attach(entered(self))
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None, /
    ) -> None:
        leave(self)
        with self._lock:
            nano = self._final_nano(exc)
            self._booked_nano = self._nano if nano is None else nano
        if self._hold is not None:
            self._hold.settle(nano)
        if self._outer is not None:
            self._outer.draw(nano)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None, /
    ) -> None:
        self.__exit__(exc_type, exc, tb)

    def _final_nano(self, error: BaseException | None) -> int | None:
        if self._unknown:  # at least what is known, and at least what was reserved
            return max(self._drawn_nano, self._nano)
        if self._draws or is_unbilled(error):
            return self._drawn_nano
        return None


def reserve(*, usd: float | Decimal) -> Reservation:
    """Reserve an amount in all budgets around, for the time of a `with` or `async with` block.

    It is for calls that are not opened by `llm_call`, and for several of them at once. Say by `Reservation.settle()`
    what they came to; calls opened by `llm_call` inside say it themselves. A block that says nothing counts with all
    that was reserved, unless it failed in a way that cannot have been billed. Without a budget around it does nothing.

    Example::

        with spantail.budget(usd=1.0), spantail.reserve(usd=0.05) as reservation:
            reservation.settle(usd=ask_the_model().cost)

    Args:
        usd: US dollars that the block may cost at most.

    Returns:
        The reservation; entering it raises `BudgetExceededError` where a budget has too little left.

    Raises:
        ValueError: It is no amount of money.
    """
    nano = pricing.nano_usd(usd)
    if nano is None:
        raise ValueError(f"usd must be an amount in US dollars, from 0 to below a million, not {usd!r}")
    return Reservation(nano)
