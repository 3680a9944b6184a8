"""The queue as viewers get it: JSON with counts and items."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from spantail.redaction import Redactor
from spantail_service.jobs.queue.item import ItemStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spantail_service.jobs.queue.answers import Overview
    from spantail_service.jobs.queue.item import QueueItem
    from spantail_service.operations.base import Operation

_KEPT_NAMES: Final = 2_000


class QueueFrame(NamedTuple):
    """The queue at one moment, encoded once for everybody."""

    version: int
    body: bytes
    """`{version, changed, counts, items}`."""


def unchanged(version: int) -> bytes:
    """What a viewer is sent who has this version already: a sign of life."""
    return b'{"version":%d,"changed":false}' % version


class QueueFrames:
    """Makes frames. Remembers what items are called, for their input says it and does not change.

    Args:
        catalogue: The operations that are known here, by name.
    """

    def __init__(self, catalogue: Mapping[str, Operation]) -> None:
        self._catalogue = catalogue
        self._redactor = Redactor.from_environment()
        self._names: OrderedDict[str, str] = OrderedDict()

    def of(self, overview: Overview) -> QueueFrame:
        """The frame of an overview."""
        waiting = 0
        items = []
        for item in sorted(overview.items, key=_running_first):
            position = None
            if item.status is ItemStatus.PENDING:
                position, waiting = waiting, waiting + 1
            items.append(self._described(item, position))
        counts = {
            "pending": overview.pending,
            "delayed": overview.delayed,
            "running": overview.running,
            "failed": overview.failed,
        }
        body = {"version": overview.version, "changed": True, "counts": counts, "items": items}
        return QueueFrame(overview.version, orjson.dumps(body))

    def _described(self, item: QueueItem, position: int | None) -> dict[str, Any]:
        op = self._catalogue.get(item.operation)
        return {
            "id": item.id,
            "operation": item.operation,
            "title": op.title if op is not None else item.operation,
            "name": self._name_of(item, op),
            "status": item.status,
            "priority": item.priority,
            "position": position,
            "attempts": item.attempts,
            "max_attempts": item.max_attempts,
            "enqueued": item.enqueued,
            "available": item.available,
            "started": item.started,
            "finished": item.finished,
            "runner": item.runner or None,
            "run_id": item.run_id or None,
            "earlier_runs": item.earlier_runs,
            "cancelling": item.is_cancelling and not item.is_over,
            "error": item.error or None,
        }

    def _name_of(self, item: QueueItem, op: Operation | None) -> str:
        name = self._names.get(item.id)
        if name is None:
            name = self._made_name(item, op)
            while len(self._names) >= _KEPT_NAMES:
                self._names.popitem(last=False)
            self._names[item.id] = name
        return name

    def _made_name(self, item: QueueItem, op: Operation | None) -> str:
        if op is None:
            return item.operation
        try:
            return self._redactor.text(op.run_name(op.input_model.model_validate_json(item.input)))
        except Exception:  # noqa: BLE001 - an older input may not fit any more, and `subject` may be somebody else's code
            return op.title


def _running_first(item: QueueItem) -> float:
    """Order what runs by its start: a set has no order. All others keep theirs, behind it."""
    return item.started or 0 if item.status is ItemStatus.RUNNING else float("inf")
