"""A whole run on few pixels: what is seen of each is the most important span there (pure).

The page has the same rule for a run that it holds whole (`run/time/minimap-bins.ts`).
"""

from __future__ import annotations

from itertools import accumulate
from math import ceil
from typing import TYPE_CHECKING, Final, NamedTuple

from spantail_service.trace_windows.span_columns import TOP
from spantail_service.trace_windows.span_row import CALL, ERROR, FELL_BACK, NOT_ENDED, RUNNING
from spantail_service.trace_windows.tree_order import pre_order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spantail_service.trace_windows.row_times import RowTimes
    from spantail_service.trace_windows.span_table import SpanTable

CLASSES: Final = "oplfre"
"""From what matters least to what matters most: it has others below it, it has none, an LLM call, one that was made
because another backend had failed, it runs, it failed."""

_OUTER, _PLAIN, _LLM, _FALLBACK, _RUNNING, _ERROR = range(len(CLASSES))


class MinimapWanted(NamedTuple):
    """The time that is wanted, in so many steps and lanes."""

    begin_us: int
    end_us: int
    width: int
    lanes: int
    now_us: int


def minimap(table: SpanTable, times: RowTimes, wanted: MinimapWanted) -> list[str]:
    """A text for each lane, a letter of `CLASSES` for each step of time, a blank where nothing is.

    The rows of the tree share the lanes in their order.
    """
    begin, end, width, lanes, now = wanted
    span = end - begin
    order = pre_order(table)
    count = len(order)
    lanes = max(1, min(lanes, count))
    stride = width + 1
    changes = [[[0] * stride for _ in CLASSES] for _ in range(lanes)]
    classes = _by_flags(table)
    outer, flags = table.outer_rows(), table.flags
    starts, ends = times.starts, times.ends
    for at, row in enumerate(order):  # over all spans: no call that a comparison can do without
        if row == TOP:
            continue
        start, until = starts[row], ends[row]
        if until == NOT_ENDED:
            until = max(start, now) if flags[row] & RUNNING else start
        left, right = (start - begin) / span, (until - begin) / span
        if right < 0 or left > 1:
            continue
        first = 0 if left < 0 else int(left * width)
        if first == width:
            first -= 1
        last = width if right > 1 else ceil(right * width)
        if last <= first:
            last = first + 1
        of = classes[flags[row]]
        if of == _PLAIN and outer[row]:
            of = _OUTER
        steps = changes[int(at / count * lanes)][of]
        steps[first] += 1
        steps[last] -= 1
    return [_letters(lane, width) for lane in changes]


def _by_flags(table: SpanTable) -> dict[int, int]:
    """What each combination of flags is that occurs."""
    return {flags: _class_of(flags) for flags in set(table.flags)}


def _class_of(flags: int) -> int:
    if flags & ERROR:
        return _ERROR
    if flags & RUNNING:
        return _RUNNING
    if flags & CALL:
        return _FALLBACK if flags & FELL_BACK else _LLM
    return _PLAIN


def _letters(changes: Sequence[Sequence[int]], width: int) -> str:
    letters = [" "] * width
    for letter, steps in zip(CLASSES, changes, strict=True):
        if any(steps):
            for at, is_open in enumerate(accumulate(steps)):
                if is_open and at < width:
                    letters[at] = letter
    return "".join(letters)
