"""The clocks of a whole run, estimated from its index by the rule of `runs/clock_skew.py` (pure)."""

from __future__ import annotations

from array import array
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from spantail_service.runs.clock_skew import NONE, Skews, SpanTimes, in_one_go, wrong_clocks
from spantail_service.trace_windows.span_columns import TOP
from spantail_service.trace_windows.span_row import CONSUMER, CUT, NOT_ENDED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spantail_service.trace_windows.span_table import SpanTable


class RowClocks(NamedTuple):
    """The clocks that are thought wrong, and the rows whose times are of them."""

    skews: Skews
    by_sender: dict[int, int]
    """By the number of a sender, in µs ahead of the root's."""

    def of(self, table: SpanTable, row: int) -> int | None:
        """How far ahead the clock of a row is; None where it is thought right, or nobody knows."""
        return self.by_sender.get(table.senders[row])


ALL_RIGHT = RowClocks(NONE, {})


def row_clocks(table: SpanTable) -> RowClocks:
    """Estimate the clocks of a run: where there is one only, without a look at its spans."""
    clocks = [host or service for service, host in table.known_senders]
    if len({clock for clock in clocks if clock is not None}) < 2:  # noqa: PLR2004
        return ALL_RIGHT
    pairs: dict[bytes, dict[bytes, _Pairs]] = {}
    for row, above in _crossing(table):
        clock, upper = clocks[table.senders[row]], clocks[table.senders[above]]
        if clock is not None and upper is not None and clock != upper:
            of_upper = pairs.setdefault(upper, {})
            if clock not in of_upper:
                of_upper[clock] = _Pairs(table)
            of_upper[clock].add(above, row)
    if not pairs:
        return ALL_RIGHT
    first = _first(table)
    wrong = in_one_go(wrong_clocks(pairs, None if first is None else clocks[table.senders[first]]))
    by_sender = {number: wrong[clock] for number, clock in enumerate(clocks) if clock in wrong}
    if not by_sender:
        return ALL_RIGHT
    spans = Counter(table.senders)
    of_wrong = {sender: spans[number] for sender, number in table.known_senders.items() if number in by_sender}
    return RowClocks(Skews.of_senders(wrong, {sender: count for sender, count in of_wrong.items() if count}), by_sender)


class _Pairs:
    """Rows with their parents' as what the estimate takes; as rows alone they are a fraction of its size."""

    def __init__(self, table: SpanTable) -> None:
        self._table = table
        self._above = array("i")
        self._rows = array("i")

    def add(self, above: int, row: int) -> None:
        self._above.append(above)
        self._rows.append(row)

    def __iter__(self) -> Iterator[tuple[SpanTimes, SpanTimes]]:
        for above, row in zip(self._above, self._rows, strict=True):
            yield self._times(above), self._times(row)

    def _times(self, row: int) -> SpanTimes:
        table = self._table
        end = table.ends[row]
        return SpanTimes(
            b"", None, table.starts[row], None if end == NOT_ENDED else end, None, None, None,
            bool(table.flags[row] & CONSUMER),
        )  # fmt: skip


def _crossing(table: SpanTable) -> Iterator[tuple[int, int]]:
    """Rows whose sender is another than their parent's, with the parent; also those that a loop was cut at."""
    up, senders = table.up, table.senders
    for row, (above, sender) in enumerate(zip(up, senders, strict=True)):
        if above == TOP:
            if table.flags[row] & CUT:
                above = table.rows[table.parent_ids[row]]  # noqa: PLW2901 (this is the loop over all spans)
            else:
                continue
        if senders[above] != sender:
            yield row, above


def _first(table: SpanTable) -> int | None:
    """The earliest span without a parent, else without a known one: the others are held against its clock."""
    tops = (row for row in table.children(TOP) if not table.flags[row] & CUT)
    return min(tops, key=lambda row: (bool(table.parent_ids[row]), *table.key(row)), default=None)
