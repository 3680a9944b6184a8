"""Which span of one run stands for which of another. Pure.

Two spans are each other's counterparts when their parents are, and kind, name and place among the siblings of that kind
and name are the same. The model at the end of an LLM call's name is left out: a call that another model served is the
same call. Roots are counterparts whatever their names are, where no two have the same.
"""

from __future__ import annotations

from collections import defaultdict, deque
from itertools import repeat
from typing import TYPE_CHECKING, Final, NamedTuple

from spantail_service.runs.comparison.spans import FIGURES, LABEL, NOTHING, Figures

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from spantail_service.runs.comparison.spans import ComparedSpans

NONE: Final = -1
"""In the place of a span that a run does not have."""

_NO_CHILDREN: Final[list[int]] = []

_Pairs = list[tuple[int, int]]


class Tree:
    """The tree of a run, children by start; a span whose parent is not there is a root. Spans are places in `spans`.

    A circle of parents is cut at its earliest span, so that every span is in the tree.
    """

    def __init__(self, spans: ComparedSpans) -> None:
        self.spans = spans
        self.roots: list[int] = []
        self.children: dict[int, list[int]] = {}
        """Of the spans that have some."""
        self._parents: list[int] = [NONE] * len(spans)
        ordered = sorted(range(len(spans)), key=spans.ids.__getitem__)
        ordered.sort(key=spans.starts.__getitem__)  # of equal starts the order by id stays
        self._hang(ordered)
        found = self._pre_order(self.roots)
        if len(found) < len(spans):
            found = self._cut_circles(ordered, found)
        self._sums = self._summed(found)

    def total(self, span: int) -> Figures:
        """What a span and everything below it came to."""
        sums = self._sums.get(span)
        return NOTHING if sums is None else Figures(*sums)

    def _hang(self, ordered: Iterable[int]) -> None:
        parent_ids, place_of = self.spans.parent_ids, self.spans.place_of.get
        for span in ordered:
            parent = place_of(parent_ids[span] or "", NONE)
            if parent in (NONE, span):
                self.roots.append(span)
                continue
            self._parents[span] = parent
            siblings = self.children.get(parent)
            if siblings is None:
                self.children[parent] = [span]
            else:
                siblings.append(span)

    def _cut_circles(self, ordered: Iterable[int], found: list[int]) -> list[int]:
        seen = set(found)
        for span in ordered:
            if span in seen:
                continue
            self.children[self._parents[span]].remove(span)
            self._parents[span] = NONE
            self.roots.append(span)
            seen.update(self._pre_order([span]))
        return self._pre_order(self.roots)

    def _pre_order(self, roots: Sequence[int]) -> list[int]:
        found: list[int] = []
        stack, children = list(reversed(roots)), self.children.get
        while stack:
            span = stack.pop()
            found.append(span)
            if below := children(span):
                stack.extend(reversed(below))
        return found

    def _summed(self, pre_order: Sequence[int]) -> dict[int, tuple[int, int, int, int, int]]:
        """The sums of those that have some.

        Of calls within each other only the innermost counts, as in the sums of the run (`rules/wrapping.py`).
        """
        sums: dict[int, tuple[int, int, int, int, int]] = {}
        traits, parents = self.spans.traits, self._parents
        for span in reversed(pre_order):
            own = sums.get(span)  # of those below it, which are here by now
            if own is None:
                own = traits[span][FIGURES]
                if own is None:
                    continue
                sums[span] = own
            parent = parents[span]
            if parent == NONE:
                continue
            held = sums.get(parent)
            if held is None:
                sums[parent] = own
            else:
                a, b, c, d, e = held
                f, g, h, i, j = own
                sums[parent] = (a + f, b + g, c + h, d + i, e + j)
        return sums


class Pair(NamedTuple):
    """One row of the comparison; `NONE` where that run has no such span."""

    depth: int
    a: int
    b: int


class Rows:
    """The rows of two trees, in pre-order, each span of either once."""

    def __init__(self, a: Tree, b: Tree) -> None:
        self.trees = (a, b)
        self.a: list[int] = []
        """The span of the first run, or `NONE`."""
        self.b: list[int] = []
        self.depths: list[int] = []
        self.parents: list[int] = []
        """The row above which it hangs, or `NONE`."""
        self._walk(self._top(a.roots, b.roots))

    def __len__(self) -> int:
        return len(self.a)

    def __iter__(self) -> Iterator[Pair]:
        return map(Pair, self.depths, self.a, self.b)

    def _walk(self, top: Iterable[tuple[int, int]]) -> None:
        left, right = (tree.children.get for tree in self.trees)
        levels, above = [iter(top)], [NONE]
        while levels:
            depth, parent = len(levels) - 1, above[-1]
            for a, b in levels[-1]:
                below_a, below_b = left(a, _NO_CHILDREN), right(b, _NO_CHILDREN)
                self.a.append(a)
                self.b.append(b)
                self.depths.append(depth)
                self.parents.append(parent)
                if below_a or below_b:
                    above.append(len(self.a) - 1)
                    levels.append(iter(self._paired(below_a, below_b)))
                    break
            else:
                levels.pop()
                above.pop()

    def _top(self, a: Sequence[int], b: Sequence[int]) -> Iterable[tuple[int, int]]:
        top = list(self._paired(a, b))
        if a and b and not any(NONE not in pair for pair in top):
            return [(a[0], b[0]), *self._paired(a[1:], b[1:])]
        return top

    def _paired(self, left: Sequence[int], right: Sequence[int]) -> Iterable[tuple[int, int]]:
        """Siblings of two trees, in the order of the left one; what only the right one has is behind its neighbour."""
        if not right:
            return zip(left, repeat(NONE))
        if not left:
            return zip(repeat(NONE), right)
        traits_a, traits_b = (tree.spans.traits for tree in self.trees)
        labels_a = [traits_a[span][LABEL] for span in left]
        labels_b = [traits_b[span][LABEL] for span in right]
        if labels_a == labels_b:
            return zip(left, right, strict=True)
        waiting: defaultdict[tuple[str, str], deque[int]] = defaultdict(deque)
        for label, span in zip(labels_b, right, strict=True):
            waiting[label].append(span)
        partners = [waiting[label].popleft() if waiting[label] else NONE for label in labels_a]
        return _in_order(left, right, partners)


def _in_order(left: Sequence[int], right: Sequence[int], partners: Sequence[int]) -> _Pairs:
    taken = set(partners)
    following: defaultdict[int, list[int]] = defaultdict(list)
    neighbour = NONE
    for span in right:
        if span in taken:
            neighbour = span
        else:
            following[neighbour].append(span)
    pairs: _Pairs = [(NONE, span) for span in following[NONE]]
    for span, partner in zip(left, partners, strict=True):
        pairs.append((span, partner))
        if partner != NONE:
            pairs.extend((NONE, other) for other in following[partner])
    return pairs
