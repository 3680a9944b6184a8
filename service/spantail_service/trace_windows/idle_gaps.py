"""Times in which nothing of a whole run worked (pure). The page has the same rule for a run that it holds whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from spantail_service.trace_windows.span_row import NOT_ENDED, RUNNING, WAITS

if TYPE_CHECKING:
    from spantail_service.trace_windows.row_times import RowTimes
    from spantail_service.trace_windows.span_table import SpanTable

_LEAST_SHARE: Final = 0.04
"""A shorter wait, as a share of the whole, is left as it is."""
_STEPS: Final = 100
"""Of the whole; four of them are as long as the shortest gap."""

Gap = tuple[int, int]
"""From and to, in microseconds since the epoch."""


def idle_gaps(table: SpanTable, times: RowTimes, begin: int, until: int) -> list[Gap]:
    """Where only spans were open that have others below them, or that wait in a queue; what runs goes on `until`.

    Work begins and ends with the start and the end of a span, so these are no part of a gap. Nothing is sorted: of what
    begins within one step of the grid only the earliest start and the latest end can bound a gap.
    """
    length = until - begin
    if length <= 0:
        return []
    outer = table.outer_rows()
    first: list[int | None] = [None] * (_STEPS + 1)
    last = [begin] * (_STEPS + 1)
    reach = begin

    def note(start: int, end: int) -> None:
        nonlocal reach
        if start < begin:
            reach = max(reach, end)
        elif start <= until:
            step = (start - begin) * _STEPS // length
            earliest = first[step]
            if earliest is None or start < earliest:
                first[step] = start
            last[step] = max(last[step], end)

    for row, (start, end, flags) in enumerate(zip(times.starts, times.ends, times.flags, strict=True)):
        if end == NOT_ENDED:
            end = max(start, until) if flags & RUNNING else start  # noqa: PLW2901 (this is the loop over all spans)
        if outer[row] or flags & WAITS:
            note(start, start)
            note(end, end)
        else:
            note(start, max(start, end))
    least = length * _LEAST_SHARE
    gaps: list[Gap] = []
    for start_of_step, end_of_step in zip(first, last, strict=True):
        if start_of_step is None:
            continue
        if start_of_step - reach >= least:
            gaps.append((reach, start_of_step))
        reach = max(reach, end_of_step)
    return gaps
