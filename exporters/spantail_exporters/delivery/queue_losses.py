"""What found the queue full, until the worker counts it.

No lock: the thread that held it might be here again, below the handler of a signal.
"""

from __future__ import annotations

import itertools
from collections import Counter, deque
from typing import Final

_CAPACITY: Final = 65_536


class QueueLosses:
    """Filled by the application's threads, emptied by the worker.

    Beyond 65,536 losses between two looks of the worker only their number is kept.
    """

    def __init__(self) -> None:
        self._losses: deque[tuple[int, bool]] = deque()
        self._further = itertools.count()
        self._further_counted = 0

    def __len__(self) -> int:
        """How many wait with their names."""
        return len(self._losses)

    def add(self, trace_id: int, *, is_end: bool) -> None:
        """Note that an event of a trace was lost, and whether it was the end of a span."""
        if len(self._losses) < _CAPACITY:
            self._losses.append((trace_id, is_end))
        else:
            next(self._further)

    def take(self) -> tuple[Counter[tuple[int, bool]], int]:
        """Hand out how many were lost by trace and whether they were ends, and how many more of no known trace."""
        losses = Counter(self._losses.popleft() for _ in range(len(self._losses)))
        further = next(self._further) - self._further_counted  # reading the counter counts one more
        self._further_counted += further + 1
        return losses, further
