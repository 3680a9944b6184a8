"""What was lost, counted by run and reason until a batch of the run carries it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_RUNS: Final = 10_000  # counted one by one; hours without Redis must not fill the memory with counts


class Losses:
    """Counts what is lost.

    Args:
        dropped: Called at every loss with the number of events and the reason (the metrics); beyond 10,000 runs
            nothing else counts it.
    """

    def __init__(self, dropped: Callable[[int, str], None]) -> None:
        self._dropped = dropped
        self._drops: dict[str, dict[str, int]] = {}
        self._ends: dict[str, int] = {}  # by run, for which the queue was full

    def __bool__(self) -> bool:
        """Whether any run has losses that were not handed out."""
        return bool(self._drops)

    @property
    def runs(self) -> Iterable[str]:
        """The runs that have losses which were not handed out."""
        return tuple(self._drops)

    def add(self, run_id: str, reason: str, count: int) -> None:
        """Count events that were lost."""
        self._dropped(count, reason)
        self._count(run_id, reason, count)

    def add_ends(self, run_id: str, count: int) -> None:
        """Count ends of spans for which the queue was full."""
        self.add(run_id, "queue_full", count)
        if len(self._ends) < _RUNS or run_id in self._ends:
            self._ends[run_id] = self._ends.get(run_id, 0) + count

    def take_back_end(self, run_id: str) -> None:
        """Count one of them no more, where there is one: it has come after all."""
        if run_id in self._ends:
            self._ends[run_id] -= 1
            if not self._ends[run_id]:
                del self._ends[run_id]
            self._count(run_id, "queue_full", -1)

    def take_back(self, run_id: str, reason: str) -> None:
        """Count one event of a run no more: it has come after all."""
        self._count(run_id, reason, -1)

    def put_back(self, run_id: str, drops: Mapping[str, int]) -> None:
        """Keep what was taken and not stored: no new losses."""
        for reason, count in drops.items():
            self._count(run_id, reason, count)

    def take(self, run_id: str) -> Mapping[str, int]:
        """Hand out the losses of a run, by reason."""
        return self._drops.pop(run_id, {})

    def _count(self, run_id: str, reason: str, count: int) -> None:
        if len(self._drops) < _RUNS or run_id in self._drops:
            reasons = self._drops.setdefault(run_id, {})
            reasons[reason] = reasons.get(reason, 0) + count
            if not reasons[reason]:
                del reasons[reason]
            if not reasons:
                del self._drops[run_id]
