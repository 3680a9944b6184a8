"""What a run adds to the sums of its day: by backend, by model and by operation, in one step (pure)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from spantail_exporters.model import keys
from spantail_exporters.model.run_script import indexed_operation
from spantail_service.storage.scripts import Script, ScriptCall

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spantail_service.runs.meta import RunMeta

DEMO: Final = "demo:"
"""Stands before the day of a run on demo data."""

RUNS: Final = ""
"""In the place of a backend, each of which has a name: what is counted per run."""

DIMENSIONS: Final = ("backend", "model", "operation")
"""What a day's sum is parted by: each gives the same sum."""

MOST_NAMES: Final = 100
"""Names of a day and dimension that have sums of their own; those of further ones are `OTHER`."""

OTHER: Final = "other"
UNKNOWN: Final = "unknown"

FALLBACKS: Final = "fallbacks"
"""Calls that another backend took over. It stands there even where it is 0: an earlier version did not count it."""

_FIGURES: Final = ("calls", "errors", "unpriced", "input", "output", "nano")
_DAY_S: Final = 86_400
_KEPT_DAYS: Final = 400
_BOOKED_S: Final = 3 * _DAY_S  # longer than a run's data; `booked` on a pinned run says the rest

BOOK: Final = Script(__package__, "book")
"""Takes back what a run had added to the sums of its day, and adds what it comes to now: see `Booking.call`."""

Amounts = dict[str, dict[str, int]]
"""What is counted, by name and figure."""


class Booking(NamedTuple):
    """What a run adds now."""

    run_id: str
    day: str
    """On which it counts, with `DEMO` before it for a run on demo data."""
    old_day: str
    """On which it was counted so far; empty before."""
    epoch: str
    next_index: int
    amounts: tuple[Amounts, ...]
    """Of each of the `DIMENSIONS`."""

    def call(self, *, before: bool) -> ScriptCall:
        """The call of `BOOK`; `before`: it was booked already."""
        names: list[str] = []
        for dimension in DIMENSIONS:
            days = (_sums_of(day, dimension) for day in (self.day, self.old_day or self.day))
            names += (keys.spend_of_run(self.run_id, dimension), *days)
        values: list[str | int] = []
        for amounts in self.amounts:
            values.append(len(amounts))
            for name, figures in amounts.items():
                values += (name, len(figures))
                for figure, amount in figures.items():
                    values += (figure, amount)
        head = (self.day, _BOOKED_S, _KEPT_DAYS * _DAY_S, int(before), self.epoch, self.next_index)
        return ScriptCall(names, (*head, MOST_NAMES, OTHER, UNKNOWN, *values))


def day_of(time_us: int) -> str:
    """The day (UTC, ISO) of a time in µs since the epoch."""
    return datetime.fromtimestamp(time_us / 1_000_000, UTC).date().isoformat()


def _sums_of(day: str, dimension: str) -> str:
    """The key of the sums of a day as it stands with a booked run."""
    if day.startswith(DEMO):
        return keys.spend_of_demo_day(day[len(DEMO) :], dimension)
    return keys.spend_of_day(day, dimension)


def amounts_of(meta: RunMeta, models: Mapping[str, Mapping[str, int]]) -> tuple[Amounts, ...]:
    """What a run adds to each of the `DIMENSIONS`; the sums over each are the same.

    Args:
        meta: the run.
        models: what its calls come to by model, as far as that is known: the rest is `UNKNOWN`.
    """
    backends = {name: _figures_of(totals) for name, totals in meta.backends.items()}
    whole = {figure: sum(figures[figure] for figures in backends.values()) for figure in (*_FIGURES, FALLBACKS)}
    by_model = {name: dict(figures) for name, figures in models.items()}
    unknown = by_model.setdefault(UNKNOWN, {})
    for figure in _FIGURES:  # which model was left for another is not known
        amount = whole[figure]
        unknown[figure] = unknown.get(figure, 0) + amount - sum(one.get(figure, 0) for one in by_model.values())
    operation = indexed_operation(meta.operation or UNKNOWN)
    return (
        {RUNS: {"runs": 1}, **_counted(backends)},
        _counted(by_model),
        _counted({operation: whole}, always=True),
    )


def _figures_of(totals: Mapping[str, Any]) -> dict[str, int]:
    tokens = totals["tokens"]
    return {
        "calls": totals["calls"],
        "errors": totals["errors"],
        "unpriced": totals["unpriced"],
        "input": tokens["input"],
        "output": tokens["output"],
        "nano": totals["cost_nano"],
        FALLBACKS: totals["fallbacks"],
    }


def _counted(parts: Mapping[str, Mapping[str, int]], *, always: bool = False) -> Amounts:
    """What is not 0, and that it is of one run."""
    amounts: Amounts = {}
    for name, figures in parts.items():
        known = {figure: amount for figure, amount in figures.items() if amount}
        if known or always:
            amounts[name] = {"runs": 1, **known, **{each: figures[each] for each in (FALLBACKS,) if each in figures}}
    return amounts
