"""Spans that are filled into the pattern of an earlier one come out as those that are read and encoded one by one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spantail import attributes as key
from spantail.redaction import Redactor
from spantail_exporters.dialects.older_names import OLDER_NAMES
from spantail_service.ingest import alike_spans
from spantail_service.ingest.alike_spans import AlikeSpans
from spantail_service.ingest.decoding.entries import KnownGroups, Tally
from spantail_service.ingest.decoding.protobuf_spans import decode_traces, read_record
from spantail_service.ingest.span_changes import changes_of
from tests.support.otlp.requests import any_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from opentelemetry.proto.common.v1.common_pb2 import AnyValue

CANARY = "canary7Qz9Xw2Lk4Vn8"
NOW_NS = 1_790_000_000_000_000_123
OURS = sorted(
    {value for name, value in vars(key).items() if name.isupper() and isinstance(value, str)} | {*OLDER_NAMES}
)
FREE = ["http.route", "db.system", "app.job", 'quote"d', "ünï", "50%s", "x" * 130, "input", "content", "password",
        "gen_ai.prompt", "logfire.span_type", "logfire.msg", "llm.model_name", "", "error.type"]  # fmt: skip
TEXTS = st.sampled_from(
    ["", "chat", "llm_call", "tool", "gpt-4o-mini", "openai", "skipped", "ok", "a harmless text", "Zürich, Straße 4",
     'a "quoted" \\ text\n', "100 %s of %d", "\ue000start\ue000", "x" * 100, "x" * 127, "x" * 128, "x" * 300, "ü" * 200,
     f"password={CANARY}", f"Bearer {CANARY}.{CANARY}", "J\x0b\n\x01a\x12\x06\n\x04none", "9", "budget", "layer"]
)  # fmt: skip
COUNTS = st.sampled_from([0, 1, 127, 128, 412, 16_383, 16_384, 10**11, 10**12, 10**12 + 1, 2**53, 2**63 - 1, -1])
NUMBERS = st.sampled_from([0.0, -0.0, 0.82, 1e-7, 1e22, 0.0001194, 2.5, 1e9, -1.0, float("nan"), float("inf")])
SCALARS: st.SearchStrategy[Any] = st.one_of(TEXTS, COUNTS, NUMBERS, st.booleans())
VALUES = st.one_of(SCALARS, st.lists(TEXTS, max_size=2), st.lists(SCALARS, max_size=2), st.binary(max_size=4),
                   st.none(), st.dictionaries(st.sampled_from(["a", "password"]), TEXTS, max_size=2))  # fmt: skip
NAMES = st.sampled_from(["run", "GET /users/9", "0\x03", "span A", "naïve", f"token={CANARY}", "n" * 300])
KINDS_OF_VALUES = [TEXTS, COUNTS, NUMBERS, st.booleans(), VALUES]


def _set(held: AnyValue, value: Any) -> None:
    if value is not None:  # else there is no value at all
        held.CopyFrom(any_value(value))


@st.composite
def programs(draw: st.DrawFn) -> list[Span]:
    """Spans of one place in a program: the same names, each with values of one kind; now and then one is odd."""
    names = draw(st.lists(st.sampled_from(OURS) | st.sampled_from(FREE), max_size=7))
    kinds = [draw(st.sampled_from(KINDS_OF_VALUES)) for _ in names]
    constant = [draw(st.booleans()) for _ in names]
    values = [draw(kind) for kind in kinds]
    kind: Any = draw(st.integers(0, 6))
    code: Any = draw(st.integers(0, 3))
    flags, ns, has_parent = draw(st.sampled_from([0, 257])), draw(st.sampled_from([0, 1, 1_000])), draw(st.booleans())
    spans, name = [], draw(NAMES)
    request = ExportTraceServiceRequest()
    added = request.resource_spans.add().scope_spans.add().spans
    for number in range(draw(st.integers(3, 6))):
        span = added.add(
            trace_id=draw(st.sampled_from([b"t" * 16, b"u" * 16])),
            span_id=bytes([number + 1]) * 8,
            parent_span_id=b"p" * 8 if has_parent else b"",
            name=draw(NAMES) if number == 2 else name,
            kind=kind,
            start_time_unix_nano=NOW_NS // 1_000_000 * 1_000_000 + ns * number,
            end_time_unix_nano=NOW_NS // 1_000_000 * 1_000_000 + ns * number * 2,
            flags=flags,
        )
        if code:
            span.status.code = code
        for attribute, value, of_kind, is_constant in zip(names, values, kinds, constant, strict=True):
            _set(span.attributes.add(key=attribute).value, value if is_constant else draw(of_kind))
        if draw(st.integers(0, 5)) == 0:
            _make_odd(span, draw(st.integers(0, 9)))
        spans.append(span)
    return spans


def _make_odd(span: Span, way: int) -> None:
    match way:
        case 0:
            span.events.add(name="exception", time_unix_nano=NOW_NS)
        case 1:
            span.links.add(trace_id=b"l" * 16, span_id=b"l" * 8)
        case 2:
            span.trace_state = "a=b"
        case 3:
            span.status.message = "why"
        case 4:
            span.dropped_attributes_count = 1
        case 5:
            span.end_time_unix_nano = span.start_time_unix_nano - 1_000
        case 6:
            span.parent_span_id = bytes(8)
        case 7:
            span.span_id = bytes(8)
        case 8:
            span.start_time_unix_nano, span.end_time_unix_nano = 2**63, 2**64 - 1
        case _:
            span.trace_id = b"short"


def _request(spans: Sequence[Span]) -> bytes:
    request = ExportTraceServiceRequest()
    of_resource = request.resource_spans.add()
    _set(of_resource.resource.attributes.add(key="service.name").value, "shop")
    of_resource.scope_spans.add().spans.extend(spans)
    return bytes(request.SerializeToString())


def _plain(changes: Iterator[Any]) -> list[Any]:
    made = [one for part in changes if part for one in part]
    return [(run_id, change._replace(events=list(change.events))) for run_id, change in made]


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pattern is made of the first span already."""
    monkeypatch.setattr(alike_spans, "_TIMES_SEEN", 1)
    monkeypatch.setattr(alike_spans, "_SPANS_BETWEEN", 0)
    monkeypatch.setattr(alike_spans, "TOGETHER", 2)
    monkeypatch.setattr(alike_spans, "_ALIKE_TOGETHER", 4)


