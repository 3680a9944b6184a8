"""OTLP's protobuf messages as ingest reads them: those of the specification, opened only where it must look.

The official Python classes make an object of every attribute, of its value and of each of their fields when they are
looked at: 19 us a span of 12 attributes. On the wire a nested message and a byte string are the same thing, so here an
attribute is a byte string, which `values.py` reads by itself and remembers. The field numbers are those of
`opentelemetry/proto/{collector,trace,logs,resource,common}/v1` (OTLP 1.x); what stands for a whole message is marked.
"""

from __future__ import annotations

from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory  # type: ignore[import-untyped]

_PACKAGE: Final = "spantail.ingest"
_BYTES, _STRING, _ENUM, _FIXED64, _FIXED32, _UINT32 = 12, 9, 5, 6, 7, 13  # FieldDescriptorProto.Type; enums as int32

_MESSAGES: Final[dict[str, dict[str, tuple[int, int | str, bool]]]] = {
    "Resource": {"attributes": (1, _BYTES, True), "dropped_attributes_count": (2, _UINT32, False)},  # KeyValue
    "Scope": {
        "name": (1, _STRING, False),
        "version": (2, _STRING, False),
        "attributes": (3, _BYTES, True),  # KeyValue
        "dropped_attributes_count": (4, _UINT32, False),
    },
    "Spans": {"items": (2, "Span", True)},  # ScopeSpans, of which a chunk holds spans alone
    "Span": {
        "trace_id": (1, _BYTES, False),
        "span_id": (2, _BYTES, False),
        "trace_state": (3, _STRING, False),
        "parent_span_id": (4, _BYTES, False),
        "name": (5, _STRING, False),
        "kind": (6, _ENUM, False),
        "start_time_unix_nano": (7, _FIXED64, False),
        "end_time_unix_nano": (8, _FIXED64, False),
        "attributes": (9, _BYTES, True),  # KeyValue
        "dropped_attributes_count": (10, _UINT32, False),
        "events": (11, "Event", True),
        "dropped_events_count": (12, _UINT32, False),
        "links": (13, "Link", True),
        "dropped_links_count": (14, _UINT32, False),
        "status": (15, "Status", False),
        "flags": (16, _FIXED32, False),
    },
    "Event": {
        "time_unix_nano": (1, _FIXED64, False),
        "name": (2, _STRING, False),
        "attributes": (3, _BYTES, True),  # KeyValue
        "dropped_attributes_count": (4, _UINT32, False),
    },
    "Link": {
        "trace_id": (1, _BYTES, False),
        "span_id": (2, _BYTES, False),
        "trace_state": (3, _STRING, False),
        "attributes": (4, _BYTES, True),  # KeyValue
        "dropped_attributes_count": (5, _UINT32, False),
        "flags": (6, _FIXED32, False),
    },
    "Status": {"message": (2, _STRING, False), "code": (3, _ENUM, False)},
    "LogRecords": {"items": (2, "LogRecord", True)},  # ScopeLogs
    "LogRecord": {
        "time_unix_nano": (1, _FIXED64, False),
        "severity_number": (2, _ENUM, False),
        "severity_text": (3, _STRING, False),
        "body": (5, _BYTES, False),  # AnyValue
        "attributes": (6, _BYTES, True),  # KeyValue
        "flags": (8, _FIXED32, False),
        "trace_id": (9, _BYTES, False),
        "span_id": (10, _BYTES, False),
        "observed_time_unix_nano": (11, _FIXED64, False),
        "event_name": (12, _STRING, False),
    },
}


def _classes() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(name="spantail_ingest.proto", package=_PACKAGE, syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, kind, repeated) in fields.items():
            added = message.field.add(name=field, number=number, label=3 if repeated else 1)
            if isinstance(kind, str):
                added.type, added.type_name = 11, f".{_PACKAGE}.{kind}"
            else:
                added.type = kind
    pool = descriptor_pool.DescriptorPool()  # of our own: nobody else has to know these names
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")) for name in _MESSAGES
    }


_CLASSES: Final = _classes()

Resource: Final = _CLASSES["Resource"]
"""The `FromString` of each raises `google.protobuf.message.DecodeError`."""
Scope: Final = _CLASSES["Scope"]
Span: Final = _CLASSES["Span"]
LogRecord: Final = _CLASSES["LogRecord"]
Spans: Final = _CLASSES["Spans"]
"""Several spans, in `items`: a chunk of a `ScopeSpans`."""
LogRecords: Final = _CLASSES["LogRecords"]
"""Several log records, in `items`: a chunk of a `ScopeLogs`."""
