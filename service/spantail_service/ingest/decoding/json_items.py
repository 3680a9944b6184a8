"""OTLP's JSON encoding, into the same records as its protobuf (pure).

OTLP specification 1.x, section "JSON Protobuf Encoding": protobuf's JSON mapping with ids in hex, enums as integers,
keys in lowerCamelCase, unknown fields ignored. 64-bit integers are decimal strings, and numbers are taken too.
A field of the wrong type makes its span or record malformed, and that one is rejected; a structure above it that is
no such structure makes the whole request malformed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import orjson

from spantail_exporters.model import sources
from spantail_exporters.model.record import Link, SpanEvent, SpanRecord, microseconds
from spantail_service.bounds.time_slice import LARGE
from spantail_service.ingest.decoding.entries import (
    BAD_CONTENT,
    BAD_ID,
    KnownGroups,
    LargeEntry,
    LogEntry,
    Source,
    SourceReader,
    Tally,
)
from spantail_service.ingest.decoding.json_values import (
    UINT32,
    UINT64,
    WrongTypeError,
    attributes_of,
    enum_of,
    list_of,
    object_of,
    text_of,
    unsigned_of,
    value_of,
)
from spantail_service.ingest.decoding.json_walk import json_items, json_plan
from spantail_service.ingest.decoding.plan import Chunk, Plan
from spantail_service.ingest.decoding.protobuf_spans import STATUS_CODE_ERROR, explain_if_empty
from spantail_service.ingest.decoding.span_fields import (
    KINDS,
    STATUS_CODE_OK,
    dropped_of,
    event_fields_of,
    link_fields_of,
    span_fields_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_TRACE_ID: Final = re.compile(r"(?!0{32})[0-9a-fA-F]{32}")
_SPAN_ID: Final = re.compile(r"(?!0{16})[0-9a-fA-F]{16}")
_NO_SPAN_ID: Final = "0" * 16
_LINKED_TRACE: Final = re.compile(r"[0-9a-f]{32}")
_LINKED_SPAN: Final = re.compile(r"[0-9a-f]{16}")
_KINDS: Final = {f"SPAN_KIND_{name.upper()}": number for number, name in enumerate(KINDS) if number}
_STATUS_CODES: Final = {"STATUS_CODE_OK": STATUS_CODE_OK, "STATUS_CODE_ERROR": STATUS_CODE_ERROR}
_SCHEMA_URL: Final = "schemaUrl"

_NAMES: Final = {
    "spans": ("resourceSpans", "scopeSpans", "spans"),
    "log records": ("resourceLogs", "scopeLogs", "logRecords"),
}


def decode_traces_json(body: bytes, tally: Tally, known: KnownGroups | None = None) -> Iterator[SpanRecord | None]:
    """Read an `ExportTraceServiceRequest`; as `protobuf_spans.decode_traces`."""
    for source, span in read_json_items(Plan(body, "spans"), tally, known):
        if source is None:
            yield span
            continue
        try:
            record = _record(object_of(span), source)
        except WrongTypeError:
            tally.reject(BAD_CONTENT)
            record = None
        else:
            if record is None:
                tally.reject(BAD_ID)
        yield record


def decode_logs_json(body: bytes, tally: Tally, known: KnownGroups | None = None) -> Iterator[LogEntry | None]:
    """Read an `ExportLogsServiceRequest`; as `protobuf_logs.decode_logs`."""
    is_large = False
    for source, record in read_json_items(Plan(body, "log records"), tally, known):
        if source is None:
            is_large = record is LARGE
            yield record
            continue
        try:
            entry = _entry(object_of(record), source)
        except WrongTypeError:
            tally.reject(BAD_CONTENT)
            entry = None
        yield LargeEntry(*entry) if is_large and entry is not None else entry


def read_json_items(plan: Plan, tally: Tally, known: KnownGroups | None) -> Iterator[tuple[Source | None, Any]]:
    """As `protobuf_spans.read_items`; items are parsed."""
    nothing, large = (None, None), (None, LARGE)
    names = _NAMES[plan.what]
    for _ in json_plan(plan, *names):
        yield nothing
    explain_if_empty(plan, tally, names[0])
    reader = SourceReader(tally, _resource, _scope, known)
    for chunk in plan.chunks():
        if chunk.group.is_large:
            yield large
        source = reader.of(chunk.group)
        yield large if chunk.is_large else nothing
        if source.is_ours:
            tally.passed_over["live"] += chunk.items
            continue
        try:
            items = orjson.loads(b"[" + plan.data[chunk.start : chunk.end] + b"]")
        except ValueError:
            items = _one_by_one(plan, chunk)
        for item in items:
            yield source, item


def _one_by_one(plan: Plan, chunk: Chunk) -> Iterator[Any]:
    """The items of a chunk in which one is no JSON; that one is None, and so is malformed."""
    for data in json_items(plan, chunk.start, chunk.end):
        try:
            yield orjson.loads(data)
        except ValueError:
            yield None


def _resource(data: bytes, schema_url: bytes) -> sources.Resource:
    group = _with_schema(data, schema_url)
    return sources.Resource(
        attributes_of(group), text_of(group, _SCHEMA_URL), unsigned_of(group, "droppedAttributesCount", UINT32)
    )


def _scope(data: bytes, schema_url: bytes) -> sources.Scope:
    group = _with_schema(data, schema_url)
    return sources.Scope(
        text_of(group, "name"),
        text_of(group, "version"),
        attributes_of(group),
        text_of(group, _SCHEMA_URL),
        unsigned_of(group, "droppedAttributesCount", UINT32),
    )


def _with_schema(data: bytes, schema_url: bytes) -> dict[str, Any]:
    """A resource or scope, and the address of its schema, which is beside it."""
    group = orjson.loads(data) if data else None
    return {**(object_of(group) if group is not None else {}), _SCHEMA_URL: orjson.loads(schema_url or b"null")}


def _record(span: dict[str, Any], source: Source) -> SpanRecord | None:
    run_id, span_id, parent_id = text_of(span, "traceId"), text_of(span, "spanId"), text_of(span, "parentSpanId")
    if not _TRACE_ID.fullmatch(run_id) or not _SPAN_ID.fullmatch(span_id):
        return None
    if parent_id and parent_id != _NO_SPAN_ID and not _SPAN_ID.fullmatch(parent_id):
        return None
    start_ns, end_ns = (unsigned_of(span, name, UINT64) for name in ("startTimeUnixNano", "endTimeUnixNano"))
    start_us = microseconds(start_ns)
    status = object_of(span.get("status") or {})
    code = enum_of(status.get("code"), _STATUS_CODES)
    return SpanRecord(
        run_id.lower(),
        span_id.lower(),
        parent_id.lower() if parent_id and parent_id != _NO_SPAN_ID else None,
        text_of(span, "name"),
        start_us,
        max(microseconds(end_ns), start_us),
        attributes_of(span),
        span_events=tuple(_span_event(event) for event in map(object_of, list_of(span, "events"))),
        dropped_span_events=unsigned_of(span, "droppedEventsCount", UINT32),
        links=tuple(_link(link) for link in map(object_of, list_of(span, "links"))),
        failed=code == STATUS_CODE_ERROR,
        description=text_of(status, "message") or None,
        service=source.service,
        runner=source.runner,
        fields=span_fields_of(
            enum_of(span.get("kind"), _KINDS),
            text_of(span, "traceState"),
            unsigned_of(span, "flags", UINT32),
            code,
            start_ns,
            end_ns,
            dropped_of(
                unsigned_of(span, "droppedAttributesCount", UINT32),
                unsigned_of(span, "droppedEventsCount", UINT32),
                unsigned_of(span, "droppedLinksCount", UINT32),
            ),
        ),
        source=source.whole,
    )


def _span_event(event: dict[str, Any]) -> SpanEvent:
    time_ns = unsigned_of(event, "timeUnixNano", UINT64)
    fields = event_fields_of(time_ns, unsigned_of(event, "droppedAttributesCount", UINT32))
    return SpanEvent(microseconds(time_ns), text_of(event, "name"), attributes_of(event), fields)


def _link(link: dict[str, Any]) -> Link:
    run_id, span_id = text_of(link, "traceId").lower(), text_of(link, "spanId").lower()
    is_odd = not _LINKED_TRACE.fullmatch(run_id) or not _LINKED_SPAN.fullmatch(span_id)
    fields = link_fields_of(
        text_of(link, "traceState"),
        unsigned_of(link, "flags", UINT32),
        unsigned_of(link, "droppedAttributesCount", UINT32),
        [run_id, span_id] if is_odd else None,
    )
    return Link(run_id, span_id, attributes_of(link), fields)


def _entry(record: dict[str, Any], source: Source) -> LogEntry:
    run_id, span_id = text_of(record, "traceId"), text_of(record, "spanId")
    severity = record.get("severityNumber")
    time_ns = unsigned_of(record, "timeUnixNano", UINT64) or unsigned_of(record, "observedTimeUnixNano", UINT64)
    return LogEntry(
        source,
        run_id.lower() if _TRACE_ID.fullmatch(run_id) else "",
        span_id.lower() if _SPAN_ID.fullmatch(span_id) else "",
        microseconds(time_ns),
        severity if type(severity) is int else 0,
        text_of(record, "severityText"),
        text_of(record, "eventName"),
        value_of(record.get("body"), 0),
        attributes_of(record),
        bool(unsigned_of(record, "flags", UINT32) & 1),
    )
