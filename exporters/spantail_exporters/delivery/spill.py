"""What was offered and is not stored yet: in memory, and when it spills over to the disk.

It does so while Redis is away, and when an answer is overdue: what is on disk survives the process. Without a spool,
or where that is full, it stays in memory or is lost, and counted. Nothing here waits; callers pass the time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from spantail_exporters.model.batch import Batch

OVERDUE_S: Final = 0.04  # it may pass twice, in the queue and then here: a `kill -9` may take the last 100 ms, no more
_AHEAD_BYTES: Final = 1024 * 1024  # that wait while others are under way: the next trip is larger
_ANY_SIZE: Final = 1 << 62


class Spooling(Protocol):
    """What is needed of the disk (`Spool`)."""

    @property
    def empty(self) -> bool:
        """Whether nothing waits."""

    @property
    def size_bytes(self) -> int:
        """Bytes on disk."""

    def append(self, batch: Batch) -> bool:
        """Keep a batch; False when it does not fit."""

    def peek(self, max_batches: int, max_bytes: int) -> list[Batch]:
        """Return the oldest batches, at least one if there is any."""

    def advance(self, count: int) -> None:
        """Forget the oldest `count` batches: they are stored."""

    def close(self) -> None:
        """Let go of the files; an empty spool leaves none behind."""


class Backlog:
    """What was offered, in order: pending in memory, under way and nowhere but in memory, or on disk.

    Args:
        spool: This process's own; None where there is no place on disk.
        lose: Called with each batch that does not fit on the disk.
    """

    def __init__(self, spool: Spooling | None, lose: Callable[[Batch], None]) -> None:
        self.spool = spool
        self._lose = lose
        self._pending: list[Batch] = []
        self._pending_since = 0.0
        self._under_way: list[Batch] = []
        self._under_way_since = 0.0  # when it was offered: the answer to another call may have come first
        self._spilled_under_way = 0  # how many of those under way are at the head of the spool

    @property
    def accepts(self) -> bool:
        """Whether more may be offered; while Redis is away only the disk takes it."""
        return sum(batch.changes.size for batch in self._pending) < _AHEAD_BYTES

    @property
    def pending(self) -> bool:
        """Whether something waits in memory to be sent."""
        return bool(self._pending)

    @property
    def in_memory(self) -> bool:
        """Whether something was offered that is neither stored nor on disk."""
        return bool(self._pending or self._under_way)

    @property
    def events_in_memory(self) -> int:
        """How many events would be lost with the process."""
        return sum(len(batch.changes) for batch in (*self._under_way, *self._pending))

    @property
    def spooled(self) -> bool:
        """Whether something of this process waits on disk."""
        return self.spool is not None and not self.spool.empty

    @property
    def overdue_at(self) -> float:
        """When the oldest of what is in memory has waited long enough for an answer."""
        return (self._under_way_since if self._under_way else self._pending_since) + OVERDUE_S

    def offer(self, batches: list[Batch], now: float) -> None:
        """Take over batches."""
        if not self._pending:
            self._pending_since = now
        self._pending += batches

    def send_all(self) -> tuple[Batch, ...]:
        """Hand out what is pending; it is under way from now on, until `stored`."""
        self._under_way, self._pending = self._pending, []
        self._under_way_since = self._pending_since
        return tuple(self._under_way)

    def stored(self) -> None:
        """Forget what was under way, also on disk."""
        self._under_way = []
        if self._spilled_under_way and self.spool is not None:
            self.spool.peek(self._spilled_under_way, _ANY_SIZE)
            self.spool.advance(self._spilled_under_way)
            self._spilled_under_way = 0

    def begin_again(self) -> None:
        """Have everything sent that is not stored: no call is under way any more."""
        if self._under_way:
            self._pending, self._pending_since = self._under_way + self._pending, self._under_way_since
            self._under_way = []
        self._spilled_under_way = 0

    def spill(self, known: Callable[[Batch], Batch], *, is_asked: bool) -> None:
        """Put on disk what is in memory only, the oldest first.

        Args:
            known: Adds to a batch what is known of its run, for whoever delivers it.
            is_asked: Whether the call that is under way may still be answered. What it carries may be stored yet, and
                cannot be counted as lost.
        """
        if self.spool is None:
            return
        while self._under_way:
            if self.spool.append(known(self._under_way[0])):
                self._spilled_under_way += 1
            elif is_asked:
                return
            else:
                self._lose(self._under_way[0])
            self._under_way.pop(0)
        for batch in self._pending:
            if not self.spool.append(known(batch)):
                self._lose(batch)
        self._pending = []
