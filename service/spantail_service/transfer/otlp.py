"""A run as OTLP JSON: an ``ExportTraceServiceRequest`` that any OTLP receiver takes (pure).

OTLP specification 1.x, section "JSON Protobuf Encoding": ids in hex, 64-bit numbers as decimal strings, lowerCamelCase.
OTLP has no span that goes on, so open ones are left out. An abandoned one ends as an error that says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spantail.attributes import (
    EVENT_EXCEPTION,
    EXCEPTION_MESSAGE,
    EXCEPTION_STACKTRACE,
    EXCEPTION_TYPE,
    RESOURCE_RUNNER,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_INTERNAL = 1  # SpanKind; which one it was is not kept
_OK, _ERROR = 1, 2  # StatusCode
_INT64 = 2**63


def otlp_json(spans: Iterable[Mapping[str, Any]], version: str) -> dict[str, Any]:
    """The request for the finished ones of ``spans`` (states as the snapshot holds them)."""
    by_source: dict[tuple[str | None, str | None], list[dict[str, Any]]] = {}
    for span in spans:
        if span["status"] != "running":
            by_source.setdefault((span.get("service"), span.get("runner")), []).append(_span(span))
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": _resource(service, runner)},
                "scopeSpans": [{"scope": {"name": "spantail", "version": version}, "spans": listed}],
            }
            for (service, runner), listed in by_source.items()
        ]
    }


def unfinished(spans: Iterable[Mapping[str, Any]]) -> int:
    """How many spans the request leaves out because they have not ended."""
    return sum(1 for span in spans if span["status"] == "running")


def _resource(service: str | None, runner: str | None) -> list[dict[str, Any]]:
    named = {"service.name": service, RESOURCE_RUNNER: runner}
    return _attributes({name: value for name, value in named.items() if value is not None})


def _span(span: Mapping[str, Any]) -> dict[str, Any]:
    body = {
        "traceId": span["run_id"],
        "spanId": span["span_id"],
        "name": span["name"],
        "kind": _INTERNAL,
        "startTimeUnixNano": _nanoseconds(span["start"]),
        "endTimeUnixNano": _nanoseconds(span["end"] if span["end"] is not None else span["ts"]),
        "attributes": _attributes(span.get("attributes") or {}),
        "events": _events(span),
        "links": [
            {"traceId": link["run_id"], "spanId": link["span_id"], "attributes": _attributes(link["attributes"])}
            for link in span.get("links") or ()
        ],
        "status": _status(span),
    }
    if span.get("parent_id"):
        body["parentSpanId"] = span["parent_id"]
    return body


def _events(span: Mapping[str, Any]) -> list[dict[str, Any]]:
    told = [dict(event) for event in span.get("span_events") or ()]
    error = span.get("error") or {}
    if error and span["status"] == "error":
        # The exception that ended the span stands in `error`, its traceback only there.
        facts = {
            EXCEPTION_TYPE: error.get("type"),
            EXCEPTION_MESSAGE: error.get("message"),
            EXCEPTION_STACKTRACE: error.get("traceback"),
        }
        known = {name: value for name, value in facts.items() if value is not None}
        last = next((event for event in reversed(told) if event["name"] == EVENT_EXCEPTION), None)
        if last is not None:
            last["attributes"] = {**(last.get("attributes") or {}), **known}
    return [
        {
            "timeUnixNano": _nanoseconds(event["ts"]),
            "name": event["name"],
            "attributes": _attributes(event.get("attributes") or {}),
        }
        for event in told
    ]


def _status(span: Mapping[str, Any]) -> dict[str, Any]:
    if span["status"] == "error":
        message = (span.get("error") or {}).get("message")
        return {"code": _ERROR, "message": message} if message else {"code": _ERROR}
    if span["status"] == "abandoned":
        reason = (span.get("abandoned") or {}).get("reason", "unknown")
        return {"code": _ERROR, "message": f"abandoned: {reason}"}
    return {"code": _OK} if span["status"] == "ok" else {}


def _nanoseconds(time_us: int) -> str:
    return str(time_us * 1_000)


def _attributes(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": name, "value": _value(value)} for name, value in values.items()]


def _value(value: Any) -> dict[str, Any]:
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
            return {"arrayValue": {"values": [_value(item) for item in value]}}
        case dict():
            return {"kvlistValue": {"values": _attributes(value)}}
        case _:
            return {"stringValue": str(value)}
