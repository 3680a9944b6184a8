"""What an attempt costs, in whole nano-USD. Pure.

An amount is rounded once, to `cost_nano`, and every sum is over those. The page rounds only what tells no `cost_nano`
(`costNano` in `frontend/src/text/format.ts`). Held to `tests/golden/rules/money.json`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spantail.pricing import NANO
from spantail_exporters.dialects.costs import MOST_USD

if TYPE_CHECKING:
    from collections.abc import Mapping


def amount(cost: object) -> float | None:
    """Return an amount in USD; NaN, infinity, less than 0 and more than `MOST_USD` is no amount of one attempt."""
    if type(cost) is float and 0 <= cost <= MOST_USD:
        return cost
    if isinstance(cost, (int, float)) and not isinstance(cost, bool) and 0 <= cost <= MOST_USD:
        return float(cost)
    return None


def nano_of(usd: float) -> int:
    """Round an amount in USD to whole nano-USD, half to even."""
    return round(usd * NANO)


def lacks_price(state: Mapping[str, Any]) -> bool:
    """Whether an ended attempt has a price that nobody knows, so that sums miss it.

    One that failed, or was skipped, before a token was used has none.
    """
    return state.get("cost_nano") is None and (
        state.get("status") not in ("error", "skipped") or bool(state.get("tokens"))
    )


def is_unpriced(state: Mapping[str, Any]) -> bool:
    """Whether a state says of itself that its price is missing, as viewers show it."""
    return state.get("cost_source") == "unpriced" and lacks_price(state)
