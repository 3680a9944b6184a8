"""Cases as OTLP requests in JSON: what an exporter would send."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.unit.money.loading import Case, Span

_START_NS: Final = 1_795_878_791_000_000_000
_SECOND_NS: Final = 1_000_000_000
_ERROR: Final = 2  # STATUS_CODE_ERROR


def request_of(case: Case) -> bytes:
    """The request that brings the one span of a case."""
    return _request(case.scope or case.library, [_span(1, 1, None, 0, case.attributes, failed=case.failed)])


def requests_of(case: Case, trace: int, order: Sequence[int]) -> list[bytes]:
    """A request for each span of a run, in `order`; the trace's id is `trace`."""
    places = {span.id: place for place, span in enumerate(case.spans, 1)}
    requests = []
    for index in order:
        span: Span = case.spans[index]
        parent = None if span.parent is None else places[span.parent]
        reported = _span(trace, places[span.id], parent, index, span.attributes, failed=span.failed)
        requests.append(_request(case.library, [reported]))
    return requests


def _request(scope_name: str, spans: list[dict[str, Any]]) -> bytes:
    resource = {"attributes": _attributes({"service.name": "shop"})}
    scope = {"scope": {"name": scope_name}, "spans": spans}
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [scope]}]}).encode()


def _span(
    trace: int, span: int, parent: int | None, place: int, attributes: dict[str, Any], *, failed: bool
) -> dict[str, Any]:
    return {
        "traceId": f"{trace:032x}",
        "spanId": f"{span:016x}",
        "parentSpanId": "" if parent is None else f"{parent:016x}",
        "name": "call",
        "kind": 3,
        "startTimeUnixNano": str(_START_NS + place),
        "endTimeUnixNano": str(_START_NS + _SECOND_NS),
        "attributes": _attributes(attributes),
        "status": {"code": _ERROR, "message": "it failed"} if failed else {},
    }


def _attributes(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": name, "value": _value(value)} for name, value in attributes.items()]


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value  # an OTLP value already
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [_value(item) for item in value]}}
    return {"stringValue": value}
