"""Why a budget does not let a call begin."""

from __future__ import annotations

from spantail.pricing import NANO


class BudgetError(Exception):
    """A call was not begun because of a budget; nothing was sent."""


class BudgetExceededError(BudgetError):
    """What the call may cost is more than a budget has left.

    Args:
        scope: The budget's name.
        limit_nano: Its limit; all amounts are nano-USD.
        spent_nano: What was spent.
        reserved_nano: What calls that still run may cost.
        wanted_nano: What this call may cost; 0 where that is not known.
    """

    def __init__(self, scope: str, *, limit_nano: int, spent_nano: int, reserved_nano: int, wanted_nano: int) -> None:
        wanted = f"this call may cost {in_usd(wanted_nano)}" if wanted_nano else "nothing is left"
        super().__init__(
            f"the budget {scope!r} of {in_usd(limit_nano)} is met: {in_usd(spent_nano)} spent, "
            f"{in_usd(reserved_nano)} reserved by calls that run, {wanted}"
        )
        self.scope = scope
        self.limit_nano = limit_nano
        self.spent_nano = spent_nano
        self.reserved_nano = reserved_nano
        self.wanted_nano = wanted_nano


class WorstCaseUnknownError(BudgetError):
    """Nobody can say what the call may cost at most, and the budget refuses such calls."""


def in_usd(nano: int) -> str:
    """Write an amount for a person: `0.0123 USD`, no digit lost."""
    whole, rest = divmod(abs(nano), NANO)
    digits = f"{rest:09d}".rstrip("0").ljust(2, "0")
    return f"{'-' if nano < 0 else ''}{whole}.{digits} USD"
