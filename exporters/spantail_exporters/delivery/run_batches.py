"""Encoded changes by run, until they are handed out as batches of bounded size. Used by one thread; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from spantail_exporters.model.batch import Batch
from spantail_exporters.model.changes import Changes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from spantail_exporters.delivery.losses import Losses

_MAX_BATCH_EVENTS: Final = 500
_MAX_BATCH_BYTES: Final = 512 * 1024  # keeps one script call below a few milliseconds of Redis' only thread


class RunBatches:
    """Numbers the batches of one writer.

    Args:
        writer: A name that was never used before.
        losses: What is to be counted on the runs; it travels with their next batches.
    """

    def __init__(self, writer: str, losses: Losses) -> None:
        self._writer = writer
        self._losses = losses
        self._last_number = 0
        self._changes: dict[str, Changes] = {}
        self._full: list[tuple[str, Changes]] = []

    @property
    def unsent(self) -> bool:
        """Whether something has been added, or counted as lost, that `take` has not handed out."""
        return bool(self._changes or self._full or self._losses)

    def of_run(self, run_id: str) -> Changes:
        """Return what changes of a run are added to: the batch under way, or a new one where that is full."""
        changes = self._changes.get(run_id)
        if changes is None:
            self._changes[run_id] = changes = Changes()
        elif len(changes.lines) >= _MAX_BATCH_EVENTS or changes.size >= _MAX_BATCH_BYTES:
            self._full.append((run_id, changes))
            self._changes[run_id] = changes = Changes()
        return changes

    def take(self, *, losses: bool) -> list[Batch]:
        """Hand out everything added so far, in order.

        Args:
            losses: Whether runs that have nothing but losses get a batch as well. While Redis is away these would be
                batches of their own again and again.
        """
        batches = [self._batch(run_id, changes) for run_id, changes in self._full]
        batches += [self._batch(run_id, changes) for run_id, changes in self._changes.items()]
        if losses:
            batches += [self._batch(run_id, Changes()) for run_id in self._losses.runs]
        self._full, self._changes = [], {}
        return batches

    def _batch(self, run_id: str, changes: Changes) -> Batch:
        self._last_number += 1
        return Batch(run_id, self._writer, self._last_number, changes, self._losses.take(run_id))


def pings(run_ids: Iterable[str]) -> list[Batch]:
    """Make batches without changes: their reply says whether Redis still knows the runs."""
    # without a number: one would overtake what waits on disk, which then would look as if it had been applied
    return [Batch(run_id, "", 0, Changes(), {}) for run_id in run_ids]
