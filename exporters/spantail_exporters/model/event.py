"""Span states and log lines to version-1 livetail events: pure functions, bytes out.

The order of the first four fields is part of the contract with the run script, which reads them as text.
Absent means unknown: no field is ever a made-up zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from spantail import attributes as key
from spantail.content import marks_of, take_marks
from spantail.redaction import TRUNCATED_KEY
from spantail_exporters.dialects.origin import told_apart
from spantail_exporters.dialects.understand import is_foreign
from spantail_exporters.model.attempt import add_usage
from spantail_exporters.model.changes import NO_SOURCES
from spantail_exporters.model.event_parts import (
    BESIDE_ATTRIBUTES,
    add_attributes,
    add_fields,
    error_of,
    link_of,
    span_event_of,
)
from spantail_exporters.model.remarks import change, differ
from spantail_exporters.model.rules.layers import layers_of
from spantail_exporters.model.sessions import with_sessions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spantail.content import Dropped
    from spantail.live import LogEvent
    from spantail.redaction import Remarks
    from spantail_exporters.model.record import SpanEvent, SpanRecord
    from spantail_exporters.model.redactor import Redactor

_GEN_AI_KINDS: Final = {
    "chat": "llm_call",
    "text_completion": "llm_call",
    "generate_content": "llm_call",
    "embeddings": "llm_call",
    "execute_tool": "tool",
    "retrieval": "retrieval",
}
_SUFFIX: Final = {"running": "_update", "ok": "_complete", "error": "_error",
                  "skipped": "_skip", "cancelled": "_cancelled"}  # fmt: skip
_PROGRESS: Final = (
    ("done", key.PROGRESS_DONE),
    ("total", key.PROGRESS_TOTAL),
    ("message", key.PROGRESS_MESSAGE),
)
_NOTHING: Final[list[dict[str, Any]]] = []  # shared by all states without span events: an object less for each


def kind_of(attributes: Mapping[str, Any]) -> str:
    """Name the span's kind: what it says itself, else what its GenAI operation implies, else `span`."""
    kind = attributes.get(key.KIND)
    if kind is None:
        operation = attributes.get(key.GEN_AI_OPERATION_NAME)
        return _GEN_AI_KINDS.get(operation, "span") if isinstance(operation, str) else "span"
    return kind if isinstance(kind, str) and kind in key.KINDS else "span"


def status_of(record: SpanRecord) -> str:
    """Name the span's status; `spantail.status` says what OTLP's status cannot."""
    if record.end_us is None:
        return "running"
    said = record.attributes.get(key.STATUS)
    if isinstance(said, str) and said in {"skipped", "cancelled"}:
        return str(said)
    return "error" if record.failed else "ok"


def event_of(kind: str, status: str) -> str:
    """Name the event of a span that has come to a status."""
    return kind + _SUFFIX[status]


@dataclass(slots=True, eq=False)
class Encoded:
    """A span state on its way to Redis, with what the script must know beside it."""

    body: dict[str, Any]
    noted: int
    account: str
    layers: bytes
    tail_events: list[dict[str, Any]]
    """The span events that are tail events of their own: all but the exception that became `error`."""
    sources: Mapping[str, bytes]
    """The resource and the scope that the body names, and the span's sessions."""

    def cut(self, mark: str) -> None:
        """Leave out everything that can be large, and say so in the attributes: identity, times and money stay."""
        for name in (*BESIDE_ATTRIBUTES, "span_events", "links"):
            self.body.pop(name, None)
        self.tail_events = []
        self.body["attributes"] = {TRUNCATED_KEY: mark}


def encode_state(record: SpanRecord, rev: int, redactor: Redactor, *, event: str | None = None,
                 ts: int | None = None, noted: int = 0) -> Encoded:  # fmt: skip
    """Encode one whole state of a span.

    Args:
        record: the span.
        rev: the writer's revision, 1 for the start.
        redactor: keeps secrets out.
        event: the event's suffix where it is not that of the status: `_start` for the first state.
        ts: the event's time in us, by default the end or the start.
        noted: how many span events were sent already. The count never runs back, whatever the SDK dropped since.
    """
    raw = record.attributes
    end = record.end_us
    origin = None
    if is_foreign(raw) or key.DERIVED in raw:
        # a copy: the span's own are compared at the next look
        raw, origin = told_apart(raw, ended=end is not None, start_us=record.start_us)
    status, kind = status_of(record), kind_of(raw)
    text, span_events = redactor.text, record.span_events
    left_out: Dropped = {}
    remarks: Remarks = {}
    attributes = redactor.attributes(raw, left_out, remarks)
    marks = take_marks(attributes) if key.CONTENT_LEFT_OUT in attributes else _NOTHING
    failed = record.failed and end is not None
    error, folded = error_of(record, attributes, redactor) if failed else (None, None)
    separate = span_events
    if span_events:
        separate = _with_events_of_their_own(record, folded, noted)
        noted = max(noted, record.dropped_span_events + len(separate))
    body: dict[str, Any] = {
        "rev": rev, "status": status, "start": record.start_us, "noted": noted,
        "ts": ts if ts is not None else end if end is not None else record.start_us,
        "event": kind + (event or _SUFFIX[status]),
        "run_id": record.run_id, "span_id": record.span_id, "parent_id": record.parent_id,
        "name": (name := text(record.name)), "kind": kind, "end": end,
    }  # fmt: skip
    if name is not record.name and differ(name, record.name):
        change(remarks, key.SPAN_NAME)
    sources = _add_sources(body, record, redactor)
    add_fields(body, record, error, text, remarks)
    if key.SESSION_ID in attributes or key.GEN_AI_CONVERSATION_ID in attributes:
        sources = with_sessions(sources, attributes)
    account = add_usage(body, attributes)
    if key.PROGRESS_DONE in attributes or key.LAYER in attributes:
        _add_progress(body, attributes)
    if left_out or marks:
        body["content"] = marks  # its place: what is large comes last
    add_attributes(body, attributes, origin, remarks, redactor)
    tail_events = _NOTHING
    if span_events or record.links:
        tail_events = _add_events_and_links(body, record, redactor, left_out, folded=folded, separate=separate)
    if left_out:
        body["content"] = [*marks, *marks_of(left_out, redactor.where)]
    if error is not None:
        body["error"] = error
    layers = layers_of(body, attributes) if kind == "layer" or key.LAYERS in attributes else b""
    return Encoded(body, noted, account, layers, tail_events, sources)


