"""What part of time a whole run takes (pure). The page has the same rule for a run that it holds whole.

One span with a wrong clock may lie an hour off: so a run's time is that of its root and of what lies near it; what lies
far outside is counted.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Final, NamedTuple

from spantail_service.trace_windows.span_columns import sorted_in_parts
from spantail_service.trace_windows.tree_order import root_of

if TYPE_CHECKING:
    from spantail_service.trace_windows.row_times import RowTimes
    from spantail_service.trace_windows.span_table import SpanTable

_FAR: Final = 10
"""A gap this many times as long as what was found so far does not belong to the run any more."""
_LEAST_US: Final = 1_000
"""A run that has hardly begun says little about what is far."""


class Extent(NamedTuple):
    """From when to when, in microseconds since the epoch."""

    start: int
    end: int
    outside: int
    """Spans that lie outside of it as a whole."""


class _Cluster(NamedTuple):
    """A time in which at least one span is there."""

    start: int
    end: int
    spans: int


def run_extent(table: SpanTable, times: RowTimes, now_us: int, *, fits_all: bool) -> Extent | None:
    """The time that a run takes; `fits_all`: whatever lies how far off. None of a run without spans."""
    root = root_of(table)
    if root is None:
        return None
    first = min(table.starts)
    latest = max(map(max, (table.starts, table.ends)))
    begin = times.starts[root]
    until = max(begin, times.end(root, now_us))
    if not times.are_moved and latest - first <= _FAR * max(until - begin, _LEAST_US):
        return Extent(first, latest, 0)
    clusters = _clusters(times, now_us)
    near = _near_to(clusters, begin)
    outside = len(table) - near.spans
    if fits_all:
        return Extent(clusters[0].start, max(until, *(cluster.end for cluster in clusters)), outside)
    return Extent(near.start, near.end, outside)


def _clusters(times: RowTimes, now_us: int) -> list[_Cluster]:
    """The earliest first, with how many spans are in each."""
    starts = times.starts
    order = sorted_in_parts(array("i", range(len(starts))), starts.__getitem__)
    clusters: list[_Cluster] = []
    begin = end = starts[order[0]]
    count = 0
    for row in order:
        start = starts[row]
        if start > end:
            clusters.append(_Cluster(begin, end, count))
            begin, end, count = start, start, 0
        # of one that ends before it starts, only the start is believed
        end = max(end, start, times.end(row, now_us))
        count += 1
    clusters.append(_Cluster(begin, end, count))
    return clusters


def _near_to(clusters: list[_Cluster], begin: int) -> _Cluster:
    """The cluster at `begin` with those beside it that are near, or that are more than it is."""
    low = max(0, sum(cluster.start <= begin for cluster in clusters) - 1)
    high = low
    start, end, count = clusters[low]
    before = sum(cluster.spans for cluster in clusters[:low])
    after = sum(cluster.spans for cluster in clusters[high + 1 :])
    grows = True
    while grows:
        grows = False
        reach = _FAR * max(end - start, _LEAST_US)
        following = clusters[high + 1] if high + 1 < len(clusters) else None
        if following is not None and (following.start - end <= reach or after > count):
            end = following.end
            count += following.spans
            after -= following.spans
            high += 1
            grows = True
        previous = clusters[low - 1] if low > 0 else None
        if previous is not None and (start - previous.end <= reach or before > count):
            start = previous.start
            count += previous.spans
            before -= previous.spans
            low -= 1
            grows = True
    return _Cluster(start, end, count)
