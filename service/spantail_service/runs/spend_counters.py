"""Prometheus counters of calls, tokens and money, made from the sums by day."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from spantail.pricing import NANO

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from prometheus_client.core import Metric

_MOST_BACKENDS: Final = 100  # whoever sends spans names them, and each is a label: further ones are summed up
_OTHER: Final = "other"


class SpendCounters:
    """Counters of calls, tokens and money, from the sums by day.

    A sum may go down when a run is corrected, and it begins anew each day; a counter may do neither. So what counts
    is by how much a day's sum has passed its highest value since this process began to look.

    Args:
        shared: What every help text ends with.
        prefix: What the names of the metrics begin with.
        which: Which calls and money these are, after "LLM calls (attempts)" and "Money in USD".
    """

    _FIELDS: Final = ("calls", "errors", "unpriced", "input", "output", "nano")

    def __init__(self, shared: str, prefix: str = "spantail_llm", which: str = "") -> None:
        self._shared = shared
        self._prefix = prefix
        self._which = which
        self._highest: dict[tuple[str, str, str], int] | None = None
        self._totals: dict[str, Counter[str]] = {}
        self._today: Counter[str] = Counter()

    def take(self, days: list[dict[str, Any]]) -> None:
        """Take over the sums of the last days, today's last."""
        before = self._highest
        now: dict[tuple[str, str, str], int] = {}
        for day in days:
            for backend, sums in day["backends"].items():
                totals = self._totals.setdefault(self._label(backend), Counter())
                flat = {**sums, **sums["tokens"], "nano": sums["cost_nano"]}
                for field in self._FIELDS:
                    key = (day["day"], backend, field)
                    highest = flat[field] if before is None else before.get(key, 0)
                    now[key] = max(highest, flat[field])
                    totals[field] += now[key] - highest
        days_seen = {day["day"] for day in days}
        gone = {key: highest for key, highest in (before or {}).items() if key[0] in days_seen and key not in now}
        self._highest = now | gone  # a sum that has fallen to nothing is not shown, and may rise again
        self._today = Counter()
        for backend, sums in days[-1]["backends"].items():
            self._today[self._label(backend)] += sums["cost_usd"]

    def _label(self, backend: str) -> str:
        return backend if backend in self._totals or len(self._totals) < _MOST_BACKENDS else _OTHER

    def families(self) -> Iterable[Metric]:
        """The counters, and what was spent today."""
        since = f"Counted since this process first looked. {self._shared}"

        def totals_of(field: str, per: float = 1.0) -> dict[str, float]:
            return {backend: totals[field] / per for backend, totals in self._totals.items()}

        prefix, which = self._prefix, self._which
        calls = f"LLM calls (attempts){which}"
        yield counted(f"{prefix}_calls", f"{calls}. {since}", "backend", totals_of("calls"))
        yield counted(f"{prefix}_call_errors", f"{calls} that failed. {since}", "backend", totals_of("errors"))
        yield counted(f"{prefix}_calls_unpriced", f"{calls} without a price. {since}", "backend", totals_of("unpriced"))
        tokens = CounterMetricFamily(f"{prefix}_tokens", f"Tokens{which}. {since}", labels=["backend", "type"])
        for direction in ("input", "output"):
            for backend, number in totals_of(direction).items():
                tokens.add_metric([backend, direction], number)
        yield tokens
        yield counted(f"{prefix}_cost_usd", f"Money in USD{which}. {since}", "backend", totals_of("nano", per=NANO))
        today = GaugeMetricFamily(
            f"{prefix}_cost_today_usd",
            f"Money in USD{which}, of the runs begun today (UTC). {self._shared}",
            labels=["backend"],
        )
        for backend, usd in self._today.items():
            today.add_metric([backend], usd)
        yield today


def counted(name: str, meaning: str, label: str, numbers: Mapping[str, float]) -> CounterMetricFamily:
    """A counter with one label."""
    family = CounterMetricFamily(name, meaning, labels=[label])
    for value, number in list(numbers.items()):
        family.add_metric([value], number)
    return family
