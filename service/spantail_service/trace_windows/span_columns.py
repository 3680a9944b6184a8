"""The columns of the index of one run, and what is read from them (pure)."""

from __future__ import annotations

import heapq
from array import array
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from spantail_service.runs.clock_skew import sender_of
from spantail_service.trace_windows.span_row import ERROR, LLM, PRICED, RUNNING, UNPRICED

if TYPE_CHECKING:
    from collections.abc import Callable

    from spantail_service.runs.clock_skew import Sender
    from spantail_service.trace_windows.span_row import SpanRow

TOP: Final = -1
"""Stands for the parent of those that have none, or none that is known."""

_SORTED_AT_ONCE: Final = 20_000  # rows: sorting holds the interpreter, and others wait


class Sums(NamedTuple):
    """What a branch comes to. `llm` counts what tells of LLM calls; money is nano-USD."""

    spans: int = 0
    errors: int = 0
    running: int = 0
    llm: int = 0
    priced: int = 0
    unpriced: int = 0
    cost_nano: int = 0

    def plus(self, other: Sums) -> Sums:
        """Add up."""
        return Sums(*(one + two for one, two in zip(self, other, strict=True)))

    def minus(self, other: Sums) -> Sums:
        """Take away."""
        return Sums(*(one - two for one, two in zip(self, other, strict=True)))


class SpanColumns:
    """A row number for each span; where it stands, what it is, and what it and all below it come to."""

    def __init__(self) -> None:
        self.rows: dict[int, int] = {}
        self.ids = array("Q")
        self.parent_ids = array("Q")
        self.up = array("i")
        self.starts = array("q")
        self.ends = array("q")
        self.flags = array("H")
        self.senders = array("i")
        """By row, whose span it is: the number of one of `known_senders`."""
        self.known_senders: dict[Sender, int] = {}
        self.error_rows: dict[int, None] = {}
        self.running_rows: dict[int, None] = {}
        self.changes = 0
        """Grows with each change after the building."""
        self._revs = array("q")
        self._costs = array("q")
        self._sums = tuple(array("q" if name == "cost_nano" else "i") for name in Sums._fields)
        self._children: dict[int, array[int]] = {}
        self._unsorted: set[int] = set()
        self._orphans: dict[int, list[int]] = {}
        self._slowest: list[tuple[int, int]] = []
        self._sender_of: dict[tuple[str | None, str | None], int] = {}

    def __len__(self) -> int:
        return len(self.ids)

    def _append(self, row: SpanRow) -> int:
        at = self.rows[row.span_id] = len(self.ids)
        self.ids.append(row.span_id)
        self.parent_ids.append(row.parent_id)
        self.up.append(TOP)
        self.starts.append(row.start)
        self.ends.append(row.end)
        self.flags.append(row.flags)
        self.senders.append(self._sender(row))
        self._revs.append(row.rev)
        self._costs.append(row.cost_nano)
        for column in self._sums:
            column.append(0)
        return at

    def _sender(self, row: SpanRow) -> int:
        names = row.service, row.runner
        number = self._sender_of.get(names)
        if number is None:
            sender = sender_of(*names)  # many processes of one host are one
            number = self._sender_of[names] = self.known_senders.setdefault(sender, len(self.known_senders))
        return number

    def key(self, row: int) -> tuple[int, int]:
        """By what siblings are ordered."""
        return self.starts[row], self.ids[row]

    def sums(self, row: int) -> Sums:
        """What a span and all below it come to; of `TOP`, the whole run."""
        if row == TOP:
            total = Sums()
            for top in self._children.get(TOP, ()):
                total = total.plus(self.sums(top))
            return total
        return Sums(*(column[row] for column in self._sums))

    def own(self, row: int) -> Sums:
        """What a span adds to the sums of its branch."""
        return Sums() if row == TOP else self._counted(row)

    def counts_of(self, flag: int) -> array[int]:
        """By row, how many in its branch failed (`ERROR`) or run (`RUNNING`)."""
        return self._sums[1 if flag == ERROR else 2]

    def priced_rows(self) -> list[int]:
        """The spans that cost something themselves: what wraps a call tells its price a second time."""
        return [row for row, cost in enumerate(self._costs) if cost > 0 and self.own(row).cost_nano > 0]

    def _counted(self, row: int) -> Sums:
        flag = self.flags[row]
        llm = int((flag & LLM) != 0)
        is_wrapper = self._sums[3][row] > llm
        counts = not is_wrapper
        return Sums(
            1,
            int((flag & ERROR) != 0),
            flag & RUNNING,
            llm,
            int(counts and (flag & PRICED) != 0),
            int(counts and (flag & UNPRICED) != 0),
            self._costs[row] if counts else 0,
        )

    def children(self, row: int) -> array[int]:
        """The rows below a span, or `TOP`, in their order."""
        is_unsorted = row in self._unsorted  # asked first: another thread may put them in order meanwhile
        siblings = self._children.get(row)
        if siblings is None:
            return array("i")
        if is_unsorted:
            siblings = self._children[row] = sorted_in_parts(siblings, self.key)
            self._unsorted.discard(row)
        return siblings

    def outer_rows(self) -> bytearray:
        """By row, whether spans stand below it."""
        outer = bytearray(len(self.ids))
        for row, below in self._children.items():
            if row != TOP and below:
                outer[row] = 1
        return outer

    def slowest(self) -> list[int]:
        """The ended spans without children that took longest, the longest first."""
        found = {
            row: duration
            for duration, row in self._slowest
            if row not in self._children and self.ends[row] - self.starts[row] == duration
        }
        return sorted(found, key=lambda row: -found[row])

    def is_below(self, row: int, above: int) -> bool:
        """Whether `row` is `above`, or stands below it; everything is below `TOP`."""
        if above in {TOP, row}:
            return True
        if above not in self._children:
            return False
        while row not in (TOP, above):
            row = self.up[row]
        return row == above


def sorted_in_parts(rows: array[int], key: Callable[[int], Any]) -> array[int]:
    """Sort rows, those that are equal as they stood, in steps that let other threads go on."""
    parts = (sorted(rows[at : at + _SORTED_AT_ONCE], key=key) for at in range(0, len(rows), _SORTED_AT_ONCE))
    return array("i", heapq.merge(*parts, key=key))
