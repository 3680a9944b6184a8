"""A trace in Tempo's shapes is what the official classes read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from google.protobuf import json_format  # type: ignore[import-untyped]
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from spantail_service.tempo import messages
from spantail_service.tempo.messages import as_json, as_json_v2, as_protobuf, as_protobuf_v2, trace_of
from tests.integration.service.harness import OTHER_RUN, ROOT_SPAN, RUN, START, state

if TYPE_CHECKING:
    import pytest

CALL = "00f067aa0ba902b8"
ATTRIBUTES = {"text": "é", "number": 2**53 + 1, "huge": 2**63, "half": 0.5, "yes": True, "list": [1, "a", None],
              "map": {"k": [1.5]}, "none": None}  # fmt: skip
NOW = START + 7


def states() -> list[bytes]:
    event = {"ts": START + 2, "name": "told", "attributes": {"n": 1}}
    link = {"run_id": OTHER_RUN, "span_id": CALL, "attributes": {}}
    return [
        state(RUN, CALL, parent_id=ROOT_SPAN, start=START + 1, end=START + 4, status="error", kind="llm_call",
              error={"type": "E", "message": "broke"}, attributes=ATTRIBUTES, span_events=[event], links=[link]),
        state(RUN, attributes={"root": True}),
        state(RUN, "00f067aa0ba902b9", parent_id=ROOT_SPAN, service=None, end=START + 2),
    ]  # fmt: skip


def fields(wire: bytes) -> dict[int, Any]:
    """The top fields of a message, by number: bytes and varints only."""

    def varint(at: int) -> tuple[int, int]:
        value, shift = 0, 0
        while True:
            byte = wire[at]
            value |= (byte & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if byte < 0x80:
                return value, at

    found: dict[int, Any] = {}
    at = 0
    while at < len(wire):
        tag, at = varint(at)
        value, at = varint(at)
        if tag & 7 == 2:
            found[tag >> 3], at = wire[at : at + value], at + value
        else:
            found[tag >> 3] = value
    return found


def test_protobuf_is_otlps_own() -> None:
    trace = TracesData.FromString(as_protobuf(trace_of(states(), NOW)))
    sources = {one.resource.attributes[0].value.string_value: one for one in trace.resource_spans}
    assert set(sources) == {"test", "unknown_service"}
    root, call = sources["test"].scope_spans[0].spans
    assert (root.trace_id.hex(), root.span_id.hex(), root.parent_span_id) == (RUN, ROOT_SPAN, b"")
    assert root.end_time_unix_nano == NOW * 1_000
    assert {pair.key: pair.value.WhichOneof("value") for pair in root.attributes} == {
        "root": "bool_value", "spantail.status": "string_value",
    }  # fmt: skip
    assert (call.parent_span_id.hex(), call.kind, call.status.code, call.status.message) == (ROOT_SPAN, 0, 2, "broke")
    assert (call.start_time_unix_nano, call.end_time_unix_nano) == ((START + 1) * 1_000, (START + 4) * 1_000)
    assert [event.name for event in call.events] == ["told"]
    assert [link.trace_id.hex() for link in call.links] == [OTHER_RUN]
    values = {pair.key: pair.value for pair in call.attributes}
    assert values["number"].int_value == 2**53 + 1
    assert values["huge"].double_value == float(2**63)
    assert [item.WhichOneof("value") for item in values["list"].array_value.values] == [
        "int_value", "string_value", None,
    ]  # fmt: skip
    assert values["map"].kvlist_value.values[0].value.array_value.values[0].double_value == 1.5


def test_json_says_the_same() -> None:
    binary = TracesData.FromString(as_protobuf(trace_of(states(), NOW)))
    first = orjson.loads(as_json(trace_of(states(), NOW)))
    assert set(first) == {"batches"}
    span = first["batches"][0]["scopeSpans"][0]["spans"][0]
    assert (span["kind"], span["traceId"]) == ("SPAN_KIND_UNSPECIFIED", "S/kvNXezTaajzpKdDg5HNg==")
    assert json_format.ParseDict({"resourceSpans": first["batches"]}, TracesData()) == binary
    second = orjson.loads(as_json_v2(trace_of(states(), NOW)))
    assert set(second) == {"trace", "metrics"}
    assert json_format.ParseDict(second["trace"], TracesData()) == binary


def test_the_second_version_wraps_the_first() -> None:
    whole = fields(as_protobuf_v2(trace_of(states(), NOW)))
    assert whole == {1: as_protobuf(trace_of(states(), NOW))}


def test_a_large_trace_is_cut_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "MAX_SPANS", 2)
    answer = trace_of(states(), NOW)
    found = fields(as_protobuf_v2(answer))
    trace = TracesData.FromString(found[1])
    assert {span.span_id.hex() for one in trace.resource_spans for span in one.scope_spans[0].spans} == {
        ROOT_SPAN, "00f067aa0ba902b9",
    }  # fmt: skip
    assert found[3] == 1
    assert found[4].decode() == "The first 2 spans; 1 later ones are left out."
    said = orjson.loads(as_json_v2(answer))
    assert (said["status"], said["message"]) == ("PARTIAL", found[4].decode())
