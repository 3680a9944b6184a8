"""What a run adds to the sums of its day: by backend, by model and by operation, in one step (pure)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from spantail_exporters.model import keys
from spantail_exporters.model.run_script import indexed_operation
from spantail_service.storage.scripts import Script, ScriptCall

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
"""Takes back what runs had added to the sums of their days, and adds what they come to now: see `book_call`."""

Amounts = dict[str, dict[str, int]]
"""What is counted, by name and figure."""


class Booking(NamedTuple):
    """What a run adds now."""

    run_id: str
    day: str
    """On which it counts."""
    demo: bool | None
    """Whether it is on demo data; None: as it was booked before, and not if it was not."""
    before: bool
    """It was booked before: if nobody knows of that any more, it is not booked again."""
    epoch: str
    next_index: int
    amounts: tuple[Amounts, ...]
    """Of each of the `DIMENSIONS`."""


def book_call(bookings: Sequence[Booking]) -> ScriptCall:
    """The call of `BOOK` for at least one booking; no two are of one run."""
    prefixes = [keys.spend_by(dimension) for dimension in DIMENSIONS]
    values: list[str | int] = [_BOOKED_S, _KEPT_DAYS * _DAY_S, MOST_NAMES, OTHER, UNKNOWN, len(prefixes), *prefixes]
    for booking in bookings:
        demo = "" if booking.demo is None else int(booking.demo)
        values += (booking.run_id, booking.day, demo, int(booking.before), booking.epoch, booking.next_index)
        for amounts in booking.amounts:
            values.append(len(amounts))
            for name, figures in amounts.items():
                values += (name, len(figures))
                for amount in figures.items():
                    values += amount
    return ScriptCall([keys.spend_of_run(bookings[0].run_id)], values)


def day_of(time_us: int) -> str:
    """The day (UTC, ISO) of a time in µs since the epoch."""
    return datetime.fromtimestamp(time_us / 1_000_000, UTC).date().isoformat()


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
