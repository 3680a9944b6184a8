"""A run as OTLP JSON: an `ExportTraceServiceRequest` that any OTLP receiver takes. Pure.

OTLP specification 1.x, section "JSON Protobuf Encoding": ids in hex, 64-bit numbers as decimal strings, lowerCamelCase.
OTLP has no span that goes on, so open ones are left out. An abandoned one ends as an error that says so. What is not as
it was sent is named: masked and cut attributes in `spantail.changed`, added ones in `spantail.derived`.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import orjson
from opentelemetry.semconv.attributes.service_attributes import SERVICE_NAME

from spantail.attributes import (
    CHANGED,
    CONTENT_LEFT_OUT,
    DERIVED,
    EVENT_EXCEPTION,
    EXCEPTION_STACKTRACE,
    RESOURCE_RUNNER,
    SENT,
)
from spantail.content import as_attribute
from spantail.json_values import BYTES, DOUBLE
from spantail_exporters.dialects.origin import put_back
from spantail_service.ingest.decoding.span_fields import KINDS
from spantail_service.runs.sources import NO_SOURCES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from spantail_service.runs.sources import Sources

_KINDS = {name: number for number, name in enumerate(KINDS) if number}
_OK, _ERROR = 1, 2  # StatusCode
_CODES = {"ok": _OK, "error": _ERROR}
_INT64 = 2**63
_AT_ONCE = 1_000  # spans


def otlp_file(states: Sequence[bytes], sources: Sources = NO_SOURCES) -> tuple[bytes, int]:
    """The request for the finished ones of `states` (as stored), as JSON, and how many are left out for they go on.

    Made piece by piece: one call that encodes a large run would hold everybody up.
    """
    groups: list[bytes] = []
    left_out = 0
    for at in range(0, len(states), _AT_ONCE):
        spans = [orjson.loads(state) for state in states[at : at + _AT_ONCE]]
        left_out += unfinished(spans)
        groups += map(orjson.dumps, otlp_json(spans, sources)["resourceSpans"])
    return b'{"resourceSpans":[%b]}' % b",".join(groups), left_out


def otlp_json(spans: Iterable[Mapping[str, Any]], sources: Sources = NO_SOURCES) -> dict[str, Any]:
    """The request for the finished ones of `spans` (states as the snapshot holds them)."""
    return {
        "resourceSpans": resource_spans(sources.with_details(span) for span in spans if span["status"] != "running")
    }


def resource_spans(spans: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The `ResourceSpans` of all `spans`, also of those that go on: a reader decides what their end is.

    A span may have `resource_details` and `scope_details`. Of a resource that is not known there is what stands in
    the span, of a scope nothing.
    """
    by_resource: dict[tuple[Any, ...], dict[Any, list[Mapping[str, Any]]]] = {}
    for span in spans:
        resource = span.get("resource"), span.get("service"), span.get("runner")
        by_resource.setdefault(resource, {}).setdefault(span.get("scope"), []).append(span)
    return [_resource_spans(list(by_scope.values())) for by_scope in by_resource.values()]


def _resource_spans(by_scope: list[list[Mapping[str, Any]]]) -> dict[str, Any]:
    scopes = [
        {"scope": _scope(spans[0]), "spans": [_span(one) for one in spans], **_schema(spans[0].get("scope_details"))}
        for spans in by_scope
    ]
    first = by_scope[0][0]
    return {"resource": _resource(first), "scopeSpans": scopes, **_schema(first.get("resource_details"))}


def _resource(span: Mapping[str, Any]) -> dict[str, Any]:
    held = span.get("resource_details") or {}
    return _described({**resource_of(span), **(held.get("attributes") or {})}, held)


def _scope(span: Mapping[str, Any]) -> dict[str, Any]:
    held = span.get("scope_details") or {}
    named = {name: held[name] for name in ("name", "version") if name in held}
    return {**named, **_described(held.get("attributes") or {}, held)}


def _described(attributes: Mapping[str, Any], held: Mapping[str, Any]) -> dict[str, Any]:
    if held.get("content"):
        attributes = {**attributes, CONTENT_LEFT_OUT: as_attribute(held["content"])}
    if held.get("changed"):
        attributes = {**attributes, CHANGED: held["changed"]}
    values = any_values(attributes, held.get("types") or {})
    body = {"attributes": values, "droppedAttributesCount": held.get("dropped")}
    return {name: value for name, value in body.items() if value}


def _schema(held: Mapping[str, Any] | None) -> dict[str, Any]:
    return {"schemaUrl": held["schema_url"]} if held and "schema_url" in held else {}


def unfinished(spans: Iterable[Mapping[str, Any]]) -> int:
    """How many spans the request leaves out because they have not ended."""
    return sum(1 for span in spans if span["status"] == "running")


def resource_of(span: Mapping[str, Any]) -> dict[str, str]:
    """The attributes of the resource that a span comes from, as far as they are kept."""
    named = {SERVICE_NAME: span.get("service"), RESOURCE_RUNNER: span.get("runner")}
    return {name: value for name, value in named.items() if value is not None}


def end_of(span: Mapping[str, Any]) -> int:
    """When a span ended (µs); of one that nobody ended, when it was last heard of."""
    end: int = span["end"] if span["end"] is not None else span["ts"]
    return end


