"""Kind, trace state, flags, status, dropped counts, odd links: through ingest and out again as OTLP, the same."""

from __future__ import annotations

from typing import Any

import orjson
from google.protobuf.json_format import MessageToDict, ParseDict  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status, TracesData

from spantail.redaction import Redactor
from spantail_service.ingest.decoding.entries import Tally
from spantail_service.ingest.decoding.json_items import decode_traces_json
from spantail_service.ingest.decoding.protobuf_spans import decode_traces
from spantail_service.ingest.span_changes import finished_change
from spantail_service.runs.sources import parse_sources
from spantail_service.transfer.otlp import otlp_json
from tests.support.otlp.requests import add_attributes, as_base64, as_json

_COUNTS = st.integers(0, 2**32 - 1)
_TIMES = st.integers(0, 2**62)
_WORDS = st.sampled_from(["", "a=b", "rojo=00f067aa0ba902b7,congo=t61"])
_EVENTS = st.builds(
    Span.Event, time_unix_nano=_TIMES, name=st.sampled_from(["", "retry"]), dropped_attributes_count=_COUNTS
)
_LINKS = st.builds(
    Span.Link, trace_id=st.binary(max_size=17), span_id=st.binary(max_size=9), trace_state=_WORDS, flags=_COUNTS,
    dropped_attributes_count=_COUNTS,
)  # fmt: skip
_SPANS = st.builds(
    Span, trace_id=st.just(b"\1" * 16), span_id=st.just(b"\2" * 8), name=st.just("call"), trace_state=_WORDS,
    flags=_COUNTS, kind=st.integers(0, 5), start_time_unix_nano=_TIMES, end_time_unix_nano=_TIMES,
    dropped_attributes_count=_COUNTS, dropped_events_count=_COUNTS, dropped_links_count=_COUNTS,
    events=st.lists(_EVENTS, max_size=2), links=st.lists(_LINKS, max_size=2),
    status=st.builds(Status, code=st.integers(0, 2), message=st.sampled_from(["", "too slow"])),
)  # fmt: skip


_NAMES = st.sampled_from(["a", "service.name", "b.c"])
_PAIRS = st.dictionaries(_NAMES, st.integers(-(2**63), 2**63 - 1) | st.text("abcé", max_size=5), max_size=3)
_RESOURCES = st.tuples(_PAIRS, _COUNTS, _WORDS)
_SCOPES = st.tuples(_WORDS, _WORDS, _PAIRS, _COUNTS, _WORDS)
_GROUPS = st.lists(st.tuples(_RESOURCES, st.lists(_SCOPES, min_size=1, max_size=3)), min_size=1, max_size=3)


def _grouped(groups: list[Any]) -> TracesData:
    """A request with one span for each scope."""
    request, number = TracesData(), 0
    for (attributes, dropped, schema), scopes in groups:
        group = request.resource_spans.add(schema_url=schema)
        add_attributes(group.resource.attributes, attributes)
        group.resource.dropped_attributes_count = dropped
        for name, version, of_scope, lost, schema_of_scope in scopes:
            part = group.scope_spans.add(schema_url=schema_of_scope)
            part.scope.name, part.scope.version, part.scope.dropped_attributes_count = name, version, lost
            add_attributes(part.scope.attributes, of_scope)
            number += 1
            part.spans.add(trace_id=b"\1" * 16, span_id=number.to_bytes(8, "big"))
    return request


def _described(request: Any) -> dict[str, tuple[Any, ...]]:
    """What is said of each span; the order of attributes means nothing."""
    for group in request.resource_spans:
        group.resource.attributes.sort(key=lambda pair: pair.key)
    return {
        span.span_id.hex(): (
            MessageToDict(group.resource),
            group.schema_url,
            MessageToDict(part.scope),
            part.schema_url,
        )
        for group in request.resource_spans
        for part in group.scope_spans
        for span in part.spans
    }


@given(_GROUPS, st.booleans())
def test_resources_and_scopes_are_kept(groups: list[Any], is_json: bool) -> None:
    request = _grouped(groups)
    if is_json:
        records = decode_traces_json(as_json(request), Tally())
    else:
        records = decode_traces(request.SerializeToString(), Tally())
    redactor, states = Redactor(), list[Any]()
    tables: dict[str, bytes] = {}
    for change in (finished_change(one, redactor) for one in records if one is not None):
        states.append(orjson.loads(change.events[-1]))
        tables.update(change.sources)
    sources = parse_sources({field.encode(): table for field, table in tables.items()})
    written = as_base64(otlp_json(states, sources))
    assert _described(ParseDict(written, TracesData())) == _described(request)


def _request(span: Span) -> TracesData:
    request = TracesData()
    request.resource_spans.add().scope_spans.add().spans.append(span)
    return request


def _states(records: Any) -> list[dict[str, Any]]:
    return [orjson.loads(finished_change(one, Redactor()).events[-1]) for one in records if one is not None]


def _again(state: dict[str, Any]) -> Span:
    (written,) = otlp_json([state])["resourceSpans"][0]["scopeSpans"][0]["spans"]
    made = Span(
        trace_id=bytes.fromhex(written.pop("traceId")), span_id=bytes.fromhex(written.pop("spanId")),
        start_time_unix_nano=int(written["startTimeUnixNano"]), end_time_unix_nano=int(written["endTimeUnixNano"]),
        name=written["name"], kind=written.get("kind", 0), trace_state=written.get("traceState", ""),
        flags=written.get("flags", 0), status=Status(**written["status"]),
        dropped_attributes_count=written.get("droppedAttributesCount", 0),
        dropped_events_count=written.get("droppedEventsCount", 0),
        dropped_links_count=written.get("droppedLinksCount", 0),
    )  # fmt: skip
    for event in written["events"]:
        made.events.add(
            time_unix_nano=int(event["timeUnixNano"]), name=event["name"],
            dropped_attributes_count=event.get("droppedAttributesCount", 0),
        )  # fmt: skip
    for link in written["links"]:
        made.links.add(
            trace_id=bytes.fromhex(link["traceId"]), span_id=bytes.fromhex(link["spanId"]),
            trace_state=link.get("traceState", ""), flags=link.get("flags", 0),
            dropped_attributes_count=link.get("droppedAttributesCount", 0),
        )  # fmt: skip
    return made


@given(_SPANS)
def test_what_is_said_beside_the_attributes_is_kept(span: Span) -> None:
    (state,) = _states(decode_traces(_request(span).SerializeToString(), Tally()))
    assert MessageToDict(_again(state)) | {"status": {}} == MessageToDict(span) | {"status": {}}
    assert (_again(state).status.code, _again(state).status.message) == (span.status.code, span.status.message)
    written = orjson.dumps(otlp_json([state]))
    assert _states(decode_traces_json(written, Tally())) == [state]