@pytest.mark.usefixtures("eager")
@settings(max_examples=150, deadline=None)
@given(st.lists(programs(), min_size=1, max_size=3), st.booleans())
def test_they_are_what_they_would_be_one_by_one(made: list[list[Span]], capture_content: bool) -> None:
    alike, known = AlikeSpans(Redactor(capture_content=capture_content)), KnownGroups()
    redactor = Redactor(capture_content=capture_content)
    for spans in (*made, *made):
        body, tally, plain_tally = _request(spans), Tally(), Tally()
        found = _plain(alike.changes_in(body, tally, known))
        wanted = _plain(changes_of(decode_traces(body, plain_tally, known), redactor, plain_tally))
        for one, other in zip(found, wanted, strict=True):
            assert one == other, f"{one}\n{other}"
        assert (tally.rejected, tally.reason) == (plain_tally.rejected, plain_tally.reason)
        assert capture_content or CANARY not in repr(found)


def test_a_span_like_an_earlier_one_is_not_read_again(eager: None, monkeypatch: pytest.MonkeyPatch) -> None:
    alike, known = AlikeSpans(Redactor()), KnownGroups()
    spans = [
        Span(trace_id=b"t" * 16, span_id=bytes([number]) * 8, name="GET /{id}", kind=Span.SPAN_KIND_SERVER,
             start_time_unix_nano=NOW_NS, end_time_unix_nano=NOW_NS + number)
        for number in range(1, 41)
    ]  # fmt: skip
    for number, span in enumerate(spans):
        for name, value in (("http.route", "/jobs/{id}"), ("job", f"n-{number:030}"), ("size", number**6), ("x", 0.5)):
            _set(span.attributes.add(key=name).value, value)
    wanted = _plain(changes_of(decode_traces(_request(spans), Tally()), Redactor(), Tally()))
    first = _plain(alike.changes_in(_request(spans[:4]), Tally(), known))
    monkeypatch.setattr(alike_spans, "read_record", None)
    assert [*first, *_plain(alike.changes_in(_request(spans[4:]), Tally(), known))] == wanted


