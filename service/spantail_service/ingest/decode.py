"""OTLP trace requests to neutral span records (pure). Protocol: OTLP 1.x, `opentelemetry/proto/trace/v1`."""

from __future__ import annotations

import base64
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from spantail.attributes import RESOURCE_LIVE, RESOURCE_RUNNER
from spantail_exporters.record import Link, Note, SpanRecord, microseconds
from spantail_service.ingest.normalise import normalised

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

_TRACE_ID_BYTES = 16
_SPAN_ID_BYTES = 8
_GZIP = 31  # zlib's window bits for a gzip header


class MalformedRequestError(ValueError):
    """The body is not what its headers say. The message may be shown to the sender."""


class DecodedTooLargeError(ValueError):
    """The body is larger, once unzipped, than is taken."""


class Decoded(NamedTuple):
    """What a request holds."""

    records: list[SpanRecord]
    rejected: int
    """How many spans could not be taken."""
    reason: str
    """Why, in one sentence; empty when none was rejected."""


def gunzip(data: bytes, limit: int) -> bytes:
    """Unzip ``data``, which may be several gzip members in a row, to at most ``limit`` bytes.

    Raises:
        DecodedTooLargeError: as soon as it is known; no more than ``limit`` bytes are ever held.
        MalformedRequestError: it is no gzip, or it is cut off.
    """
    parts: list[bytes] = []
    left = limit
    while data:
        member = zlib.decompressobj(_GZIP)
        try:
            part = member.decompress(data, left + 1)
        except zlib.error:
            raise MalformedRequestError("The body is not valid gzip.") from None
        if len(part) > left:
            raise DecodedTooLargeError
        if not member.eof:
            raise MalformedRequestError("The gzip body is cut off.")
        parts.append(part)
        left -= len(part)
        data = member.unused_data
    return b"".join(parts)


def decode_traces(body: bytes) -> Decoded:
    """Read a protobuf ``ExportTraceServiceRequest``.

    A span whose ids are not those of W3C Trace Context (wrong length, all zero) is rejected and counted; the
    others are taken. Spans of a resource with ``spantail.live`` = false are passed over: that is how this
    service marks its own server spans, which make no run, should a Collector send them back.

    Raises:
        MalformedRequestError: the body is no such message.
    """
    try:
        request = ExportTraceServiceRequest.FromString(body)
    except DecodeError:
        raise MalformedRequestError("The body is no ExportTraceServiceRequest in protobuf.") from None
    records: list[SpanRecord] = []
    rejected = 0
    for resource_spans in request.resource_spans:
        resource = _attributes(resource_spans.resource.attributes)
        if resource.get(RESOURCE_LIVE) is False:
            continue
        service = _text(resource.get("service.name"))
        runner = _text(resource.get(RESOURCE_RUNNER))
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                record = _record(span, service, runner)
                if record is None:
                    rejected += 1
                else:
                    records.append(record)
    reason = "Trace id or span id is all zero or has the wrong length." if rejected else ""
    return Decoded(records, rejected, reason)


def _record(span: Span, service: str | None, runner: str | None) -> SpanRecord | None:
    trace_id, span_id, parent_id = span.trace_id, span.span_id, span.parent_span_id
    if len(trace_id) != _TRACE_ID_BYTES or len(span_id) != _SPAN_ID_BYTES:
        return None
    if not any(trace_id) or not any(span_id) or (parent_id and len(parent_id) != _SPAN_ID_BYTES):
        return None
    start_us = microseconds(span.start_time_unix_nano)
    status = span.status
    return SpanRecord(
        trace_id.hex(),
        span_id.hex(),
        parent_id.hex() if any(parent_id) else None,
        span.name,
        start_us,
        # OTLP carries finished spans only: one without an end has ended, at a time nobody told.
        max(microseconds(span.end_time_unix_nano), start_us),
        normalised(_attributes(span.attributes)),
        notes=tuple(
            Note(microseconds(event.time_unix_nano), event.name, _attributes(event.attributes)) for event in span.events
        ),
        dropped_notes=span.dropped_events_count,
        links=tuple(
            Link(link.trace_id.hex(), link.span_id.hex(), _attributes(link.attributes))
            for link in span.links
            if len(link.trace_id) == _TRACE_ID_BYTES and len(link.span_id) == _SPAN_ID_BYTES
        ),
        failed=status.code == Status.STATUS_CODE_ERROR,
        description=status.message or None,
        service=service,
        runner=runner,
    )


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    plain = getattr(value, kind)
    if kind == "array_value":
        return [_value(item) for item in plain.values]
    if kind == "kvlist_value":
        return _attributes(plain.values)
    if kind == "bytes_value":
        return base64.b64encode(plain).decode()  # as OTLP's own JSON encoding writes bytes
    return plain


def _text(value: Any) -> str | None:
    return str(value) if value not in (None, "") else None
