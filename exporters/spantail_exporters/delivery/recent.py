"""What Redis has confirmed and may yet lose, to be sent again after it was away. Pure: callers pass the time.

With `appendfsync everysec` Redis loses a second when it crashes, two when its disk is slow.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from spantail_exporters.model.batch import Batch

_KEPT_S: Final = 3.0
_KEPT_BYTES: Final = 8 * 1024 * 1024


class Recent:
    """The batches that were confirmed in the last 3 s, at most 8 MiB of them; times are of the monotonic clock."""

    def __init__(self) -> None:
        self._batches: deque[tuple[float, int, Batch]] = deque()
        self._bytes = 0

    @property
    def batches(self) -> list[Batch]:
        """What is to be sent again, in order."""
        return [batch for _, _, batch in self._batches]

    def add(self, batch: Batch, added: int, now: float) -> None:
        """Keep a batch that has just been confirmed, and that took `added` sequence numbers."""
        if batch.changes:
            size = batch.changes.size
            # where it has to be stored again, less is lost than was found missing
            drops = {**batch.drops, "redis_lost": -added}
            self._batches.append((now, size, batch._replace(drops=drops)))
            self._bytes += size

    def forget_old(self, now: float) -> None:
        """Forget what is on Redis' disk by now, or is more than may be kept."""
        batches = self._batches
        while batches and (batches[0][0] < now - _KEPT_S or self._bytes > _KEPT_BYTES):
            self._bytes -= batches.popleft()[1]