def _span(span: Mapping[str, Any]) -> dict[str, Any]:
    ns = span.get("ns") or (0, 0)
    end = span.get("end_told", end_of(span))
    body = {
        "traceId": span["run_id"],
        "spanId": span["span_id"],
        "name": span.get("name_told", span["name"]),
        "startTimeUnixNano": _nanoseconds(span["start"], ns[0]),
        "endTimeUnixNano": _nanoseconds(end, ns[1]),
        "attributes": any_values(*_attributes(span)),
        "events": _events(span),
        "links": [_link(link) for link in span.get("links") or ()],
        "status": status_of(span),
    }
    if span.get("content"):
        body["attributes"] += any_values({CONTENT_LEFT_OUT: as_attribute(span["content"])})
    if span.get("parent_id"):
        body["parentSpanId"] = span["parent_id"]
    kind = span.get("span_kind") or "0"
    body["kind"] = _KINDS.get(kind) or _number(kind)
    return _with_fields(body, span, span.get("dropped") or {})


def _attributes(span: Mapping[str, Any]) -> tuple[dict[str, Any], Mapping[str, Any]]:
    """The attributes of a span with the marks of what was not sent so, and their types."""
    attributes = {**(span.get("attributes") or {})}
    derived, changed = list(span.get("derived") or ()), list(span.get("changed") or ())
    if moved := span.get("moved"):
        back = put_back(attributes, moved)
        changed += back if not moved.keys().isdisjoint(changed) else ()
    marks = {DERIVED: derived, SENT: span.get("sent"), CHANGED: changed}
    attributes.update((name, stated) for name, stated in marks.items() if stated)
    return attributes, span.get("types") or {}


def _noted_attributes(held: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The attributes of a span event or a link, with the mark of what was changed."""
    attributes = held.get("attributes") or {}
    if held.get("changed"):
        attributes = {**attributes, CHANGED: held["changed"]}
    return any_values(attributes, held.get("types") or {})


def _number(text: str) -> int:
    """An enum that was kept by its number; 0 is unspecified."""
    return int(text) if text.removeprefix("-").isdecimal() else 0


def _link(link: Mapping[str, Any]) -> dict[str, Any]:
    run_id, span_id = link["odd_ids"] if "odd_ids" in link else (link["run_id"], link["span_id"])
    body = {"traceId": run_id, "spanId": span_id, "attributes": _noted_attributes(link)}
    return _with_fields(body, link, {"attributes": link.get("dropped")})


def _with_fields(body: dict[str, Any], held: Mapping[str, Any], dropped: Mapping[str, Any]) -> dict[str, Any]:
    """Add what spans and links may say beside the rest; what is the default is left out."""
    extra = {
        "traceState": held.get("trace_state"),
        "flags": held.get("flags"),
        **{f"dropped{what.capitalize()}Count": count for what, count in dropped.items()},
    }
    body.update((name, value) for name, value in extra.items() if value)
    return body


def _events(span: Mapping[str, Any]) -> list[dict[str, Any]]:
    stated = [dict(event) for event in span.get("span_events") or ()]
    traceback = (span.get("error") or {}).get("traceback")
    if traceback is not None:  # of the exception that ended the span; it stands nowhere else
        last = next((event for event in reversed(stated) if event["name"] == EVENT_EXCEPTION), None)
        if last is not None:
            last["attributes"] = {EXCEPTION_STACKTRACE: traceback, **(last.get("attributes") or {})}
    return [
        {
            "timeUnixNano": _nanoseconds(event["ts"], event.get("ns", 0)),
            "name": event["name"],
            "attributes": _noted_attributes(event),
            **({"droppedAttributesCount": event["dropped"]} if event.get("dropped") else {}),
        }
        for event in stated
    ]


def status_of(span: Mapping[str, Any]) -> dict[str, Any]:
    """OTLP's `Status` of a span: a code, and a message where there is one; empty is unset."""
    if span["status"] == "abandoned":
        reason = (span.get("abandoned") or {}).get("reason", "unknown")
        return {"code": _ERROR, "message": f"abandoned: {reason}"}
    message = span.get("status_message")
    if message is None:
        message = (span.get("error") or {}).get("message")
    said = span.get("status_code") or "0"
    code = _ERROR if span["status"] == "error" else _CODES.get(said) or _number(said)
    status = {"code": code, "message": message}
    return {name: value for name, value in status.items() if value}


def _nanoseconds(time_us: int, rest: int = 0) -> str:
    return str(time_us * 1_000 + rest)


def any_values(values: Mapping[str, Any], types: Mapping[str, Any] = MappingProxyType({})) -> list[dict[str, Any]]:
    """Attributes as OTLP's list of `KeyValue`; `types` as `spantail.json_values` has them."""
    if not types:
        return [{"key": name, "value": _value(value)} for name, value in values.items()]
    return [{"key": name, "value": _value(value, types.get(name))} for name, value in values.items()]


def _value(value: Any, stated: Any = None) -> dict[str, Any]:
    if stated and isinstance(value, str):
        if stated == BYTES:
            return {"bytesValue": value}
        if stated == DOUBLE:
            return {"doubleValue": value}
    inner: Mapping[str, Any] = stated if isinstance(stated, dict) else {}
    match value:
        case None:
            return {}
        case bool():
            return {"boolValue": value}
        case int() if -_INT64 <= value < _INT64:
            return {"intValue": str(value)}
        case int() | float():
            return {"doubleValue": float(value)}
        case str():
            return {"stringValue": value}
        case list():
            return {"arrayValue": {"values": [_value(item, inner.get(str(at))) for at, item in enumerate(value)]}}
        case dict():
            return {"kvlistValue": {"values": any_values(value, inner)}}
        case _:
            return {"stringValue": str(value)}
