"""A trace in Tempo's shapes, protobuf and JSON (pure).

`tempo.proto`: `Trace { repeated ResourceSpans resourceSpans = 1 }` is OTLP's `TracesData`; `TraceByIDResponse {
Trace trace = 1; PartialStatus status = 3; string message = 4 }` wraps it. In JSON the first has `batches`, the other
`resourceSpans`, and both have ids in base64 and enums by name, as protobuf's own JSON mapping says.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status, TracesData

from spantail_service.runs.sources import NO_SOURCES
from spantail_service.tempo.conditions import SPAN_KINDS
from spantail_service.tempo.reading import as_read
from spantail_service.tempo.span_filter import SpanFilter
from spantail_service.transfer.otlp import resource_spans
from spantail_service.transfer.whole_run import in_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from spantail_service.runs.sources import Sources

MAX_SPANS: Final = 20_000
"""Spans of a trace that are handed out, the first ones: more than anybody looks at there, and three seconds' work."""

_TRACE_TAG, _STATUS_TAG, _MESSAGE_TAG = b"\x0a", b"\x18", b"\x22"  # number << 3 | wire type
_SEVEN_BITS: Final = 0x7F
_PARTIAL: Final = 1
_EVERY_SPAN: Final = SpanFilter()
_KINDS: Final = dict(enumerate(f"SPAN_KIND_{kind.upper()}" for kind in SPAN_KINDS))
_CODES: Final = {1: "STATUS_CODE_OK", 2: "STATUS_CODE_ERROR"}


class TraceAnswer(NamedTuple):
    """A trace on its way out."""

    batches: list[dict[str, Any]]
    """OTLP JSON `ResourceSpans`."""
    message: str
    """Why this is not all of it; empty when it is."""


def trace_of(
    states: Sequence[bytes], now_us: int, sources: Sources = NO_SOURCES, wanted: SpanFilter = _EVERY_SPAN
) -> TraceAnswer:
    """The trace of a run's states as they are read at `now_us`, or those of its spans that are wanted.

    Raises:
        RegexError: a pattern of `wanted` has worked all it may.
    """
    spans = [as_read(orjson.loads(state), now_us, sources) for state in in_order(states)[:MAX_SPANS]]
    missing = len(states) - len(spans)
    message = f"The first {MAX_SPANS} spans; {missing} later ones are left out." if missing else ""
    return TraceAnswer(resource_spans(wanted.of(spans)), message)


def as_protobuf(answer: TraceAnswer) -> bytes:
    """`Trace`."""
    batches: list[ResourceSpans] = [
        ResourceSpans(
            resource=Resource(
                attributes=_pairs(batch["resource"].get("attributes", ())),
                dropped_attributes_count=batch["resource"].get("droppedAttributesCount", 0),
            ),
            scope_spans=[
                ScopeSpans(
                    scope=_scope(part["scope"]),
                    spans=[_span(span) for span in part["spans"]],
                    schema_url=part.get("schemaUrl", ""),
                )
                for part in batch["scopeSpans"]
            ],
            schema_url=batch.get("schemaUrl", ""),
        )
        for batch in answer.batches
    ]
    wire: bytes = TracesData(resource_spans=batches).SerializeToString()
    return wire


def as_protobuf_v2(answer: TraceAnswer) -> bytes:
    """`TraceByIDResponse`."""
    wire = _framed(_TRACE_TAG, as_protobuf(answer))
    if answer.message:
        wire += _STATUS_TAG + bytes([_PARTIAL]) + _framed(_MESSAGE_TAG, answer.message.encode())
    return wire


def as_json(answer: TraceAnswer) -> bytes:
    """`Trace` in JSON."""
    return orjson.dumps({"batches": [_json_names(batch) for batch in answer.batches]})


def as_json_v2(answer: TraceAnswer) -> bytes:
    """`TraceByIDResponse` in JSON."""
    body: dict[str, Any] = {"trace": {"resourceSpans": [_json_names(batch) for batch in answer.batches]}, "metrics": {}}
    if answer.message:
        body |= {"status": "PARTIAL", "message": answer.message}
    return orjson.dumps(body)


