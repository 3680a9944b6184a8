"""The spans of one run as compact columns: the tree, and sums over each branch (pure).

A span is a row number. Children are ordered as the page orders them, by start and then by id. A loop of parents is cut
at the span of it that began last, as the page does when it places spans by their start.
"""

from __future__ import annotations

import heapq
from array import array
from bisect import insort
from itertools import islice
from typing import TYPE_CHECKING, Final

from spantail_service.trace_windows.span_columns import TOP, SpanColumns, Sums
from spantail_service.trace_windows.span_row import (
    CUT,
    ERROR,
    LLM,
    NOT_ENDED,
    PRICED,
    RUNNING,
    UNPRICED,
    level_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spantail_service.trace_windows.span_row import SpanRow

MOST_ERRORS: Final = 10_000
"""So many rows with errors are remembered by row; the sums count all."""

_SLOWEST: Final = 64


class SpanTable(SpanColumns):
    """Spans are added first, then `finish` links them; later changes are `put`.

    Several threads may read it at once, as long as none changes it.
    """

    # Building

    def add(self, row: SpanRow) -> None:
        """Add a span before `finish`; of one that is told twice the first stays."""
        if row.span_id in self.rows:
            return
        self._append(row)

    def copied(self) -> SpanTable:
        """The spans that were added so far, in a table of their own, not linked yet."""
        copy = SpanTable()
        copy.rows = dict(self.rows)
        copy.known_senders, copy._sender_of = dict(self.known_senders), dict(self._sender_of)
        for name in ("ids", "parent_ids", "up", "starts", "ends", "flags", "senders", "_revs", "_costs"):
            setattr(copy, name, getattr(self, name)[:])
        copy._sums = tuple(column[:] for column in self._sums)
        return copy

    def finish(self) -> None:
        """Link what was added, and sum it up."""
        rows, up, children = self.rows, self.up, self._children
        for at, parent_id in enumerate(self.parent_ids):
            above = rows.get(parent_id, TOP) if parent_id else TOP
            if above == at:
                above = TOP
                self.flags[at] |= CUT
            elif above == TOP and parent_id:
                self._orphans.setdefault(parent_id, []).append(at)
            up[at] = above
            siblings = children.get(above)
            if siblings is None:
                siblings = children[above] = array("i")
            siblings.append(at)
        self._unsorted = {above for above, siblings in children.items() if len(siblings) > 1}
        self._sum_up(self._in_order())
        self._note_all()

    def _in_order(self) -> array[int]:
        """All rows, parents before children; loops are cut on the way."""
        order = array("i", self._children.get(TOP, ()))
        self._extend(order)
        if len(order) == len(self.ids):
            return order
        seen = bytearray(len(self.ids))
        for at in order:
            seen[at] = 1
        for row in range(len(self.ids)):
            if seen[row]:
                continue
            begin = len(order)
            cut = self._last_of_loop(row)
            self._children[self.up[cut]].remove(cut)
            self.up[cut] = TOP
            self.flags[cut] |= CUT
            self._children.setdefault(TOP, array("i")).append(cut)
            self._unsorted.add(TOP)
            order.append(cut)
            self._extend(order, begin)
            for at in islice(order, begin, None):
                seen[at] = 1
        return order

    def _extend(self, order: array[int], begin: int = 0) -> None:
        get = self._children.get
        at = begin
        while at < len(order):
            below = get(order[at])
            if below is not None:
                order.extend(below)
            at += 1

    def _last_of_loop(self, row: int) -> int:
        passed: set[int] = set()
        while row not in passed:
            passed.add(row)
            row = self.up[row]
        last, at = row, self.up[row]
        while at != row:
            last = max(last, at, key=self.key)
            at = self.up[at]
        return last

    def _sum_up(self, order: array[int]) -> None:
        spans, errors, running, llm, priced, unpriced, cost = self._sums
        up, flags, costs = self.up, self.flags, self._costs
        further = self._sums[1:]
        for row in reversed(order):
            flag = flags[row]
            above = up[row]
            # what stands below has been added already
            spans[row] += 1
            if above != TOP:
                spans[above] += spans[row]
            if not (flag or llm[row] or errors[row] or running[row] or priced[row] or unpriced[row]):
                continue
            if not llm[row]:  # else it is a wrapper
                priced[row] += (flag & PRICED) != 0
                unpriced[row] += (flag & UNPRICED) != 0
                cost[row] += costs[row]
            errors[row] += (flag & ERROR) != 0
            running[row] += flag & RUNNING
            llm[row] += (flag & LLM) != 0
            if above != TOP:
                for column in further:
                    if value := column[row]:
                        column[above] += value

    def _note_all(self) -> None:
        for row, flag in enumerate(self.flags):
            if flag & (ERROR | RUNNING):
                self._note(row, flag)
        self._slowest = heapq.nlargest(_SLOWEST, self._durations())
        heapq.heapify(self._slowest)

    def _durations(self) -> Iterator[tuple[int, int]]:
        children, starts = self._children, self.starts
        return (
            (end - starts[row], row) for row, end in enumerate(self.ends) if end != NOT_ENDED and row not in children
        )

    # Changing

    def put(self, row: SpanRow, *, is_revived: bool = False) -> None:
        """Take a newer state of a span, or a new span. One that loses to what is held changes nothing."""
        at = self.rows.get(row.span_id)
        if at is None:
            at = self._append(row)
            self._add(at, self._counted(at))
            # its children first: where they lead back to it, it is this one that is cut
            for orphan in self._orphans.pop(row.span_id, ()):
                self._detach(orphan)
                self._link(orphan)
            self._link(at)
        elif self._wins(at, row, is_revived=is_revived):
            self._replace(at, row)
        else:
            return
        self.changes += 1
        flag = self.flags[at]
        self._note(at, flag)
        if self.ends[at] != NOT_ENDED:
            heapq.heappush(self._slowest, (self.ends[at] - self.starts[at], at))
            if len(self._slowest) > _SLOWEST:
                heapq.heappop(self._slowest)

    def _wins(self, at: int, row: SpanRow, *, is_revived: bool) -> bool:
        held, new = level_of(self.flags[at]), level_of(row.flags)
        if held != new:
            return new > held or (held == 1 and is_revived)
        return row.rev > self._revs[at]

    def _replace(self, at: int, row: SpanRow) -> None:
        moves = self.parent_ids[at] != row.parent_id or self.starts[at] != row.start
        if moves:
            self._detach(at)
        before = self._counted(at)
        was = self.flags[at]
        self.flags[at] = row.flags | (was & CUT)
        self.ends[at], self._revs[at], self._costs[at] = row.end, row.rev, row.cost_nano
        if row.service is not None or row.runner is not None:
            self.senders[at] = self._sender(row)
        # `llm` goes first: whether it is a wrapper depends on what stands below, which has not changed
        self._sums[3][at] += ((row.flags & LLM) != 0) - ((was & LLM) != 0)
        change = self._counted(at).minus(before)
        self._add(at, change._replace(llm=0))
        if moves:
            self.parent_ids[at], self.starts[at] = row.parent_id, row.start
            self._link(at)
        else:
            self._carry_up(self.up[at], change)

    def _link(self, at: int) -> None:
        parent_id = self.parent_ids[at]
        above = self.rows.get(parent_id, TOP) if parent_id else TOP
        self.flags[at] &= ~CUT & 0xFFFF
        if above != TOP and self.is_below(above, at):
            above = TOP
            self.flags[at] |= CUT
        elif above == TOP and parent_id:
            self._orphans.setdefault(parent_id, []).append(at)
        self.up[at] = above
        siblings = self._children.setdefault(above, array("i"))
        if above in self._unsorted or not siblings or self.key(siblings[-1]) < self.key(at):
            siblings.append(at)
        else:
            insort(siblings, at, key=self.key)
        self._carry_up(above, self.sums(at))

    def _detach(self, at: int) -> None:
        above = self.up[at]
        siblings = self._children[above]
        siblings.remove(at)
        if not siblings:
            del self._children[above]
        orphans = self._orphans.get(self.parent_ids[at])
        if orphans is not None and at in orphans:
            orphans.remove(at)
        self.up[at] = TOP
        self._carry_up(above, Sums().minus(self.sums(at)))

    def _carry_up(self, above: int, change: Sums) -> None:
        """Add a change to every ancestor; one that becomes a wrapper, or stops being one, changes it further."""
        llm = self._sums[3]
        while above != TOP and any(change):
            before = self._counted(above)
            llm[above] += change.llm
            change = change.plus(self._counted(above).minus(before))
            self._add(above, change._replace(llm=0))
            above = self.up[above]

    def _add(self, at: int, change: Sums) -> None:
        for column, value in zip(self._sums, change, strict=True):
            if value:
                column[at] += value

    def _note(self, at: int, flag: int) -> None:
        if flag & RUNNING:
            self.running_rows[at] = None
        else:
            self.running_rows.pop(at, None)
        if not flag & ERROR:
            self.error_rows.pop(at, None)
        elif len(self.error_rows) < MOST_ERRORS:
            self.error_rows[at] = None
