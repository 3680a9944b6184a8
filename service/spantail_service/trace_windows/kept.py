"""What is worked out of a run's index and kept for as long as the run stays as it is."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from spantail_service.trace_windows.span_table import SpanTable

_SHARE: Final = 0.05  # of the time, that one thing may take to be worked out of a run that goes on
_MOST: Final = 16  # things of one index
_LEAST_S: Final = 0.02  # what takes less is worked out anew at once

T = TypeVar("T")


class _Held(NamedTuple):
    table: SpanTable
    changes: int
    again_at: float
    """Before that it is taken as it is, though the run has changed."""
    value: Any


class Kept:
    """Values of one index; one thread at a time works one out, others wait for it."""

    def __init__(self) -> None:
        self._held: dict[Hashable, _Held] = {}
        self._lock = threading.Lock()

    def get(self, what: Hashable, table: SpanTable, work: Callable[[SpanTable], T]) -> T:
        """What `work` makes of the table, or made of it a moment ago."""
        with self._lock:
            return self._get(what, table, work)

    def _get(self, what: Hashable, table: SpanTable, work: Callable[[SpanTable], T]) -> T:
        held = self._held.get(what)
        now = time.monotonic()
        if held is not None and held.table is table and (held.changes == table.changes or now < held.again_at):
            value: T = held.value
            return value
        changes = table.changes
        made = work(table)
        done = time.monotonic()
        again_at = done + (done - now) / _SHARE if done - now > _LEAST_S else done
        self._held.pop(what, None)  # put in again at the end: the first was made longest ago
        self._held[what] = _Held(table, changes, again_at, made)
        if len(self._held) > _MOST:
            del self._held[next(iter(self._held))]
        return made
