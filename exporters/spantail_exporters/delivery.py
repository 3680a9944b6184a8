"""From batches to Redis, whatever Redis is doing: backoff, heartbeat, spill to disk, and telling again what was lost.

While Redis is away batches go to the spool on disk, in order, and come back through it: what is on disk survives the
process too. Without a spool they stay in memory, nothing more is taken from the queue, and the queue counts what it
cannot hold.
"""

from __future__ import annotations

import logging
import random
import time
from collections import deque
from typing import TYPE_CHECKING, Protocol

from spantail_exporters.heartbeat import BEAT_S
from spantail_exporters.redis_writer import Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spantail_exporters.assembler import Assembler, Batch
    from spantail_exporters.health import Health
    from spantail_exporters.redis_writer import Sent

_logger = logging.getLogger(__name__)

_RECENT_S = 3.0
_RECENT_BYTES = 8 * 1024 * 1024
_BACKOFF_S = (0.05, 5.0)
_PORTION = (20, 4 * 1024 * 1024)  # batches and bytes that are read back from disk between two looks at the clock


class Writer(Protocol):
    """What delivery needs of the place that batches go to (`RedisWriter`)."""

    def send(self, batches: Sequence[Batch]) -> Sent:
        """Apply batches in order; raise `Unavailable` to be asked again."""

    def beat(self, runner_id: str) -> bool:
        """Give a sign of life; False when the lease had run out."""

    def close(self) -> None:
        """Let go of the connection."""


class Spooling(Protocol):
    """What delivery needs of the disk (`Spool`)."""

    @property
    def empty(self) -> bool:
        """Whether nothing waits."""

    @property
    def size_bytes(self) -> int:
        """Bytes on disk."""

    def append(self, batch: Batch) -> bool:
        """Keep a batch; False when there is no room."""

    def peek(self, max_batches: int, max_bytes: int) -> list[Batch]:
        """Return the oldest batches, at least one if there is any."""

    def advance(self, count: int) -> None:
        """Forget the oldest `count` batches: they are stored."""

    def close(self) -> None:
        """Let go of the files; an empty spool leaves none behind."""


