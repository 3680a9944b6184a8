"""The part of a run's tail that is held in memory (pure)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_OVERHEAD = 41  # bytes that Python needs for a short bytes object and its place in a list


class Memory:
    """How many bytes all windows of a process take, and how many they may."""

    __slots__ = ("held", "limit")

    def __init__(self, limit: int) -> None:
        self.held = 0
        self.limit = limit


class Window:
    """Consecutive events as they stand in frames: from index `start` up to, not including, `end`."""

    __slots__ = ("_events", "_memory", "size", "start")

    def __init__(self, memory: Memory, start: int = 0) -> None:
        self.start = start
        self.size = 0
        """Bytes that it takes."""
        self._events: list[bytes] = []
        self._memory = memory

    @property
    def end(self) -> int:
        """The index after the last event."""
        return self.start + len(self._events)

    def clear(self, start: int) -> None:
        """Hold nothing, and go on at `start`."""
        self._events = []
        self._grow(-self.size)
        self.start = start

    def append(self, events: Sequence[bytes]) -> None:
        """Add events at `end`."""
        self._events += events
        self._grow(_size(events))

    def prepend(self, events: Sequence[bytes]) -> None:
        """Add events that end where the window starts."""
        self._events[:0] = events
        self._grow(_size(events))
        self.start -= len(events)

    def drop_before(self, index: int) -> None:
        """Forget what is older than `index`."""
        count = min(index, self.end) - self.start
        if count > 0:
            self._grow(-_size(self._events[:count]))
            del self._events[:count]
            self.start += count

    def slice(self, since: int, limit: int) -> list[bytes]:
        """At most `limit` events from index `since` on, which must not be below `start`."""
        first = since - self.start
        return self._events[first : first + limit]

    def drop_older_half(self) -> None:
        """Forget the older half, one event at least."""
        self.drop_before(self.start + (len(self._events) + 1) // 2)

    def _grow(self, size: int) -> None:
        self.size += size
        self._memory.held += size


def newest_within(budget: int, events: Sequence[bytes]) -> Sequence[bytes]:
    """The last of `events`, as many as fit into `budget` bytes."""
    first = len(events)
    while first and (budget := budget - len(events[first - 1]) - _OVERHEAD) >= 0:
        first -= 1
    return events[first:]


def _size(events: Sequence[bytes]) -> int:
    return sum(map(len, events)) + _OVERHEAD * len(events)
