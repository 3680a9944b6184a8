"""The decoders of both encodings against the official message classes, and against each other."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Any, cast

import orjson
import pytest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span, Status

from spantail.redaction import TRUNCATED_KEY, Redactor
from spantail_service.ingest.decoding import json_items, protobuf_logs, protobuf_messages, protobuf_spans
from spantail_service.ingest.decoding.body import MalformedRequestError
from spantail_service.ingest.decoding.entries import LogEntry, Tally
from spantail_service.ingest.decoding.protobuf_values import MalformedValueError, attributes_of, value_of
from tests.support.otlp.requests import add_attributes, any_value, as_json, logs, traces

if TYPE_CHECKING:
    from spantail_exporters.model.record import SpanRecord


def decode_traces(body: bytes, tally: Tally) -> list[SpanRecord]:
    return [record for record in protobuf_spans.decode_traces(body, tally) if record is not None]


def decode_traces_json(body: bytes, tally: Tally) -> list[SpanRecord]:
    return [record for record in json_items.decode_traces_json(body, tally) if record is not None]


def decode_logs(body: bytes, tally: Tally) -> list[LogEntry]:
    return [entry for entry in protobuf_logs.decode_logs(body, tally) if entry is not None]


def decode_logs_json(body: bytes, tally: Tally) -> list[LogEntry]:
    return [entry for entry in json_items.decode_logs_json(body, tally) if entry is not None]


VALUES: dict[str, Any] = {
    "": "",
    "text": "ü",
    "long": "x" * 300,
    "ä": "",
    "zero": 0, "small": 127, "two": 128, "two more": 16_383, "three": 16_384, "big": 2**63 - 1, "minus": -1,
    "real": 0.5, "tiny": 5e-324, "infinite": math.inf,
    "yes": True, "no": False,
    "none": None,
    "bytes": b"\0\1",
    "list": ["a", 1, None, [0.5]],
    "map": {"in": {"deep": [True]}},
}  # fmt: skip


def _pairs(attributes: dict[str, Any]) -> list[bytes]:
    request = Resource()
    add_attributes(request.attributes, attributes)
    return [pair.SerializeToString() for pair in request.attributes]


def test_values_of_every_kind_twice() -> None:
    for _ in range(2):  # the second time from memory
        assert attributes_of(_pairs(VALUES)) == VALUES
        for name, value in attributes_of(_pairs(VALUES)).items():
            assert type(value) is type(VALUES[name])
    nested = attributes_of(_pairs(VALUES))["list"]
    nested.append("changed")
    assert attributes_of(_pairs(VALUES))["list"] == VALUES["list"], "what could be changed is not remembered"


def test_of_two_attributes_with_one_key_the_last_stands_with_a_mark() -> None:
    mark = "…[truncated 3 → 2 values: a key came more than once]"
    assert attributes_of([*_pairs({"a": 1, "b": 2}), *_pairs({"a": 3})]) == {"a": 3, "b": 2, TRUNCATED_KEY: mark}
    inner = any_value({})
    for number in range(3):
        add_attributes(inner.kvlist_value.values, {"x": number})
    sent = KeyValue(key="map", value=inner)
    read = {"map": {"x": 2, TRUNCATED_KEY: "…[truncated 3 → 1 values: a key came more than once]"}}
    assert attributes_of([sent.SerializeToString()]) == read
    span = Span(trace_id=b"\1" * 16, span_id=b"\2" * 8, attributes=[sent])
    (record,) = decode_traces_json(as_json(traces({}, [span])), Tally())
    assert record.attributes == read


def test_any_bytes_are_read_as_the_official_message_reads_them() -> None:
    """What is read by hand must not differ, also where a writer orders or repeats fields in its own way."""
    rng = random.Random(7)
    pool = _pairs(VALUES)
    differences = 0
    for _ in range(20_000):
        data = bytearray(rng.choice(pool)[:60])
        for _ in range(rng.randrange(3)):
            match rng.randrange(3):
                case 0 if data:
                    data[rng.randrange(len(data))] = rng.randrange(256)
                case 1 if data:
                    del data[rng.randrange(len(data)) :]
                case _:
                    data += rng.choice(pool)[:20]
        sent = bytes(data)
        try:
            pair = KeyValue.FromString(sent)
            expected: Any = {pair.key: value_of(pair.value.SerializeToString())}
        except Exception:  # noqa: BLE001 - whatever it says, it is no KeyValue
            expected = MalformedValueError
        try:
            found: Any = attributes_of([sent])
        except MalformedValueError:
            found = MalformedValueError
        assert repr(found) == repr(expected), sent
        differences += found is MalformedValueError
    assert differences > 100


@pytest.mark.parametrize(
    ("official", "ours"),
    [
        (Span, protobuf_messages.Span),
        (LogRecord, protobuf_messages.LogRecord),
        (Resource, protobuf_messages.Resource),
        (InstrumentationScope, protobuf_messages.Scope),
    ],
)  # fmt: skip
def test_our_messages_have_the_numbers_and_names_of_the_official_ones(official: Any, ours: Any) -> None:
    seen = set()

    def compare(theirs: Any, mine: Any) -> None:
        if mine.full_name in seen:
            return
        seen.add(mine.full_name)
        by_name = {field.name: field for field in theirs.fields}
        for field in mine.fields:
            other = by_name[field.name]
            assert (field.number, field.is_repeated) == (other.number, other.is_repeated), field.full_name
            if field.message_type is not None:
                compare(other.message_type, field.message_type)
            elif other.message_type is not None:
                assert field.type == field.TYPE_BYTES
            elif other.enum_type is not None:
                assert field.type == field.TYPE_INT32
            else:
                assert field.type == other.type, field.full_name

    compare(official.DESCRIPTOR, ours.DESCRIPTOR)
    assert protobuf_messages.Spans.DESCRIPTOR.fields[0].number == ScopeSpans.DESCRIPTOR.fields_by_name["spans"].number
    assert (
        protobuf_messages.LogRecords.DESCRIPTOR.fields[0].number
        == ScopeLogs.DESCRIPTOR.fields_by_name["log_records"].number
    )


def _span() -> Span:
    span = Span(
        trace_id=b"\1" * 16, span_id=b"\2" * 8, parent_span_id=b"\3" * 8, name="work", kind=Span.SPAN_KIND_CLIENT,
        start_time_unix_nano=1_795_308_986_084_596_123, end_time_unix_nano=1_795_308_986_084_600_000,
        dropped_events_count=2, status=Status(code=Status.STATUS_CODE_ERROR, message="no"),
    )  # fmt: skip
    add_attributes(span.attributes, {**VALUES, "infinite": 1.0})
    add_attributes(span.events.add(name="retry", time_unix_nano=5_000).attributes, {"n": 1})
    add_attributes(span.links.add(trace_id=b"\4" * 16, span_id=b"\5" * 8).attributes, {"why": "retry"})
    span.links.add(trace_id=b"\4", span_id=b"\5")
    return span


def test_a_span_is_the_same_in_both_encodings() -> None:
    request = traces(
        {"service.name": "shop", "spantail.runner": "web:1:2"}, [_span(), Span(trace_id=b"\1" * 16, span_id=b"\2" * 8)]
    )
    tally = Tally()
    first, second = decode_traces(request.SerializeToString(), tally)
    same, plain = decode_traces_json(as_json(request), tally)
    assert first.source is second.source
    for one, other in ((first, same), (second, plain)):
        assert one.source is not None
        assert other.source is not None
        assert one.source.encoded(Redactor()) == other.source.encoded(Redactor())
    for slot in set(first.__slots__) - {"source"}:
        assert getattr(first, slot) == getattr(same, slot), slot
        assert getattr(second, slot) == getattr(plain, slot), slot
    assert (first.run_id, first.span_id, first.parent_id) == ("01" * 16, "02" * 8, "03" * 8)
    assert (first.start_us, first.end_us) == (1_795_308_986_084_596, 1_795_308_986_084_600)
    assert (first.failed, first.description, first.dropped_span_events) == (True, "no", 2)
    assert first.attributes.items() >= {"text": "ü", "bytes": b"\0\1", "big": 2**63 - 1}.items()
    assert [tuple(note) for note in first.span_events] == [(5, "retry", {"n": 1}, None)]
    assert tuple(first.links[0][:3]) == ("04" * 16, "05" * 8, {"why": "retry"})
    assert [list((link.fields or {}).get("odd_ids", ())) for link in first.links] == [[], ["04", "05"]]
    assert (first.service, first.runner) == ("shop", "web:1:2")
    assert (second.parent_id, second.start_us, second.end_us, second.failed) == (None, 0, 0, False)
    assert not tally.rejected


def test_a_log_record_is_the_same_in_both_encodings() -> None:
    record = LogRecord(
        time_unix_nano=5_000, severity_number=cast("Any", 13), severity_text="WARN", flags=257, event_name="retry",
        trace_id=b"\1" * 16, span_id=b"\2" * 8, body=any_value({"n": [1]}),
    )  # fmt: skip
    add_attributes(record.attributes, {"a": 1})
    bare = LogRecord(observed_time_unix_nano=7_000, trace_id=b"\1", span_id=b"\0" * 8)
    request = logs({"service.name": "shop"}, [record, bare], scope="shop.cart")
    tally = Tally()
    entries = list(decode_logs(request.SerializeToString(), tally))
    same = list(decode_logs_json(as_json(request), tally))
    assert [entry[1:] for entry in entries] == [entry[1:] for entry in same]
    assert entries[0].source[:4] == same[0].source[:4] == ("shop", None, False, "shop.cart")
    assert entries[0].source.whole.encoded(Redactor()) == same[0].source.whole.encoded(Redactor())
    assert entries[0][1:] == (
        "01" * 16, "02" * 8, 5, 13, "WARN", "retry", {"n": [1]}, {"a": 1}, True,
    )  # fmt: skip
    assert entries[1][1:] == ("", "", 7, 0, "", "", None, {}, False)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b"{", b'"x"', b"\xff", b'{"resourceSpans":{}}', b'{"resourceSpans":[1]}',
     b'{"resourceSpans":[{"scopeSpans":[{"spans":{}}]}]}', b'{"resourceSpans":[{"scopeSpans":[{"scope":[]}]}]}'],
)  # fmt: skip
def test_what_is_no_request_in_json(body: bytes) -> None:
    with pytest.raises(MalformedRequestError):
        decode_traces_json(body, Tally())


def test_json_is_read_as_protobuf_writes_it_and_a_little_wider() -> None:
    span: dict[str, Any] = {
        "traceId": "0A" * 16, "spanId": "0B" * 8, "parentSpanId": "", "startTimeUnixNano": 5000.0,
        "endTimeUnixNano": "9000", "kind": "SPAN_KIND_CLIENT", "flags": 256, "unknown": [1], "name": None,
        "status": {"code": "STATUS_CODE_ERROR"},
        "attributes": [
            {"key": "int", "value": {"intValue": 5}},
            {"key": "int text", "value": {"intValue": "-5"}},
            {"key": "nan", "value": {"doubleValue": "NaN"}},
            {"key": "new kind", "value": {"laterValue": 1}},
            {"key": "none", "value": {}},
            {"key": "empty list", "value": {"arrayValue": {}}},
        ],
    }  # fmt: skip
    (record,) = decode_traces_json(_json_spans([span]), tally := Tally())
    assert not tally.rejected
    assert (record.run_id, record.span_id, record.parent_id) == ("0a" * 16, "0b" * 8, None)
    assert (record.start_us, record.end_us, record.name, record.failed) == (5, 9, "", True)
    nan = dict(record.attributes).pop("nan")
    assert isinstance(nan, float)
    assert math.isnan(nan)
    assert {key: value for key, value in record.attributes.items() if key != "nan"} == {
        "int": 5, "int text": -5, "new kind": None, "none": None, "empty list": []
    }  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": 5}, {"traceId": 5}, {"startTimeUnixNano": "soon"}, {"startTimeUnixNano": -1}, {"attributes": {}},
        {"attributes": ["a"]}, {"attributes": [{"key": "a", "value": 5}]}, {"droppedEventsCount": 2**32},
        {"attributes": [{"key": "a", "value": {"intValue": "9223372036854775808"}}]},
        {"attributes": [{"key": "a", "value": {"boolValue": "true"}}]}, {"events": [5]}, {"status": "ok"}, {"links": 1},
        {"traceId": "0" * 32}, {"traceId": "zz" * 16}, {"spanId": "01"}, {"parentSpanId": "01"},
    ],
)  # fmt: skip
def test_one_malformed_span_in_json_does_not_take_the_others(wrong: dict[str, Any]) -> None:
    good = {"traceId": "01" * 16, "spanId": "02" * 8}
    tally = Tally()
    records = list(decode_traces_json(_json_spans([good | wrong, good, 5]), tally))
    assert [record.span_id for record in records] == ["02" * 8]
    assert tally.rejected == 2
    assert tally.reason


def test_deep_values_are_rejected_not_followed() -> None:
    deep = {"traceId": "01" * 16, "spanId": "02" * 8, "attributes": [{"key": "a", "value": {"stringValue": "deep"}}]}
    plain = b'{"stringValue":"deep"}'
    nested = b'{"arrayValue":{"values":[' * 120 + plain + b"]}}" * 120
    tally = Tally()
    assert list(decode_traces_json(_json_spans([deep]).replace(plain, nested), tally)) == []
    assert tally.rejected == 1
    nested = b'{"arrayValue":{"values":[' * 4_000 + plain + b"]}}" * 4_000
    with pytest.raises(MalformedRequestError):
        decode_traces_json(_json_spans([deep]).replace(plain, nested), tally)

    inner = b""
    for _ in range(400):  # AnyValue{array_value{values{…}}}, by hand: the official class would not write it
        inner = _field(5, _field(1, inner))
    span = Span(trace_id=b"\1" * 16, span_id=b"\2" * 8).SerializeToString() + _field(
        9, _field(1, b"a") + _field(2, inner)
    )
    body = _field(1, _field(2, _field(2, span)))
    tally = Tally()
    assert list(decode_traces(body, tally)) == []
    assert tally.rejected == 1


def test_a_span_with_a_broken_attribute_is_rejected_the_others_taken() -> None:
    whole = Span(trace_id=b"\1" * 16, span_id=b"\2" * 8).SerializeToString()
    body = _field(1, _field(2, _field(2, whole + _field(9, b"\xff")) + _field(2, whole)))
    tally = Tally()
    assert len(list(decode_traces(body, tally))) == 1
    assert tally.rejected == 1


def test_resources_that_concern_the_live_tier_are_passed_over() -> None:
    for live in (True, False):
        request = traces({"spantail.live": live}, [_span(), _span()])
        tally = Tally()
        assert not [*decode_traces(request.SerializeToString(), tally), *decode_traces_json(as_json(request), tally)]
        assert (tally.rejected, tally.passed_over) == (0, {"live": 4})


def _json_spans(spans: list[Any]) -> bytes:
    return orjson.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]})


def _field(number: int, data: bytes) -> bytes:
    """A length-delimited field."""
    size, length = b"", len(data)
    while length > 0x7F:
        size, length = size + bytes([length & 0x7F | 0x80]), length >> 7
    return bytes([number << 3 | 2]) + size + bytes([length]) + data
