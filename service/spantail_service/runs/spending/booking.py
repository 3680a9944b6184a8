"""What a run adds to the sums of its day: by backend, by model and by operation, in one step (pure)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from spantail_exporters.model import keys
from spantail_exporters.model.run_script import indexed_operation

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

_FIGURES: Final = ("calls", "errors", "unpriced", "input", "output", "nano")
_DAY_S: Final = 86_400
_KEPT_DAYS: Final = 400
_BOOKED_S: Final = 3 * _DAY_S  # longer than a run's data; `booked` on a pinned run says the rest

Amounts = dict[str, dict[str, int]]
"""What is counted, by name and figure."""

_BOOK: Final = """
-- KEYS  of each dimension three: what the run has added so far, the sums of its day, the sums of the day that it was
--       booked on ('' before)
-- ARGV  day (of a run on demo data with `demo:` before it), expiry of the first (s), of the second (s), 1 = it must
--       have been booked before, epoch and next seq of the run as these figures were read, how many names a day and
--       dimension may have, the name of those beyond them, that of what has none; then of each dimension the number
--       of names, and of each the name, the number of its figures, and figure, amount, ...
-- RETURNS  0 = not booked: older figures than those that are booked, or another booker came in between
local call = redis.call
local head = call('HMGET', KEYS[1], ':day', ':epoch', ':next')
local old_day = head[1]
if ARGV[4] == '1' and not old_day then return 0 end
local newer = tonumber(ARGV[5]) - tonumber(head[2] or 0)
if newer == 0 then newer = tonumber(ARGV[6]) - tonumber(head[3] or 0) end
if newer < 0 then return 0 end
if old_day and old_day ~= ARGV[1] and string.sub(KEYS[3], -#old_day - 5) ~= ':day:' .. old_day then return 0 end
local most_names, other = tonumber(ARGV[7]), ARGV[8]
local ALWAYS = { [''] = true, [other] = true, [ARGV[9]] = true }

local function take_back(held, sums)
  local before = call('HGETALL', held)
  for i = 1, #before, 2 do
    local field, amount = before[i], tonumber(before[i + 1])
    if field ~= ':day' and field ~= ':epoch' and field ~= ':next' and amount ~= 0 then
      call('HINCRBY', sums, field, string.format('%.0f', -amount))
    end
  end
  call('DEL', held)
end

-- a name that was counted keeps its place for the whole day, so what is added is taken back from there
local function place_of(sums, name)
  if ALWAYS[name] or call('HEXISTS', sums, name .. ':runs') == 1 then return name end
  if call('HINCRBY', sums, ':names', 1) <= most_names then return name end
  call('HINCRBY', sums, ':names', -1)
  return other
end

local at = 10
for first = 1, #KEYS, 3 do
  local held, sums = KEYS[first], KEYS[first + 1]
  take_back(held, old_day == ARGV[1] and sums or KEYS[first + 2])
  local names = tonumber(ARGV[at])
  at = at + 1
  for _ = 1, names do
    local place, figures = place_of(sums, ARGV[at]), tonumber(ARGV[at + 1])
    at = at + 2
    for _ = 1, figures do
      call('HINCRBY', sums, place .. ':' .. ARGV[at], ARGV[at + 1])
      call('HINCRBY', held, place .. ':' .. ARGV[at], ARGV[at + 1])
      at = at + 2
    end
  end
  if first == 1 then call('HSET', held, ':day', ARGV[1], ':epoch', ARGV[5], ':next', ARGV[6]) end
  call('EXPIRE', held, ARGV[2])
  call('EXPIRE', sums, ARGV[3])
end
return 1
"""


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

    def command(self, *, before: bool) -> tuple[Any, ...]:
        """Name the command that takes back what the run had added and adds this; `before`: it was booked already."""
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
        return (
            "EVAL", _BOOK, len(names), *names,
            self.day, _BOOKED_S, _KEPT_DAYS * _DAY_S, int(before), self.epoch, self.next_index, MOST_NAMES, OTHER,
            UNKNOWN, *values,
        )  # fmt: skip


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
    whole = {figure: sum(figures[figure] for figures in backends.values()) for figure in _FIGURES}
    by_model = {name: dict(figures) for name, figures in models.items()}
    unknown = by_model.setdefault(UNKNOWN, {})
    for figure, amount in whole.items():
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
    }


def _counted(parts: Mapping[str, Mapping[str, int]], *, always: bool = False) -> Amounts:
    """What is not 0, and that it is of one run."""
    amounts: Amounts = {}
    for name, figures in parts.items():
        known = {figure: amount for figure, amount in figures.items() if amount}
        if known or always:
            amounts[name] = {"runs": 1, **known}
    return amounts