@pytest.mark.parametrize("odd", [f"password={CANARY}", "x" * 300, float("nan")])
def test_one_that_is_to_be_read_by_itself_leaves_the_others_alike(
    eager: None, monkeypatch: pytest.MonkeyPatch, odd: str | float
) -> None:
    alike, known = AlikeSpans(Redactor()), KnownGroups()
    spans = [
        Span(trace_id=b"t" * 16, span_id=bytes([number]) * 8, name="a", start_time_unix_nano=NOW_NS,
             end_time_unix_nano=NOW_NS)
        for number in range(1, 42)
    ]  # fmt: skip
    for span in spans:
        _set(span.attributes.add(key="value").value, "plain" if isinstance(odd, str) else 0.5)
    list(alike.changes_in(_request(spans), Tally(), known))
    _set(spans[20].attributes[0].value, odd)
    wanted = _plain(changes_of(decode_traces(_request(spans), Tally()), Redactor(), Tally()))
    read = Mock(wraps=read_record)
    monkeypatch.setattr(alike_spans, "read_record", read)
    assert _plain(alike.changes_in(_request(spans), Tally(), known)) == wanted
    read.assert_called_once()
    assert read.call_args.args[0].span_id == spans[20].span_id


@pytest.mark.parametrize(
    ("name", "nothing", "something"),
    [("session.id", "", "s-1"), ("openinference.span.kind", "?", "LLM"), ("llm.model_name", "", "gpt-4o-mini")],
)
def test_a_value_that_says_something_is_understood_after_one_that_did_not(
    eager: None, name: str, nothing: str, something: str
) -> None:
    alike, known = AlikeSpans(Redactor()), KnownGroups()
    for value in (nothing, nothing, something):
        span = Span(trace_id=b"t" * 16, span_id=b"s" * 8, name="a", start_time_unix_nano=1, end_time_unix_nano=1)
        _set(span.attributes.add(key=name).value, value)
        body = _request([span])
        wanted = _plain(changes_of(decode_traces(body, Tally()), Redactor(), Tally()))
        assert _plain(alike.changes_in(body, Tally(), known)) == wanted


def test_what_is_remembered_is_bounded(eager: None) -> None:
    alike, known = AlikeSpans(Redactor()), KnownGroups()
    for number in range(600):
        spans = [Span(trace_id=b"t" * 16, span_id=b"s" * 8, name="a", end_time_unix_nano=1, start_time_unix_nano=1)]
        _set(spans[0].attributes.add(key=f"name {number}").value, f"{number:070}")
        list(alike.changes_in(_request(spans), Tally(), known))
    held = vars(alike)
    patterns = [one for of_source in held["_sources"].values() for of_name in of_source.values() for one in of_name]
    assert 1 <= len(patterns) <= 6, "of one name"
    assert not held["_texts"] or max(map(len, held["_texts"])) <= 64
    assert len(held["_seen"]) <= 1_024


def test_a_text_that_looks_like_what_follows_it_does_not_take_long(eager: None) -> None:
    alike, known = AlikeSpans(Redactor()), KnownGroups()
    for repeated in (1, 400):
        span = Span(trace_id=b"t" * 16, span_id=b"s" * 8, name="9A", end_time_unix_nano=1)
        span.start_time_unix_nano = 1
        for name in ("a", "b", "c", "d"):
            _set(span.attributes.add(key=name).value, "J\x0b\n\x01b\x12\x06\n\x04" * repeated)
        began = time.process_time()
        assert len(_plain(alike.changes_in(_request([span]), Tally(), known))) == 1
        assert time.process_time() - began < 1
