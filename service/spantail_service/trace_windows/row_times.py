"""When the spans of a whole run began and ended, as they were sent or with their clocks adjusted (pure)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from spantail_service.trace_windows.span_row import NOT_ENDED, RUNNING

if TYPE_CHECKING:
    from array import array

    from spantail_service.trace_windows.clocks import RowClocks
    from spantail_service.trace_windows.span_table import SpanTable


class RowTimes(NamedTuple):
    """By row. Whoever has it must not change it: as they were sent, times are those of the index itself."""

    starts: array[int]
    ends: array[int]
    """`NOT_ENDED` while that is unknown."""
    flags: array[int]
    are_moved: bool = False
    """Some clocks were adjusted."""

    def end(self, row: int, now_us: int) -> int:
        """A span that runs ends now; of one whose end nobody knows, the start is all there is."""
        end = self.ends[row]
        if end != NOT_ENDED:
            return end
        start = self.starts[row]
        return max(start, now_us) if self.flags[row] & RUNNING else start


def as_sent(table: SpanTable) -> RowTimes:
    """The times as they came."""
    return RowTimes(table.starts, table.ends, table.flags)


def adjusted(table: SpanTable, clocks: RowClocks) -> RowTimes:
    """The times as they would be if the clocks that are thought wrong were right."""
    by_sender = clocks.by_sender
    if not by_sender:
        return as_sent(table)
    starts, ends = table.starts[:], table.ends[:]
    for row, sender in enumerate(table.senders):
        if sender in by_sender:
            skew = by_sender[sender]
            starts[row] -= skew
            if ends[row] != NOT_ENDED:
                ends[row] -= skew
    return RowTimes(starts, ends, table.flags, are_moved=True)