class Delivery:
    """Owned by the worker's thread. `spools` are this process's own first, then those that dead processes left."""

    def __init__(
        self,
        writer: Writer,
        assembler: Assembler,
        runner_id: str,
        health: Health,
        spools: Sequence[Spooling] = (),
    ) -> None:
        self._health = health
        self._writer = writer
        self._assembler = assembler
        self._runner_id = runner_id
        self._spool = spools[0] if spools else None
        self._left_behind = list(spools[1:])
        self._pending: list[Batch] = []
        self._failures = 0
        self._retry_at = 0.0
        self._next_beat = 0.0
        self._leased = False
        self._asks = False
        self._recent: deque[tuple[float, int, Batch]] = deque()
        self._recent_bytes = 0

    @property
    def away(self) -> bool:
        """Whether Redis did not take the last batches."""
        return self._failures > 0

    @property
    def accepts(self) -> bool:
        """Whether more batches may be offered; while Redis is away only the disk makes room for them."""
        return not self._pending

    @property
    def rests_for_s(self) -> float:
        """Seconds until there is something to do of its own accord: another try, or a heartbeat."""
        return max(0.0, (self._retry_at if self.away else self._next_beat) - time.monotonic())

    @property
    def spool_bytes(self) -> int:
        """Bytes that wait on disk."""
        return self._spool.size_bytes if self._spool is not None else 0

    def offer(self, batches: list[Batch]) -> None:
        """Take over batches, in order, to be delivered by `step`."""
        self._pending = batches
        if self.away or (self._spool is not None and not self._spool.empty):
            self._spill()

    def step(self) -> bool:
        """Deliver what can be delivered; true when all that was offered is stored in Redis."""
        begun = time.monotonic()
        if begun < self._retry_at:
            return False
        try:
            self._beat()
            if self._asks:
                # Redis may have come back without its last second: what it still has are duplicates
                self._tell_renewed(self._writer.send([batch for _, _, batch in self._recent]))
                self._asks = False
            if self._spool is not None:
                self._unspool(self._spool)
            if self._pending:
                self._send(self._pending)
                self._pending = []
            while self._left_behind:
                self._unspool(self._left_behind[0])
                self._left_behind.pop(0).close()
        except Unavailable as trouble:
            self._health.failed(time.monotonic() - begun, trouble)
            self._failed(trouble)
            return False
        return True

    def close(self) -> None:
        """Let go of the connection and the files. What could not be delivered is on disk, or lost and said so."""
        lost = sum(len(change.events) for batch in self._pending for change in batch.changes)
        if lost:
            _logger.warning("%d events were not delivered before the end", lost)
        for spool in (self._spool, *self._left_behind):
            if spool is not None:
                spool.close()
        self._writer.close()

    def _beat(self) -> None:
        now = time.monotonic()
        if now < self._next_beat and not self.away:
            return
        alive = self._writer.beat(self._runner_id)
        self._next_beat = now + BEAT_S
        if self._failures:
            _logger.warning("live tier reachable again after %d attempts", self._failures)
            self._failures, self._retry_at = 0, 0.0
            self._asks = True
            # the reply tells whether Redis still knows the runs, also of spans that have nothing new to say
            self._send(self._assembler.ping(self._assembler.open_runs()))
        if not alive and self._leased:
            self._assembler.tell_again("_revived", time.time_ns() // 1000)
        self._leased = True

    def _remember(self, batches: Sequence[Batch]) -> None:
        """Keep what Redis has confirmed and may yet lose: with everysec a second, two when its disk is slow."""
        now = time.monotonic()
        recent = self._recent
        for batch in batches:
            if batch.changes:
                size = sum(len(event) for change in batch.changes for event in change.events)
                # where it has to be stored again, less is lost than was found missing
                drops = {**batch.drops, "redis_lost": -_events(batch)}
                recent.append((now, size, batch._replace(drops=drops)))
                self._recent_bytes += size
        while recent and (recent[0][0] < now - _RECENT_S or self._recent_bytes > _RECENT_BYTES):
            self._recent_bytes -= recent.popleft()[1]

    def _unspool(self, spool: Spooling) -> None:
        while not spool.empty:
            self._beat()  # the way back may be longer than a lease
            batches = spool.peek(*_PORTION)
            self._send(batches)
            spool.advance(len(batches))

    def _spill(self) -> None:
        if self._spool is None:
            return
        for batch in self._pending:
            if not self._spool.append(batch):
                self._lose(batch, "spool_full")
        self._pending = []

    def _lose(self, batch: Batch, reason: str) -> None:
        if count := _events(batch):
            self._assembler.drop(batch.run_id, reason, count)
        for earlier, number in batch.drops.items():
            self._assembler.drop(batch.run_id, earlier, number)

    def _failed(self, trouble: Unavailable) -> None:
        self._failures += 1
        if self._failures == 1:
            _logger.warning(
                "live tier unreachable, events wait %s: %s", "on disk" if self._spool else "in memory", trouble
            )
        low, high = _BACKOFF_S
        wait_s = min(high, low * 2 ** min(self._failures, 10)) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
        self._retry_at = time.monotonic() + wait_s
        self._spill()

    def _send(self, batches: Sequence[Batch]) -> None:
        if not batches:
            return
        begun = time.perf_counter()
        sent = self._writer.send(batches)
        self._remember(batches)
        self._health.delivered(sum(map(_events, batches)), time.perf_counter() - begun)
        for batch, words in sent.refused:
            _logger.warning("the live tier refused %d events of run %s: %s", _events(batch), batch.run_id, words)
            if batch.changes:  # where not even a count is taken there is nobody to tell
                self._lose(batch, "refused")
        self._tell_renewed(sent)

    def _tell_renewed(self, sent: Sent) -> None:
        for run_id in sent.renewed:
            self._assembler.tell_again("_update", time.time_ns() // 1000, run_id)


def _events(batch: Batch) -> int:
    return sum(len(change.events) for change in batch.changes)
