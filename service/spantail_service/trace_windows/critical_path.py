"""What a whole run had to wait for (pure). The page has the same rule for a run that it holds whole."""

from __future__ import annotations

import heapq
from array import array
from typing import TYPE_CHECKING, Final, NamedTuple

from spantail_service.trace_windows.span_columns import sorted_in_parts
from spantail_service.trace_windows.tree_order import root_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spantail_service.trace_windows.row_times import RowTimes
    from spantail_service.trace_windows.span_table import SpanTable

_PARTS_OF_EACH: Final = 10  # on average, of those that are kept: a span may have as many as it has children

Part = tuple[int, int]
"""From and to, in microseconds since the epoch."""


class CriticalPath(NamedTuple):
    """The spans that a run had to wait for."""

    parts: dict[int, list[Part]]
    """By row, those with the longest time on the path first; the parts of one row come latest first."""
    spans: int
    """How many spans are on the path, those that were left out among them."""
    length_us: int
    left_out_us: int
    """What those that were left out come to."""


def critical_path(table: SpanTable, times: RowTimes, now_us: int, limit: int) -> CriticalPath:
    """From the end of the root backwards: to the child that ended last before, down into it, and on in the parent.

    What a child does after its parent's end does not count: nobody waited for it.
    """
    found = _Parts()
    root = root_of(table)
    if root is not None:
        _walk(_Times(table, times, now_us), root, found)
    lengths: dict[int, int] = {}
    for row, begin, end in found:
        lengths[row] = lengths.get(row, 0) + end - begin
    kept = heapq.nlargest(limit, lengths, key=lambda row: (lengths[row], -row))
    parts: dict[int, list[Part]] = {row: [] for row in kept}
    for row, begin, end in found:
        if row in parts:
            parts[row].append((begin, end))
    room = _PARTS_OF_EACH * limit
    for at, row in enumerate(kept):
        room -= len(parts[row])
        if room < 0 and at > 0:
            del kept[at:]
            break
    length = sum(lengths.values())
    return CriticalPath(
        {row: parts[row] for row in kept}, len(lengths), length, length - sum(lengths[row] for row in kept)
    )


class _Parts:
    """Those of all rows, as columns: a million tuples would have the garbage collector stop everything for long."""

    def __init__(self) -> None:
        self._rows = array("i")
        self._begins = array("q")
        self._ends = array("q")

    def add(self, row: int, begin: int, end: int) -> None:
        """Add a part, unless it is none."""
        if end > begin:
            self._rows.append(row)
            self._begins.append(begin)
            self._ends.append(end)

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        return zip(self._rows, self._begins, self._ends, strict=True)


class _Step:
    """A span of which the time up to `until` is looked at; the child with the latest end comes last."""

    __slots__ = ("begin", "children", "row", "until")

    def __init__(self, times: _Times, row: int, begin: int, end: int) -> None:
        self.row, self.begin, self.until = row, begin, end
        within = array("i")
        for child in times.table.children(row):
            # with adjusted clocks a child may begin before one that stands in front of it
            if times.start(child) < end and times.end(child) > begin:
                within.append(child)

        def last(child: int) -> tuple[int, int]:
            # of those that end together the one that began first was waited for longest
            return min(end, times.end(child)), -max(begin, times.start(child))

        self.children = sorted_in_parts(within, last)

    def next_child(self, times: _Times, end: int) -> tuple[int, int, int] | None:
        """The child that ended last before `until`, from when to when it was within this span, which ends at `end`."""
        while self.children:
            child = self.children.pop()
            until = min(end, times.end(child))
            if until <= self.until:
                return child, max(self.begin, times.start(child)), until
        return None


class _Times(NamedTuple):
    table: SpanTable
    rows: RowTimes
    now_us: int

    def start(self, row: int) -> int:
        return self.rows.starts[row]

    def end(self, row: int) -> int:
        return max(self.rows.starts[row], self.rows.end(row, self.now_us))


def _walk(times: _Times, root: int, parts: _Parts) -> None:
    stack = [(_Step(times, root, times.start(root), times.end(root)), times.end(root))]
    while stack:
        step, end = stack[-1]
        child = step.next_child(times, end)
        until = step.begin if child is None else child[2]
        parts.add(step.row, until, step.until)
        if child is None:
            stack.pop()
            continue
        row, begin, until = child
        step.until = begin
        if not times.table.children(row):
            parts.add(row, begin, until)
            continue
        stack.append((_Step(times, row, begin, until), until))
