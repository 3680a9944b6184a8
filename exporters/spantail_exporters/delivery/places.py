"""What delivery needs of the two places that batches go to: Redis and the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spantail_exporters.model.batch import Batch, Known
    from spantail_exporters.redis.waiter import Call
    from spantail_exporters.redis.writer import Sent


class Writer(Protocol):
    """What delivery needs of the place that batches go to (`RedisWriter`)."""

    @property
    def index_waits(self) -> bool:
        """Whether the index over runs has not been told yet what is news."""

    def tell_index(self) -> Call[None]:
        """Tell the index over runs what is news."""

    def send(self, batches: Sequence[Batch]) -> Call[Sent]:
        """Apply batches in order; its answer is `Unavailable` where they have to be sent again."""

    def beat(self, runner_id: str) -> Call[bool]:
        """Give a sign of life; False when the lease had run out."""

    @property
    def silent_for_s(self) -> float:
        """How long the place has left a question unanswered; 0 when none waits, or the answer is there to be read."""

    def known(self, run_id: str) -> Known | None:
        """Say where a run stood at the last answer, to any thread."""

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
