"""Costs in events, compared with those of the LLM calls that were reported before: no cost is counted twice.

An event that is not about an LLM call may have a cost: `job_scored` with `cost_usd`. Mostly that is the cost of a call
that has been reported already. It is so when, among the calls of the run that no other event has claimed, and of the
same backend where both name it,

1. one cost the same, to the digits that the event has, or
2. those of the same task, or all of them, cost that much together, or
3. one in the same task reported no cost, and its tokens had a price: the call keeps that price.

Otherwise the event is the only report of its call, and counts.
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

_REMEMBERED: Final = 1_000  # calls that no event has claimed; older ones are forgotten
_FINEST: Final = Decimal("1e-9")  # money is kept in nano-USD
_COARSEST: Final = Decimal("0.001")  # a cost of `1` is not the same as any between 0.5 and 1.5


class ReportedCall(NamedTuple):
    """A call that has been reported, and what it cost.

    Attributes:
        usd: Its cost.
        is_reported: Whether the report had the cost; else it was calculated.
        backend: Who served it; empty where it is not known.
        where: The task or thread that reported it.
    """

    usd: Decimal
    is_reported: bool
    backend: str
    where: object


class ReportedCosts:
    """The costs of the calls that no event has claimed."""

    def __init__(self) -> None:
        self._calls: deque[ReportedCall] = deque(maxlen=_REMEMBERED)

    def add(self, call: ReportedCall) -> None:
        """Remember a call."""
        self._calls.append(call)

    def claim(self, usd: Decimal, backend: str, where: object) -> bool:
        """Tell whether a cost is that of calls which were reported before; they are claimed by it, and forgotten.

        Args:
            usd: The cost in an event.
            backend: The backend that it names; empty where it names none.
            where: The task or thread that it comes from.
        """
        possible = [call for call in self._calls if not backend or not call.backend or call.backend == backend]
        here = [call for call in possible if call.where == where]
        claimed = (
            next(([call] for call in reversed(possible) if _is_same([call], usd)), None)
            or next((calls for calls in (here, possible) if len(calls) > 1 and _is_same(calls, usd)), None)
            or next(([call] for call in reversed(here) if not call.is_reported), None)
        )
        for call in claimed or ():
            self._calls.remove(call)
        return bool(claimed)


def _is_same(calls: Sequence[ReportedCall], usd: Decimal) -> bool:
    exponent = usd.as_tuple().exponent
    digits = Decimal(1).scaleb(exponent) if isinstance(exponent, int) else _FINEST
    return abs(sum((call.usd for call in calls), Decimal(0)) - usd) * 2 <= min(max(digits, _FINEST), _COARSEST)
