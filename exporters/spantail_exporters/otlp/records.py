"""Span starts as OTLP log records: the shape that is sent, and that an ingest reads (pure).

OTLP's trace signal carries finished spans only. What is known earlier travels as log records with an event name
(OpenTelemetry Logs Data Model, "Event Name"), which every other backend may ignore: their severity is TRACE.

`spantail.span.start` and `spantail.span.update` carry the span's own trace id, span id and flags, and
`Timestamp` = the span's start, or the moment of the update. Their attributes:

| attribute | value |
|---|---|
| `spantail.span.name` | the span's present name |
| `spantail.span.kind` | `internal` `server` `client` `producer` `consumer` |
| `spantail.span.parent_id` | 16 hex digits; absent on a root |
| `spantail.span.start_time_unix_nano` | integer, on updates too: an update may arrive first |
| `spantail.span.rev` | revision of the span's state, counted by its process from 1: a lower one is older news |
| `spantail.span.events` | array of `{time_unix_nano, name, attributes}`: all on a start, the new ones on an update |
| `spantail.span.event_count` | span events so far, also those that the SDK dropped; `events` holds the last of them |
| `spantail.span.links` | array of `{trace_id, span_id, attributes}` (hex) |
| any other | the span's own attributes, all of them, under their own names |

What is empty is absent.

Both carry the whole state, so after a lost record the next one says everything, and a start may be sent twice (with a
higher `rev`) when it is not known whether the first arrived. The end is the finished span on the trace signal, which
takes precedence over every record here.

`spantail.process.heartbeat`, each second from the process's first span on, has no trace id; attributes
`spantail.runner`, `spantail.heartbeat.open_spans`, and `spantail.dropped` = `{reason: count}` since the start of
the process, absent while nothing was dropped.

A log line of a span is a plain log record without event name: body = message, severity, attributes
`logger.name` and, with an exception, `exception.type`, `exception.message`, `exception.stacktrace`.

The resource is the tracer's. Its `spantail.runner` names the process (`host:pid:start`). The instrumentation scope of
starts and updates is their span's, that of all else is `spantail`. Everything is redacted.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from spantail.attributes import (
    CONTENT_LEFT_OUT,
    EXCEPTION_MESSAGE,
    EXCEPTION_STACKTRACE,
    EXCEPTION_TYPE,
    RESOURCE_RUNNER,
)
from spantail.content import as_attribute, marks_of, take_marks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import Link

    from spantail.content import Dropped
    from spantail.live import LogEvent
    from spantail_exporters.model.redactor import Redactor

EVENT_START: Final = "spantail.span.start"
EVENT_UPDATE: Final = "spantail.span.update"
EVENT_HEARTBEAT: Final = "spantail.process.heartbeat"

OWN_PREFIX: Final = "spantail.span."  # reserved: a span's own attributes of such names are left out
SPAN_NAME: Final = "spantail.span.name"
SPAN_KIND: Final = "spantail.span.kind"
SPAN_PARENT: Final = "spantail.span.parent_id"
SPAN_START: Final = "spantail.span.start_time_unix_nano"
SPAN_REV: Final = "spantail.span.rev"
SPAN_EVENTS: Final = "spantail.span.events"
SPAN_EVENT_COUNT: Final = "spantail.span.event_count"
SPAN_LINKS: Final = "spantail.span.links"
HEARTBEAT_OPEN: Final = "spantail.heartbeat.open_spans"
DROPPED: Final = "spantail.dropped"
LOGGER_NAME: Final = "logger.name"

_SCOPE: Final = InstrumentationScope("spantail")
_SEVERITIES: Final = {
    "DEBUG": SeverityNumber.DEBUG,
    "INFO": SeverityNumber.INFO,
    "WARNING": SeverityNumber.WARN,
    "ERROR": SeverityNumber.ERROR,
    "CRITICAL": SeverityNumber.FATAL,
}
_ERROR_KEYS: Final = {
    "type": EXCEPTION_TYPE,
    "message": EXCEPTION_MESSAGE,
    "traceback": EXCEPTION_STACKTRACE,
}


def span_record(
    span: ReadableSpan,
    redactor: Redactor,
    resource: Resource,
    scope: InstrumentationScope,
    *,
    rev: int,
    attributes: Mapping[str, Any],
    new_events: Sequence[Any],
    event_count: int,
    start: bool,
) -> ReadableLogRecord:
    """Describe the present state of an open span: `attributes` and `new_events` as they were read just now.

    `resource` and `scope` are the span's, redacted.
    """
    context: Any = span.context
    left_out: Dropped = {}
    said: dict[str, Any] = {
        key: value for key, value in redactor.native(attributes, left_out).items() if not key.startswith(OWN_PREFIX)
    }
    said[SPAN_NAME] = redactor.text(span.name)
    said[SPAN_KIND] = span.kind.name.lower()
    if span.parent is not None:
        said[SPAN_PARENT] = f"{span.parent.span_id:016x}"
    said[SPAN_START] = span.start_time or 0
    said[SPAN_REV] = rev
    if event_count:
        said[SPAN_EVENT_COUNT] = event_count
    if new_events:
        said[SPAN_EVENTS] = [_span_event(event, redactor, left_out) for event in new_events]
    if span.links:
        said[SPAN_LINKS] = [_link(link, redactor, left_out) for link in span.links]
    if left_out:
        said[CONTENT_LEFT_OUT] = as_attribute([*take_marks(said), *marks_of(left_out, redactor.where)])
    now_ns = time.time_ns()
    return _record(
        resource,
        scope=scope,
        context=context,
        timestamp=(span.start_time or now_ns) if start else now_ns,
        observed=now_ns,
        severity=SeverityNumber.TRACE,
        level="TRACE",
        event_name=EVENT_START if start else EVENT_UPDATE,
        attributes=said,
    )


def _span_event(event: Any, redactor: Redactor, left_out: Dropped) -> dict[str, Any]:
    return {
        "time_unix_nano": event.timestamp,
        "name": redactor.text(event.name),
        "attributes": redactor.native(event.attributes or {}, left_out, None, event.name),
    }


def _link(link: Link, redactor: Redactor, left_out: Dropped) -> dict[str, Any]:
    return {
        "trace_id": f"{link.context.trace_id:032x}",
        "span_id": f"{link.context.span_id:016x}",
        "attributes": redactor.native(link.attributes or {}, left_out),
    }


def heartbeat_record(
    runner_id: str, resource: Resource, *, open_spans: int, dropped: Mapping[str, int]
) -> ReadableLogRecord:
    """Describe a sign of life of this process."""
    now_ns = time.time_ns()
    attributes: dict[str, Any] = {RESOURCE_RUNNER: runner_id, HEARTBEAT_OPEN: open_spans}
    if dropped:
        attributes[DROPPED] = dict(dropped)
    return _record(
        resource,
        context=None,
        timestamp=now_ns,
        observed=now_ns,
        severity=SeverityNumber.TRACE,
        level="TRACE",
        event_name=EVENT_HEARTBEAT,
        attributes=attributes,
    )


def log_record(event: LogEvent, redactor: Redactor, resource: Resource) -> ReadableLogRecord:
    """Describe a log line of a span."""
    attributes: dict[str, Any] = {LOGGER_NAME: redactor.text(event.logger)}
    for name, text in (event.error or {}).items():
        attributes[_ERROR_KEYS.get(name, f"exception.{name}")] = redactor.text(text)
    return _record(
        resource,
        context=SpanContext(event.trace_id, event.span_id, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED)),
        timestamp=event.time_ns,
        observed=time.time_ns(),
        severity=_SEVERITIES.get(event.level, SeverityNumber.UNSPECIFIED),
        level=event.level,
        body=redactor.text(event.message),
        attributes=attributes,
    )


def _record(
    resource: Resource,
    *,
    scope: InstrumentationScope = _SCOPE,
    context: SpanContext | None,
    timestamp: int,
    observed: int,
    severity: SeverityNumber,
    level: str,
    attributes: dict[str, Any],
    event_name: str | None = None,
    body: str | None = None,
) -> ReadableLogRecord:
    # made directly, not by the SDK's Logger: that one keeps 128 attributes and warns on the caller's thread
    record = LogRecord(
        timestamp=timestamp,
        observed_timestamp=observed,
        context=set_span_in_context(NonRecordingSpan(context), Context()) if context else Context(),
        severity_number=severity,
        severity_text=level,
        body=body,
        attributes=attributes,
        event_name=event_name,
    )
    return ReadableLogRecord(record, resource, scope)