def _add_sources(body: dict[str, Any], record: SpanRecord, redactor: Redactor) -> Mapping[str, bytes]:
    """Add what a span comes from; returns the resource and the scope that the fields name."""
    if record.service is not None:
        body["service"] = redactor.text(str(record.service))
    if record.runner is not None:
        body["runner"] = record.runner
    if record.source is None:
        return NO_SOURCES
    fields, sources = record.source.encoded(redactor)
    body.update(fields)
    return sources


def _add_events_and_links(
    body: dict[str, Any],
    record: SpanRecord,
    redactor: Redactor,
    left_out: Dropped,
    *,
    folded: SpanEvent | None,
    separate: tuple[SpanEvent, ...],
) -> list[dict[str, Any]]:
    """Add span events and links; returns the span events that are tail events of their own."""
    tail_events = _NOTHING
    if span_events := record.span_events:
        body["span_events"] = made = [
            span_event_of(each, redactor, left_out, whole=each is not folded) for each in span_events
        ]
        tail_events = [
            one for one, each in zip(made, span_events, strict=True) if each is not folded or separate is span_events
        ]
    if record.links:
        body["links"] = [link_of(link, redactor, left_out) for link in record.links]
    return tail_events


def _with_events_of_their_own(record: SpanRecord, folded: SpanEvent | None, noted: int) -> tuple[SpanEvent, ...]:
    """Return the span events that are events of the tail, or have been.

    The exception that `error` tells of needs none of its own, unless it has had one while the span was open.
    """
    span_events = record.span_events
    if folded is None or record.dropped_span_events + next(i for i, x in enumerate(span_events) if x is folded) < noted:
        return span_events
    return tuple(each for each in span_events if each is not folded)


def _add_progress(body: dict[str, Any], attributes: Mapping[str, Any]) -> None:
    """Add how far a span has come, and which layer it is."""
    if key.PROGRESS_DONE in attributes:
        body["progress"] = {
            name: value
            for name, attribute in _PROGRESS
            if isinstance(value := attributes.get(attribute), (int, float, str)) and not isinstance(value, bool)
        }
    if (layer := attributes.get(key.LAYER)) is not None:
        body["layer"] = str(layer)


def encode_span_events(state: Encoded, count: int) -> list[bytes]:
    """Encode the last `count` span events of a state as tail events of their own, in their order.

    Each carries the identity of its span and the status `running`: it happened while the span was open, even
    when it travels together with the end.
    """
    span_events = state.tail_events[-count:] if count > 0 else []
    if not span_events:
        return []
    body = state.body
    head = {
        "rev": body["rev"], "status": "running", "start": body["start"], "noted": 0, "ts": 0, "event": "",
        "run_id": body["run_id"], "span_id": body["span_id"], "parent_id": body["parent_id"],
        "name": body["name"], "kind": body["kind"], "end": None,
    }  # fmt: skip
    head.update((name, body[name]) for name in ("service", "runner") if name in body)
    first = state.noted - len(span_events) + 1
    lines = []
    for noted, span_event in enumerate(span_events, first):
        head.update(noted=noted, ts=span_event["ts"], event=span_event["name"], attributes=span_event["attributes"])
        beside: dict[str, Any] = {name: span_event[name] for name in ("types", "changed") if name in span_event}
        lines.append(dumps({**head, **beside} if beside else head))
    return lines


def encode_log(event: LogEvent, service: str | None, runner: str, redactor: Redactor) -> bytes:
    """Encode a log line of a span."""
    body: dict[str, Any] = {
        "ts": max(event.time_ns // 1000, 0),
        "event": "log",
        "run_id": f"{event.trace_id:032x}",
        "span_id": f"{event.span_id:016x}",
        "level": event.level,
        "logger": redactor.text(event.logger),
        "message": redactor.text(event.message),
    }
    if service is not None:
        body["service"] = redactor.text(service)
    body["runner"] = runner
    if event.error:
        body["error"] = {name: redactor.text(value) for name, value in event.error.items()}
    return dumps(body)


def dumps(body: Mapping[str, Any]) -> bytes:
    """Serialise one event; TypeError when it holds what JSON cannot say (the redactor leaves nothing such)."""
    return orjson.dumps(body)


def loads(line: bytes) -> dict[str, Any]:
    """Read back what `dumps` wrote."""
    body: dict[str, Any] = orjson.loads(line)
    return body
