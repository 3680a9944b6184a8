"""Decisions read from a string of bytes: quick to draw, and Hypothesis shrinks them to the simplest case."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

T = TypeVar("T")


class Tape:
    """Reads one byte a decision. Beyond the end every decision is the first, simplest choice."""

    def __init__(self, data: bytes) -> None:
        self._data = iter(data)

    def below(self, limit: int) -> int:
        """A number from 0 up to `limit`, itself left out; at most 256."""
        return next(self._data, 0) % limit if limit > 1 else 0

    def chance(self, one_in: int) -> bool:
        """True once in `one_in` times; never beyond the end."""
        return self.below(one_in) == one_in - 1

    def pick(self, choices: Sequence[T]) -> T:
        """One of the choices, the first beyond the end."""
        return choices[self.below(len(choices))]

    def shuffled(self, items: Iterable[T]) -> list[T]:
        """The items in another order, the same order beyond the end."""
        left = list(items)
        return [left.pop(self.below(len(left))) for _ in range(len(left))]

    def pieces(self, items: Sequence[T], largest: int) -> list[list[T]]:
        """The items in their order, cut into pieces of 1 to `largest`."""
        cut: list[list[T]] = []
        at = 0
        while at < len(items):
            size = 1 + self.below(largest)
            cut.append(list(items[at : at + size]))
            at += size
        return cut

    def interleaved(self, queues: Iterable[Sequence[T]]) -> list[T]:
        """One line out of several, each of which keeps its order."""
        waiting = [list(queue) for queue in queues if queue]
        line: list[T] = []
        while waiting:
            queue = self.pick(waiting)
            line.append(queue.pop(0))
            if not queue:
                waiting.remove(queue)
        return line
