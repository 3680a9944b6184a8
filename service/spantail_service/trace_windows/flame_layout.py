"""A whole run as a flame graph: each span below its parent, what overlaps in further lanes (pure).

The page lays out a run that it holds whole by the same rule (`run/time/flame.ts`).
"""

from __future__ import annotations

import heapq
from array import array
from bisect import bisect_left, insort
from typing import TYPE_CHECKING, Final

from spantail_service.trace_windows.span_columns import TOP, sorted_in_parts
from spantail_service.trace_windows.span_row import ERROR, NOT_ENDED, RUNNING
from spantail_service.trace_windows.tree_order import pre_order

if TYPE_CHECKING:
    from spantail_service.trace_windows.row_times import RowTimes
    from spantail_service.trace_windows.span_table import SpanTable

STILL: Final = 2**62
"""The end of what runs."""


class Lane:
    """Frames side by side, the earliest first; none overlaps another."""

    __slots__ = ("ends", "errors", "rows", "starts")

    def __init__(self) -> None:
        self.rows = array("i")
        self.starts = array("q")
        self.ends = array("q")
        self.errors = array("i", (0,))
        """How many of the frames in front of each failed."""

    def add(self, row: int, start: int, end: int, *, failed: bool) -> None:
        """Add one that begins after all others have ended."""
        self.rows.append(row)
        self.starts.append(start)
        self.ends.append(end)
        self.errors.append(self.errors[-1] + failed)


class FlameLayout:
    """Lays out all spans by their starts; each takes the first free lane below its parent's."""

    def __init__(self, table: SpanTable, times: RowTimes) -> None:
        self.lanes: list[Lane] = []
        self.lane_of = array("i", bytes(4 * len(table)))
        """By row."""
        self.starts = _Starts(table, times)
        busy: list[tuple[int, int]] = []  # end and lane
        free: list[int] = []  # lanes, sorted
        up, flags, starts = table.up, table.flags, self.starts.starts
        for row in self.starts.order:
            start = starts[row]
            end = times.ends[row]
            if end == NOT_ENDED:
                end = STILL if flags[row] & RUNNING else start
            end = max(start, end)
            while busy and busy[0][0] <= start:
                insort(free, heapq.heappop(busy)[1])
            above = up[row]
            at = 0 if above == TOP else bisect_left(free, self.lane_of[above] + 1)
            if at < len(free):
                lane = free.pop(at)
            else:
                lane = len(self.lanes)
                self.lanes.append(Lane())
            self.lane_of[row] = lane
            self.lanes[lane].add(row, start, end, failed=bool(flags[row] & ERROR))
            if end > start:
                heapq.heappush(busy, (end, lane))
            else:
                insort(free, lane)


class _Starts:
    """Where frames begin: one whose clock says that it began before its parent begins where that does."""

    def __init__(self, table: SpanTable, times: RowTimes) -> None:
        self.starts = times.starts[:]
        order = array("i", (row for row in pre_order(table) if row != TOP))
        starts, up = self.starts, table.up
        for row in order:
            above = up[row]
            if above != TOP and starts[above] > starts[row]:
                starts[row] = starts[above]
        self.order = sorted_in_parts(order, starts.__getitem__)
        """By their starts; of those that begin together in pre-order."""
