"""OTLP log requests in protobuf to neutral log entries (pure). Protocol: `opentelemetry/proto/logs/v1`, 1.x."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from spantail_exporters.model.record import microseconds
from spantail_service.bounds.time_slice import LARGE
from spantail_service.ingest.decoding.entries import BAD_CONTENT, KnownGroups, LargeEntry, LogEntry, Source, Tally
from spantail_service.ingest.decoding.plan import Plan
from spantail_service.ingest.decoding.protobuf_messages import LogRecord, LogRecords
from spantail_service.ingest.decoding.protobuf_spans import (
    NO_SPAN_ID,
    NO_TRACE_ID,
    SPAN_ID_BYTES,
    TRACE_ID_BYTES,
    read_items,
)
from spantail_service.ingest.decoding.protobuf_values import MalformedValueError, attributes_of, value_of
from spantail_service.ingest.decoding.protobuf_walk import RECORD

if TYPE_CHECKING:
    from collections.abc import Iterator

_SAMPLED: Final = 0x01  # W3C Trace Context, section 3.2.2.5.1


def decode_logs(body: bytes, tally: Tally, known: KnownGroups | None = None) -> Iterator[LogEntry | None]:
    """Read an `ExportLogsServiceRequest`, chunk by chunk, as `protobuf_spans.decode_traces` does.

    A trace or span id that is none counts as absent (`logs.proto`: such a record belongs to no span). A record whose
    inside cannot be decoded is rejected in `tally`. Records of a resource with `spantail.live` are passed over,
    as spans are.

    Raises:
        MalformedRequestError: the body is no such message; before the first record.
        TooManyError: it holds more than is taken; before the first record.
    """
    is_large = False
    for source, record in read_items(Plan(body, "log records"), RECORD, LogRecords, LogRecord, tally, known):
        if source is None or record is None:
            is_large = record is LARGE
            yield record
            continue
        try:
            entry = _entry(record, source)
        except MalformedValueError:
            tally.reject(BAD_CONTENT)
            entry = None
        yield LargeEntry(*entry) if is_large and entry is not None else entry


def _entry(record: Any, source: Source) -> LogEntry:
    trace_id, span_id = record.trace_id, record.span_id
    return LogEntry(
        source,
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
