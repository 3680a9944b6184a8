"""How the budgets stand, as Prometheus gauges: of each kind the one that comes nearest to its limit."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final

from prometheus_client.core import GaugeMetricFamily

from spantail.pricing import usd_of_nano

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from prometheus_client.core import Metric

    from spantail_service.llm.budget.ledger import BudgetState

_DEMO: Final = ":demo"


class BudgetGauges:
    """Six kinds at most are told apart, however many budgets there are: no run or session becomes a label.

    Args:
        shared: What every help text ends with.
    """

    def __init__(self, shared: str) -> None:
        self._shared = shared
        self._nearest: dict[str, BudgetState] = {}
        self._met: Counter[str] = Counter()

    def take(self, states: Sequence[BudgetState], today: date | None = None) -> None:
        """Take over how they stand; `today` is the day in UTC, by default the present one."""
        day = (today or datetime.now(UTC).date()).isoformat()
        self._nearest, self._met = {}, Counter()
        for state in states:
            kind, _, name = state.scope.partition(":")
            label = f"{kind}{_DEMO}" if kind in {"day", "operation"} and name.endswith(_DEMO) else kind
            if kind == "day" and name.removesuffix(_DEMO) != day:
                continue
            self._met[label] += state.is_met
            if label not in self._nearest or state.nearness > self._nearest[label].nearness:
                self._nearest[label] = state

    def families(self) -> Iterable[Metric]:
        """Limit, spent and reserved of one budget of each kind, and how many of the kind are met."""
        which = "of the budget of this kind that is nearest to its limit"
        limit, spent, reserved = (
            GaugeMetricFamily(f"spantail_budget_{name}_usd", f"{what} {which}, in USD. {self._shared}", labels=["kind"])
            for name, what in (
                ("limit", "The limit"),
                ("spent", "What was spent"),
                ("reserved", "What running calls may still cost,"),
            )
        )
        for label, state in self._nearest.items():
            if state.limit_nano is not None:
                limit.add_metric([label], usd_of_nano(state.limit_nano))
            spent.add_metric([label], usd_of_nano(state.spent_nano))
            reserved.add_metric([label], usd_of_nano(state.reserved_nano))
        met = GaugeMetricFamily(
            "spantail_budgets_met",
            f"Budgets of this kind that are spent, or have refused a call at their limit. {self._shared}",
            labels=["kind"],
        )
        for label, number in self._met.items():
            met.add_metric([label], number)
        yield from (limit, spent, reserved, met)
