"""The rows of a whole run in the order in which the page shows them, and the one that names it (pure)."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from spantail_service.trace_windows.span_columns import TOP
from spantail_service.trace_windows.span_row import CUT

if TYPE_CHECKING:
    from spantail_service.trace_windows.span_table import SpanTable


def pre_order(table: SpanTable) -> array[int]:
    """All rows, parents before children; `TOP` stands for a parent that is not here, before its children."""
    order = array("i")
    stack = _tops(table)
    stack.reverse()
    while stack:
        row = stack.pop()
        order.append(row)
        if row == TOP:
            continue
        below = table.children(row)
        if below:
            stack.extend(reversed(below))
    return order


def root_of(table: SpanTable) -> int | None:
    """The span that names the run: its earliest one without a parent, else the earliest whose parent is not here."""
    tops = table.children(TOP)
    not_cut = [row for row in tops if not table.flags[row] & CUT]
    first = not_cut[0] if not_cut else next(iter(tops), None)
    return next((row for row in not_cut if not table.parent_ids[row]), first)


def _tops(table: SpanTable) -> list[int]:
    """What stands below no span that is known; those of one parent together, where the earliest of them is."""
    groups: dict[int, list[int]] = {}
    placed: list[tuple[int, int, list[int]]] = []
    for row in table.children(TOP):
        parent_id = table.parent_ids[row]
        if not parent_id or table.flags[row] & CUT:
            placed.append((*table.key(row), [row]))
        elif parent_id in groups:
            groups[parent_id].append(row)
        else:
            groups[parent_id] = [TOP, row]
            placed.append((table.starts[row], parent_id, groups[parent_id]))
    placed.sort(key=lambda each: each[:2])
    return [row for *_, rows in placed for row in rows]
