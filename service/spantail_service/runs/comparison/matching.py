"""Which span of one run stands for which of another. Pure.

Two spans are each other's counterparts when their parents are, and kind, name and place among the siblings of that kind
and name are the same. The model at the end of an LLM call's name is left out: a call that another model served is the
same call. Roots are counterparts whatever their names are, where no two have the same.
"""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING, NamedTuple

from spantail_service.runs.comparison.spans import NOTHING, ComparedSpan, Figures

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Node:
    """A span in its tree, with what everything below it came to."""

    __slots__ = ("children", "span", "total")

    def __init__(self, span: ComparedSpan) -> None:
        self.span = span
        self.children: list[Node] = []
        self.total: Figures = NOTHING


class Pair(NamedTuple):
    """One row of the comparison, in pre-order; None where that run has no such span."""

    depth: int
    a: Node | None
    b: Node | None


def tree_of(spans: Iterable[ComparedSpan]) -> list[Node]:
    """The roots of a run's tree, children by start; a span whose parent is not there is a root.

    A circle of parents is cut at its earliest span, so that every span is in the tree.
    """
    ordered = [Node(span) for span in sorted(spans, key=lambda span: (span.start, span.span_id))]
    by_id = {node.span.span_id: node for node in ordered}
    roots: list[Node] = []
    for node in ordered:
        parent = by_id.get(node.span.parent_id or "")
        (roots if parent is None or parent is node else parent.children).append(node)
    seen = {id(node) for node in _pre_order(roots)}
    for node in ordered:
        if id(node) in seen:
            continue
        by_id[node.span.parent_id or ""].children.remove(node)
        roots.append(node)
        seen.update(id(below) for below in _pre_order([node]))
    _sum_up(roots)
    return roots


def _pre_order(roots: Sequence[Node]) -> list[Node]:
    found, stack = [], list(reversed(roots))
    while stack:
        node = stack.pop()
        found.append(node)
        stack.extend(reversed(node.children))
    return found


def _sum_up(roots: Sequence[Node]) -> None:
    """Of calls within each other only the innermost counts, as in the sums of the run (`rules/wrapping.py`)."""
    counted: set[int] = set()  # nodes with an account, or with one below
    for node in reversed(_pre_order(roots)):
        own = node.span.figures
        total, is_wrapper = NOTHING, False
        for child in node.children:
            total = total.plus(child.total)
            is_wrapper |= id(child) in counted
        node.total = total if own is None or is_wrapper else total.plus(own)
        if own is not None or is_wrapper:
            counted.add(id(node))


def matched(a: Sequence[Node], b: Sequence[Node]) -> list[Pair]:
    """The rows of two trees, given by their roots: in pre-order, each span of either once."""
    top = _paired(a, b)
    if a and b and not any(left and right for left, right in top):
        top = [(a[0], b[0]), *_paired(a[1:], b[1:])]
    rows: list[Pair] = []
    stack = [Pair(0, left, right) for left, right in reversed(top)]
    while stack:
        row = stack.pop()
        rows.append(row)
        below = _paired(row.a.children if row.a else (), row.b.children if row.b else ())
        stack.extend(Pair(row.depth + 1, left, right) for left, right in reversed(below))
    return rows


def _paired(left: Sequence[Node], right: Sequence[Node]) -> list[tuple[Node | None, Node | None]]:
    """Siblings of two trees: in the order of the left one, what only the right one has behind its neighbour there."""
    waiting: dict[tuple[str, str], deque[Node]] = defaultdict(deque)
    for node in right:
        waiting[node.span.label].append(node)
    partners = [waiting[node.span.label].popleft() if waiting[node.span.label] else None for node in left]
    taken = {id(partner) for partner in partners if partner is not None}
    following: dict[int | None, list[Node]] = defaultdict(list)
    neighbour: int | None = None
    for node in right:
        if id(node) in taken:
            neighbour = id(node)
        else:
            following[neighbour].append(node)
    rows: list[tuple[Node | None, Node | None]] = [(None, node) for node in following[None]]
    for node, partner in zip(left, partners, strict=True):
        rows.append((node, partner))
        if partner is not None:
            rows.extend((None, other) for other in following[id(partner)])
    return rows
