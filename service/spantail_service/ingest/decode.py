"""OTLP trace requests in protobuf to neutral span records (pure). Protocol: `opentelemetry/proto/trace/v1`, 1.x."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from spantail_exporters.record import Link, Note, SpanRecord, microseconds
from spantail_service.ingest.body import MalformedRequestError
from spantail_service.ingest.entries import BAD_CONTENT, BAD_ID, Source, Tally, source_of
from spantail_service.ingest.messages import Traces
from spantail_service.ingest.normalise import normalised
from spantail_service.ingest.values import MalformedValueError, attributes_of

if TYPE_CHECKING:
    from collections.abc import Iterator

TRACE_ID_BYTES: Final = 16
SPAN_ID_BYTES: Final = 8
NO_TRACE_ID: Final = bytes(TRACE_ID_BYTES)
NO_SPAN_ID: Final = bytes(SPAN_ID_BYTES)
STATUS_CODE_ERROR: Final = 2


def decode_traces(body: bytes, tally: Tally) -> Iterator[SpanRecord]:
    """Read an ``ExportTraceServiceRequest``; its spans are decoded one by one, as they are asked for.

    A span whose ids are not those of W3C Trace Context (wrong length, all zero), or whose inside cannot be decoded,
    is rejected in ``tally``; the others are taken. Spans of a resource with the attribute ``spantail.live`` are passed
    over, as ``live``: true says that the live tier has them by another way, false marks this service's own server
    spans, which make no run. So a Collector may send everything back to us.

    Raises:
        MalformedRequestError: the body is no such message.
    """
    try:
        request = Traces.FromString(body)
    except DecodeError:
        raise MalformedRequestError("The body is no ExportTraceServiceRequest in protobuf.") from None
    return _spans(request, tally)


def _spans(request: Any, tally: Tally) -> Iterator[SpanRecord]:
    for resource_spans in request.resource_spans:
        source = read_source(resource_spans.resource, tally)
        for scope_spans in resource_spans.scope_spans:
            spans = scope_spans.spans
            if source.is_ours:
                tally.passed_over["live"] += len(spans)
                continue
            for span in spans:
                try:
                    record = _record(span, source)
                except MalformedValueError:
                    tally.reject(BAD_CONTENT)
                    continue
                if record is None:
                    tally.reject(BAD_ID)
                else:
                    yield record


def read_source(resource: Any, tally: Tally) -> Source:
    """Read a resource; one that cannot be decoded counts as one that says nothing."""
    try:
        return source_of(attributes_of(resource.attributes))
    except MalformedValueError:
        tally.passed_over["resource_unreadable"] += 1
        return source_of({})


def _record(span: Any, source: Source) -> SpanRecord | None:
    trace_id, span_id, parent_id = span.trace_id, span.span_id, span.parent_span_id
    if (
        len(trace_id) != TRACE_ID_BYTES
        or len(span_id) != SPAN_ID_BYTES
        or (parent_id and len(parent_id) != SPAN_ID_BYTES)
        or trace_id == NO_TRACE_ID
        or span_id == NO_SPAN_ID
    ):
        return None
    start_us = microseconds(span.start_time_unix_nano)
    failed, description = False, None
    if span.HasField("status"):
        status = span.status
        failed, description = status.code == STATUS_CODE_ERROR, status.message or None
    # most spans have neither: the empty tuple is cheaper than a generator that finds nothing
    events, links = span.events, span.links
    return SpanRecord(  # by position: it is quicker, and this runs for every span
        trace_id.hex(),
        span_id.hex(),
        parent_id.hex() if parent_id and parent_id != NO_SPAN_ID else None,
        span.name,
        start_us,
        # OTLP carries finished spans only: one without an end has ended, at a time nobody told.
        max(microseconds(span.end_time_unix_nano), start_us),
        normalised(attributes_of(span.attributes)),
        tuple(Note(microseconds(event.time_unix_nano), event.name, attributes_of(event.attributes)) for event in events)
        if events
        else (),
        span.dropped_events_count,
        tuple(
            Link(link.trace_id.hex(), link.span_id.hex(), attributes_of(link.attributes))
            for link in links
            if len(link.trace_id) == TRACE_ID_BYTES and len(link.span_id) == SPAN_ID_BYTES
        )
        if links
        else (),
        failed,
        description,
        source.service,
        source.runner,
    )