def _framed(tag: bytes, content: bytes) -> bytes:
    """A length-delimited field (protobuf encoding, "Length-Delimited Records")."""
    size = bytearray()
    rest = len(content)
    while rest > _SEVEN_BITS:
        size.append(rest & _SEVEN_BITS | 0x80)
        rest >>= 7
    size.append(rest)
    return tag + bytes(size) + content


def _json_names(batch: dict[str, Any]) -> dict[str, Any]:
    for part in batch["scopeSpans"]:
        for span in part["spans"]:
            span["kind"] = _KINDS.get(span.get("kind", 0), span.get("kind"))  # one without a name is its number
            if "code" in span["status"]:
                span["status"]["code"] = _CODES.get(span["status"]["code"], span["status"]["code"])
            for holder in (span, *span["links"]):
                for name in ("traceId", "spanId", "parentSpanId"):
                    if name in holder:
                        holder[name] = base64.b64encode(_id(holder[name])).decode()
    return batch


def _scope(scope: dict[str, Any]) -> InstrumentationScope:
    return InstrumentationScope(
        name=scope.get("name", ""),
        version=scope.get("version", ""),
        attributes=_pairs(scope.get("attributes", ())),
        dropped_attributes_count=scope.get("droppedAttributesCount", 0),
    )


def _id(digits: str) -> bytes:
    """The bytes of an id; none of one that is no hex, which a link may have."""
    try:
        return bytes.fromhex(digits)
    except ValueError:
        return b""


def _span(span: dict[str, Any]) -> Span:
    return Span(
        trace_id=_id(span["traceId"]),
        span_id=_id(span["spanId"]),
        parent_span_id=_id(span.get("parentSpanId", "")),
        trace_state=span.get("traceState", ""),
        flags=span.get("flags", 0),
        name=span["name"],
        kind=span.get("kind", 0),
        start_time_unix_nano=int(span["startTimeUnixNano"]),
        end_time_unix_nano=int(span["endTimeUnixNano"]),
        attributes=_pairs(span["attributes"]),
        events=[
            Span.Event(
                time_unix_nano=int(event["timeUnixNano"]),
                name=event["name"],
                attributes=_pairs(event["attributes"]),
                dropped_attributes_count=event.get("droppedAttributesCount", 0),
            )
            for event in span["events"]
        ],
        links=[
            Span.Link(
                trace_id=_id(link["traceId"]),
                span_id=_id(link["spanId"]),
                trace_state=link.get("traceState", ""),
                flags=link.get("flags", 0),
                attributes=_pairs(link["attributes"]),
                dropped_attributes_count=link.get("droppedAttributesCount", 0),
            )
            for link in span["links"]
        ],
        dropped_attributes_count=span.get("droppedAttributesCount", 0),
        dropped_events_count=span.get("droppedEventsCount", 0),
        dropped_links_count=span.get("droppedLinksCount", 0),
        status=Status(**span["status"]),
    )


def _pairs(attributes: Iterable[dict[str, Any]]) -> list[KeyValue]:
    return [KeyValue(key=pair["key"], value=_any(pair["value"])) for pair in attributes]


def _any(value: dict[str, Any]) -> AnyValue:
    match value:
        case {"stringValue": text}:
            return AnyValue(string_value=text)
        case {"intValue": number}:
            return AnyValue(int_value=int(number))
        case {"doubleValue": number}:
            return AnyValue(double_value=float(number))  # "NaN" and "Infinity" are texts in JSON
        case {"bytesValue": text}:
            return AnyValue(bytes_value=base64.b64decode(text))
        case {"boolValue": word}:
            return AnyValue(bool_value=word)
        case {"arrayValue": {"values": items}}:
            return AnyValue(array_value=ArrayValue(values=[_any(item) for item in items]))
        case {"kvlistValue": {"values": pairs}}:
            return AnyValue(kvlist_value=KeyValueList(values=_pairs(pairs)))
        case _:
            return AnyValue()
