"""What is shown of a run that waits in the queue: its root, and the span that it waits in (pure).

The process that claims the item writes the same two spans, by the same ids, as spans of its own: what stands here has
revision 0, and so gives way to them whichever comes first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from spantail import attributes as key
from spantail_exporters.model.changes import Change
from spantail_exporters.model.event import dumps, encode_state
from spantail_exporters.model.record import Link, SpanRecord
from spantail_exporters.model.rules.layers import layers_of
from spantail_service.jobs.queue.identity import root_span_id, wait_span_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spantail.redaction import Redactor

WAIT_NAME: Final = "waiting in the queue"
_MESSAGING_SYSTEM: Final = "spantail"
_CANCELLED: Final = "cancelled while it waited in the queue"
# W3C Trace Context: version, trace id, span id, flags
_TRACEPARENT_PARTS: Final = 4


class PendingRun(NamedTuple):
    """A run that waits."""

    run_id: str
    title: str
    """What its operation is called: the name of its root."""
    name: str
    """What the run is called."""
    item_id: str
    queued: int
    """Since when, in microseconds since the epoch."""
    layers: Sequence[str] = ()
    links: Sequence[str] = ()
    """Spans that it comes from, each as W3C `traceparent`."""
    session_id: str = ""
    service: str | None = None


def wait_attributes(item_id: str) -> dict[str, Any]:
    """The attributes of the span that a run waits in (OpenTelemetry's messaging conventions, beside its kind)."""
    return {
        key.KIND: key.KIND_QUEUE,
        "messaging.system": _MESSAGING_SYSTEM,
        "messaging.destination.name": "queue:pending",
        "messaging.message.id": item_id,
    }


def pending_changes(run: PendingRun, redactor: Redactor) -> list[Change]:
    """The open root and the open wait of a run."""
    return [_change(record, 0, redactor) for record in _records(run, None)]


def ended_changes(run: PendingRun, ended: int, redactor: Redactor, *, error: str = "") -> list[Change]:
    """The end of both at `ended` (microseconds since the epoch), for a run that never began.

    It was cancelled where there is no `error`, a sentence for people.
    """
    root, wait = _records(run, ended)
    if error:
        root.failed, root.description = True, error
    else:
        cancelled = {key.STATUS: key.STATUS_CANCELLED, key.REASON: _CANCELLED}
        root.attributes = {**root.attributes, **cancelled}
        wait.attributes = {**wait.attributes, **cancelled}
    return [_change(wait, 1, redactor), _change(root, 1, redactor)]


def abandoned_changes(run: PendingRun, ended: int, reason: str, redactor: Redactor) -> list[Change]:
    """The same for a run that a process had claimed, and that died before it said so."""
    changes = []
    for record in reversed(_records(run, None)):
        state = encode_state(record, 0, redactor)
        body = {
            **state.body,
            "status": "abandoned",
            "ts": ended,
            "event": f"{state.body['kind']}_abandoned",
            "end": ended,
            "abandoned": {"reason": reason},
        }
        layers = layers_of(body, body["attributes"])
        changes.append(Change(record.span_id, record.parent_id or "", [dumps(body)], layers=layers))
    return changes


def ids_of(traceparent: str) -> tuple[str, str] | None:
    """Trace id and span id; None where it is no `traceparent`."""
    parts = traceparent.split("-")
    return (parts[1], parts[2]) if len(parts) == _TRACEPARENT_PARTS else None


def _records(run: PendingRun, ended: int | None) -> tuple[SpanRecord, SpanRecord]:
    root: dict[str, Any] = {key.KIND: key.KIND_OPERATION, key.RUN_NAME: run.name}
    if run.layers:
        root[key.LAYERS] = tuple(run.layers)
    if run.session_id:
        root[key.SESSION_ID] = run.session_id
    ids = root_span_id(run.run_id)
    links = tuple(Link(*found, {}) for link in run.links if (found := ids_of(link)) is not None)
    return (
        SpanRecord(run.run_id, ids, None, run.title, run.queued, ended, root, links=links, service=run.service),
        SpanRecord(
            run.run_id,
            wait_span_id(run.run_id),
            ids,
            WAIT_NAME,
            run.queued,
            ended,
            wait_attributes(run.item_id),
            service=run.service,
        ),
    )


def _change(record: SpanRecord, rev: int, redactor: Redactor) -> Change:
    state = encode_state(record, rev, redactor, event="_start" if record.end_us is None else None)
    return Change(record.span_id, record.parent_id or "", [dumps(state.body)], 0, "", state.layers)
