"""OTLP requests made by hand, in both encodings, for the tests of ingest."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import orjson
from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

PROTOBUF = {"content-type": "application/x-protobuf"}
JSON = {"content-type": "application/json"}
_IDS = ("traceId", "spanId", "parentSpanId")

Request = ExportTraceServiceRequest | ExportLogsServiceRequest | TracesData


def any_value(value: Any) -> AnyValue:
    """A plain value as OTLP writes it."""
    made = AnyValue()
    match value:
        case None:
            pass
        case bool():
            made.bool_value = value
        case int():
            made.int_value = value
        case float():
            made.double_value = value
        case str():
            made.string_value = value
        case bytes():
            made.bytes_value = value
        case dict():
            made.kvlist_value.SetInParent()
            add_attributes(made.kvlist_value.values, value)
        case _:
            made.array_value.SetInParent()
            made.array_value.values.extend(any_value(item) for item in value)
    return made


def add_attributes(pairs: Any, attributes: Mapping[str, Any]) -> None:
    """Append attributes to a repeated field of KeyValue."""
    for key, value in attributes.items():
        pairs.add(key=key).value.CopyFrom(any_value(value))


def traces(resource: Mapping[str, Any], spans: Iterable[Span]) -> ExportTraceServiceRequest:
    """A request of one resource and one scope."""
    request = ExportTraceServiceRequest()
    of_resource = request.resource_spans.add()
    add_attributes(of_resource.resource.attributes, resource)
    of_resource.scope_spans.add().spans.extend(spans)
    return request


def logs(resource: Mapping[str, Any], records: Iterable[LogRecord], scope: str = "app") -> ExportLogsServiceRequest:
    """A request of one resource and one scope."""
    request = ExportLogsServiceRequest()
    of_resource = request.resource_logs.add()
    add_attributes(of_resource.resource.attributes, resource)
    of_scope = of_resource.scope_logs.add()
    of_scope.scope.name = scope
    of_scope.log_records.extend(records)
    return request


def as_json(request: Request) -> bytes:
    """The request in OTLP's JSON encoding: protobuf's, but with ids in hex and enums as numbers."""
    return orjson.dumps(_with_hex_ids(MessageToDict(request, use_integers_for_enums=True)))


def as_base64(value: Any) -> Any:
    """What OTLP's JSON encoding says, as protobuf's own reads it: ids in base64."""
    if isinstance(value, dict):
        return {
            key: base64.b64encode(bytes.fromhex(held)).decode() if key in _IDS else as_base64(held)
            for key, held in value.items()
        }
    return [as_base64(item) for item in value] if isinstance(value, list) else value


def _with_hex_ids(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: base64.b64decode(held).hex() if key in _IDS else _with_hex_ids(held) for key, held in value.items()
        }
    return [_with_hex_ids(item) for item in value] if isinstance(value, list) else value
