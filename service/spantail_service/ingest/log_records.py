"""OTLP log requests in protobuf to neutral log entries (pure). Protocol: `opentelemetry/proto/logs/v1`, 1.x."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from spantail_exporters.record import microseconds
from spantail_service.ingest.body import MalformedRequestError
from spantail_service.ingest.decode import NO_SPAN_ID, NO_TRACE_ID, SPAN_ID_BYTES, TRACE_ID_BYTES, read_source
from spantail_service.ingest.entries import BAD_CONTENT, LogEntry, Source, Tally
from spantail_service.ingest.messages import Logs
from spantail_service.ingest.values import MalformedValueError, attributes_of, value_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_SAMPLED: Final = 0x01  # W3C Trace Context, section 3.2.2.5.1


def decode_logs(body: bytes, tally: Tally) -> Iterator[LogEntry]:
    """Read an ``ExportLogsServiceRequest``; its records are decoded one by one, as they are asked for.

    A trace or span id that is none counts as absent (`logs.proto`: such a record belongs to no span). A record whose
    inside cannot be decoded is rejected in ``tally``. Records of a resource with ``spantail.live`` are passed over,
    as spans are.

    Raises:
        MalformedRequestError: the body is no such message.
    """
    try:
        request = Logs.FromString(body)
    except DecodeError:
        raise MalformedRequestError("The body is no ExportLogsServiceRequest in protobuf.") from None
    return _entries(request, tally)


def _entries(request: Any, tally: Tally) -> Iterator[LogEntry]:
    for resource_logs in request.resource_logs:
        source = read_source(resource_logs.resource, tally)
        for scope_logs in resource_logs.scope_logs:
            records = scope_logs.log_records
            if source.is_ours:
                tally.passed_over["live"] += len(records)
                continue
            scope = scope_logs.scope.name
            for record in records:
                try:
                    yield _entry(record, source, scope)
                except MalformedValueError:
                    tally.reject(BAD_CONTENT)


def _entry(record: Any, source: Source, scope: str) -> LogEntry:
    trace_id, span_id = record.trace_id, record.span_id
    return LogEntry(
        source,
        scope,
        trace_id.hex() if len(trace_id) == TRACE_ID_BYTES and trace_id != NO_TRACE_ID else "",
        span_id.hex() if len(span_id) == SPAN_ID_BYTES and span_id != NO_SPAN_ID else "",
        microseconds(record.time_unix_nano or record.observed_time_unix_nano),
        record.severity_number,
        record.severity_text,
        record.event_name,
        value_of(record.body) if record.body else None,
        attributes_of(record.attributes),
        bool(record.flags & _SAMPLED),
    )
