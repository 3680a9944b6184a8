"""Where one may want to go in a whole run: to errors, to what runs, to what took longest or cost most (pure).

The page has the same rules for the part of a run that it holds (`run/find/jumps.ts`).
"""

from __future__ import annotations

import heapq
from bisect import bisect_right
from typing import TYPE_CHECKING, Final, Literal

from spantail_service.trace_windows.row_times import as_sent
from spantail_service.trace_windows.span_columns import TOP
from spantail_service.trace_windows.span_row import ERROR, NOT_ENDED, RUNNING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from spantail_service.trace_windows.span_table import SpanTable

Jump = Literal["error", "running", "slowest", "dearest"]

MOST_RANKED: Final = 20
"""How many of the slowest and dearest one goes through before it begins anew."""


def jump(table: SpanTable, to: Jump, after: int, now_us: int) -> list[int]:
    """The rows that a jump leads to.

    Of errors and of what runs it is the one that follows the row `after` in the order of the tree (`TOP`: the first
    one), without those above that fail or run on account of what is below; behind the last one the first follows. Of
    the slowest (by the time that is theirs alone) and the dearest (by what they cost themselves) it is all of them, the
    first one first.
    """
    if to == "slowest":
        return _slowest(table, now_us)
    if to == "dearest":
        return _dearest(table)
    flag = ERROR if to == "error" else RUNNING
    found = _following(table, after, flag)
    if found is None and after != TOP:
        found = _following(table, TOP, flag)
    return [] if found is None else [found]


def own_time_us(table: SpanTable, row: int, now_us: int) -> int:
    """How long a span worked itself: its time without that in which a child of it was open."""
    times = as_sent(table)
    start, until = table.starts[row], times.end(row, now_us)
    own, at = 0, start
    for child in table.children(row):
        begin = table.starts[child]
        if begin >= until:
            break
        own += max(0, begin - at)
        at = max(at, times.end(child, now_us))
    return own + max(0, until - at)


def _following(table: SpanTable, row: int, flag: int) -> int | None:
    """The first one behind a row, in pre-order."""
    found = _first_in(table, table.children(row), 0, flag)
    while found is None and row != TOP:
        above = table.up[row]
        siblings = table.children(above)
        found = _first_in(table, siblings, bisect_right(siblings, table.key(row), key=table.key), flag)
        row = above
    return found


def _first_in(table: SpanTable, rows: Sequence[int], at: int, flag: int) -> int | None:
    """The first one among rows and what stands below them; branches that have none are passed by."""
    counts = table.counts_of(flag)
    stack = [(rows, at)]
    while stack:
        rows, at = stack.pop()
        while at < len(rows) and not counts[rows[at]]:
            at += 1
        if at == len(rows):
            continue
        row = rows[at]
        stack.append((rows, at + 1))
        below = table.children(row)
        if table.flags[row] & flag and _is_where_it_is(table, row, below, flag):
            return row
        stack.append((below, 0))
    return None


def _is_where_it_is(table: SpanTable, row: int, below: Sequence[int], flag: int) -> bool:
    if flag == ERROR:
        return table.counts_of(flag)[row] == 1
    return not any(table.flags[child] & flag for child in below)


def _dearest(table: SpanTable) -> list[int]:
    return heapq.nsmallest(
        MOST_RANKED, table.priced_rows(), key=lambda row: (-table.own(row).cost_nano, table.ids[row])
    )


def _slowest(table: SpanTable, now_us: int) -> list[int]:
    """No span worked longer than it took: those that took longest are looked at until no other can be among them."""
    looked_at = 8 * MOST_RANKED
    own_times: dict[int, int] = {}
    while True:
        longest = heapq.nlargest(looked_at, _lengths(table, now_us))
        for length, row in longest:
            if row not in own_times:
                own_times[row] = own_time_us(table, row, now_us) if table.children(row) else length
        ranked = sorted((-own, table.ids[row], row) for row, own in own_times.items())[:MOST_RANKED]
        is_sure = len(longest) < looked_at or -ranked[-1][0] > longest[-1][0]
        if is_sure:
            return [row for own, _, row in ranked if own < 0]
        looked_at *= 8


def _lengths(table: SpanTable, now_us: int) -> Iterator[tuple[int, int]]:
    starts, times = table.starts, as_sent(table)
    return (
        ((end if end != NOT_ENDED else times.end(row, now_us)) - starts[row], row) for row, end in enumerate(table.ends)
    )
