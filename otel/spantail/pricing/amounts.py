"""Amounts of money: every one is rounded once, to whole nano-USD, so that sums are exact.

The double that goes onto a span is the one nearest to that integer, so that `round(cost_usd * 1e9)` gives the integer
back.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Final

NANO: Final = 10**9
# A million dollars: no attempt costs that much, and well above it (2**51 nano-USD) `round(usd * 1e9)` could
# miss the integer, because the double's own rounding grows to one half.
_NANO_LIMIT: Final = 10**15


def nano_usd(usd: object) -> int | None:
    """Round an amount in USD to whole nano-USD (half to even).

    Returns:
        The amount in nano-USD; None for what is no amount: not a number, not finite, negative, a million dollars or
        more.
    """
    if isinstance(usd, bool) or not isinstance(usd, (int, float, Decimal)):
        return None
    try:
        # a float by its shortest form: 0.0041 is what was meant, not 0.00410000000000000025
        exact = usd if isinstance(usd, Decimal) else Decimal(repr(usd))
        if not exact.is_finite() or exact < 0 or exact >= _NANO_LIMIT // NANO:
            return None
        return round(exact * NANO)
    except (InvalidOperation, ValueError):
        return None


def usd_of_nano(nano: int) -> float:
    """Return the double nearest to `nano` nano-USD; `round(usd * 1e9)` is `nano` again up to 10**15."""
    return nano / NANO
