"""What is sent over OTLP comes out as OTLP again, equal in meaning: any request, and those of real libraries.

Through the app and a real Redis: `POST /v1/traces` in either encoding, `GET /api/runs/{run_id}/export?format=otlp`,
and the export imported and exported once more. What redaction and stated limits change is named on the span.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from spantail.content import CAPTURE_CONTENT_VARIABLE
from tests.exports.sources import SOURCES
from tests.integration.service.harness import running_app
from tests.support.otlp.exports import trace_requests
from tests.support.otlp.meaning import attributes_in, differences, meaning_of, read_export
from tests.support.otlp.requests import JSON, PROTOBUF, add_attributes, as_json
from tests.support.runs.loops import SHAPES, otlp_json
from tests.unit.money.loading import single_cases
from tests.unit.money.requests import request_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    import httpx

_TYPE, _PENDING = "logfire.span_type", ("string_value", "pending_span")
_run_ids = itertools.count(1 << 64)  # files kept of other libraries count their own from 1

# Few choices each, and small ones: of a large example Hypothesis draws hardly anything but zeros
_UINT32 = st.sampled_from([0, 0, 1, 257, 2**31, 2**32 - 1])
_TIMES = st.sampled_from(
    [0, 999, 1_795_308_986_084_596_123, 1_795_308_986_084_596_124, 1_795_308_986_084_597_000, 2**53 * 1_000 - 1_000,
     2**53 * 1_000 - 1, 2**53 * 1_000, 2**63, 2**64 - 1]
)  # fmt: skip
_WORDS = st.text(max_size=3)
_KNOWN_KEYS = st.sampled_from(
    [
        "", "a", "b", "http.url", "password", "auth.token", "k" * 300, "error.type", "user.id", "session.id",
        "service.name",
        "exception.type", "exception.message", "exception.stacktrace", "logfire.msg", "logfire.msg_template",
        "gen_ai.operation.name", "gen_ai.system", "gen_ai.request.model", "gen_ai.usage.input_tokens",
        "gen_ai.usage.prompt_tokens", "gen_ai.usage.cache_read_input_tokens", "gen_ai.usage.cost", "llm.usage",
        "openinference.span.kind", "llm.token_count.prompt", "llm.input_messages.0.message.content",
        "llm.input_messages.0.message.role", "gen_ai.prompt.1.content", "input.value", "output.value",
        "spantail.kind", "spantail.status", "spantail.cost_usd", "spantail.layer", "spantail.truncated",
    ]
)  # fmt: skip
_KEYS = _KNOWN_KEYS | _WORDS.filter(lambda name: not name.startswith("spantail."))
_TEXTS = _WORDS | st.sampled_from(
    ["chat", "LLM", "openai", "gpt-4o-mini", "NaN", "Infinity", "AAE=", "token=hunter22hunter22", "skipped"]
)
_LONG = st.integers(40_000, 40_000).map("x".__mul__)
_SCALARS = (
    st.builds(AnyValue)
    | st.builds(AnyValue, string_value=_TEXTS | _LONG)
    | st.builds(AnyValue, bool_value=st.booleans())
    | st.builds(AnyValue, int_value=st.integers(-(2**63), 2**63 - 1) | st.integers(0, 2_000))
    | st.builds(AnyValue, double_value=st.floats() | st.sampled_from([0.0, -0.0, 3.0, 2.0**53, math.nan, -math.inf]))
    | st.builds(AnyValue, bytes_value=st.binary(max_size=4) | st.just(b"password=hunter22") | _LONG.map(str.encode))
)


def _pairs(values: st.SearchStrategy[AnyValue], most: int) -> st.SearchStrategy[list[KeyValue]]:
    return st.lists(st.builds(KeyValue, key=_KEYS, value=values), max_size=most)


_VALUES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.builds(AnyValue, array_value=st.builds(ArrayValue, values=st.lists(inner, max_size=3)))
        | st.builds(AnyValue, kvlist_value=st.builds(KeyValueList, values=_pairs(inner, 3)))
    ),
    max_leaves=4,
)
_NAMES = _WORDS | st.sampled_from(["exception", "retry", "Bearer abcdefgh12345678"]) | _LONG
_EVENTS = st.builds(
    Span.Event, time_unix_nano=_TIMES, name=_NAMES, attributes=_pairs(_VALUES, 3), dropped_attributes_count=_UINT32
)
_LINKS = st.builds(
    Span.Link, trace_id=st.binary(min_size=16, max_size=16) | st.binary(max_size=18),
    span_id=st.binary(min_size=8, max_size=8) | st.binary(max_size=9), trace_state=_WORDS, flags=_UINT32,
    attributes=_pairs(_VALUES, 2), dropped_attributes_count=_UINT32,
)  # fmt: skip
_SPANS = st.builds(
    Span, parent_span_id=st.sampled_from([b"", b"\0" * 8, b"\7" * 8]), name=_NAMES,
    trace_state=_WORDS | st.just("k=token:abcdefgh12345678"), flags=_UINT32,
    kind=st.sampled_from([0, 1, 2, 3, 4, 5, 6, -1, 2**31 - 1]), start_time_unix_nano=_TIMES,
    end_time_unix_nano=_TIMES, attributes=_pairs(_VALUES, 5), dropped_attributes_count=_UINT32,
    dropped_events_count=_UINT32, dropped_links_count=_UINT32, events=st.lists(_EVENTS, max_size=2),
    links=st.lists(_LINKS, max_size=1),
    status=st.builds(Status, code=st.sampled_from([0, 1, 2, 2, -2, 9]), message=_WORDS | st.just("password=hunter22")),
)  # fmt: skip


_SOURCES = st.builds(
    ResourceSpans,
    resource=st.builds(Resource, attributes=_pairs(_VALUES, 3), dropped_attributes_count=_UINT32),
    schema_url=_WORDS | _LONG,
    scope_spans=st.lists(
        st.builds(
            ScopeSpans,
            scope=st.builds(
                InstrumentationScope, name=_NAMES, version=_WORDS, attributes=_pairs(_VALUES, 2),
                dropped_attributes_count=_UINT32,
            ),
            schema_url=_WORDS,
        ),
        min_size=1, max_size=1,
    ),
)  # fmt: skip


def _request(span: Span, run: int, source: ResourceSpans | None = None) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    span.trace_id, span.span_id = run.to_bytes(16), b"\1" * 8
    group = request.resource_spans.add()
    if source is None:
        group.scope_spans.add()
    else:
        group.CopyFrom(source)
    group.scope_spans[0].spans.append(span)
    return request


async def _exports(client: httpx.AsyncClient, run_ids: Sequence[str]) -> list[bytes]:
    answers = [await client.get(f"/api/runs/{run_id}/export?format=otlp") for run_id in run_ids]
    assert {answer.status_code for answer in answers} == {200}
    return [answer.content for answer in answers]


async def _sent_and_got(
    client: httpx.AsyncClient, requests: Sequence[ExportTraceServiceRequest], *, json: bool = False
) -> list[str]:
    """Differences between what was sent, what is exported, and what is exported when that was imported again."""
    for request in requests:
        body, headers = (as_json(request), JSON) if json else (request.SerializeToString(), PROTOBUF)
        answer = await client.post("/v1/traces", content=body, headers=headers)
        assert answer.status_code == 200, answer.text
        assert answer.json() == {} if json else answer.content == b""
    # Logfire's pending spans tell that another one has started; that one is exported when it has ended
    sent = {where: span for where, span in meaning_of(requests).items() if span.attributes.get(_TYPE) != _PENDING}
    run_ids = sorted({run_id for run_id, _ in sent})
    first = await _exports(client, run_ids)
    found = differences(sent, meaning_of(map(read_export, first)))
    for run_id, body in zip(run_ids, first, strict=True):
        other = f"{next(_run_ids):032x}"
        renamed = body.replace(f'"traceId":"{run_id}","spanId":'.encode(), f'"traceId":"{other}","spanId":'.encode())
        taken = await client.post("/api/runs/import", content=renamed, headers=JSON)
        assert (taken.json()["runs"], taken.json()["rejected"]) == ([other], 0), taken.text
        (second,) = await _exports(client, [other])
        again = differences(meaning_of([read_export(renamed)]), meaning_of([read_export(second)]))
        found += [f"again: {one}" for one in again]
    return found


@pytest.fixture
async def client(new_redis_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with running_app(new_redis_url) as client:
        yield client


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(span=_SPANS, source=_SOURCES, encoding=st.sampled_from(["protobuf", "json"]))
async def test_any_span_comes_out_as_it_was_sent(
    client: httpx.AsyncClient, span: Span, source: ResourceSpans, encoding: str
) -> None:
    assert await _sent_and_got(client, [_request(span, next(_run_ids), source)], json=encoding == "json") == []


@pytest.mark.parametrize("keeps_content", ["false", "true"], ids=["content dropped", "content kept"])
@pytest.mark.parametrize("name", [source.name for source in SOURCES])
async def test_what_real_libraries_send_comes_out_as_it_was_sent(
    new_redis_url: str, monkeypatch: pytest.MonkeyPatch, name: str, keeps_content: str
) -> None:
    monkeypatch.setenv(CAPTURE_CONTENT_VARIABLE, keeps_content)
    async with running_app(new_redis_url) as client:
        assert await _sent_and_got(client, trace_requests(name)) == []


async def test_what_is_read_for_its_cost_comes_out_as_it_was_sent(client: httpx.AsyncClient) -> None:
    """The spans of all money cases, in one run."""
    request = ExportTraceServiceRequest()
    run = next(_run_ids)
    for number, case in enumerate(single_cases()):
        (one,) = read_export(request_of(case)).resource_spans
        for span in one.scope_spans[0].spans:
            span.trace_id, span.span_id = run.to_bytes(16), (number + 1).to_bytes(8)
        request.resource_spans.append(one)
    assert len(request.resource_spans) > 60
    assert await _sent_and_got(client, [request]) == []


@pytest.mark.parametrize("shape", SHAPES)
async def test_spans_that_loop_come_out_as_they_were_sent(client: httpx.AsyncClient, shape: str) -> None:
    assert await _sent_and_got(client, [read_export(orjson.dumps(otlp_json(SHAPES[shape])))]) == []


@pytest.mark.parametrize("said", ["skipped", "cancelled", "ok"])
async def test_why_a_span_failed_comes_out_whatever_else_it_calls_itself(client: httpx.AsyncClient, said: str) -> None:
    span = Span(name="call", end_time_unix_nano=5_000)
    span.status.code, span.status.message = Status.STATUS_CODE_ERROR, "no"
    add_attributes(span.attributes, {"spantail.status": said})
    assert await _sent_and_got(client, [_request(span, next(_run_ids))]) == []


async def test_types_pass_through_ndjson_and_show_in_grafana(client: httpx.AsyncClient) -> None:
    span = Span(name="call", start_time_unix_nano=5_000, end_time_unix_nano=2**64 - 1)
    odd = {"nan": math.nan, "raw": b"\xff\x00", "deep": [1.0, {"endless": -math.inf}], "password": "x"}
    add_attributes(span.attributes, odd)
    add_attributes(span.events.add(name="retry", time_unix_nano=2**64 - 1).attributes, odd)
    add_attributes(span.links.add(trace_id=b"\4" * 16, span_id=b"\5" * 8).attributes, odd)
    request = _request(span, run := next(_run_ids))
    assert await _sent_and_got(client, [request]) == []
    file = (await client.get(f"/api/runs/{run:032x}/export?format=ndjson")).content
    other = f"{next(_run_ids):032x}"
    renamed = file.replace(f"{run:032x}".encode(), other.encode())
    taken = await client.post("/api/runs/import", content=renamed, headers={"content-type": "application/x-ndjson"})
    assert (taken.status_code, taken.json()["runs"]) == (200, [other])
    first, second = [meaning_of([read_export(body)]) for body in await _exports(client, [f"{run:032x}", other])]
    assert list(first.values()) == list(second.values())
    grafana = await client.get(f"/tempo/api/traces/{other}", headers={"accept": "application/protobuf"})
    (shown,) = meaning_of([ExportTraceServiceRequest.FromString(grafana.content)]).values()
    sent = attributes_in(span.attributes)
    for name in ("nan", "raw", "deep"):
        assert shown.attributes[name] == shown.inner[2].attributes[name] == sent[name]


async def test_the_forms_that_json_may_have(client: httpx.AsyncClient) -> None:
    """Upper-case ids, enums by name, numbers as text or not, another alphabet of base64, what is not known here."""
    plain: dict[str, Any] = {
        "traceId": "ab" * 16, "spanId": "cd" * 8, "name": "call", "kind": 3, "startTimeUnixNano": "1795308986084596123",
        "endTimeUnixNano": "1795308986084596999", "status": {"code": 2, "message": "no"},
        "attributes": [
            {"key": "big", "value": {"intValue": "9007199254740993"}},
            {"key": "real", "value": {"doubleValue": 3.0}},
            {"key": "endless", "value": {"doubleValue": "-Infinity"}},
            {"key": "raw", "value": {"bytesValue": "+/8="}},
        ],
    }  # fmt: skip
    odd = {
        **plain, "traceId": "AB" * 16, "spanId": "CD" * 8, "kind": "SPAN_KIND_CLIENT", "later": {"x": 1},
        "startTimeUnixNano": 1795308986084596123, "status": {"code": "STATUS_CODE_ERROR", "message": "no"},
        "attributes": [
            {"key": "big", "value": {"intValue": 9007199254740993}},
            {"key": "real", "value": {"doubleValue": 3}},
            {"key": "endless", "value": {"doubleValue": "-Infinity"}},
            {"key": "raw", "value": {"bytesValue": "-_8"}},
        ],
    }  # fmt: skip
    answer = await client.post("/v1/traces", json=_json_of(odd))
    assert (answer.status_code, answer.json()) == (200, {})
    (body,) = await _exports(client, ["ab" * 16])
    assert differences(meaning_of([read_export(orjson.dumps(_json_of(plain)))]), meaning_of([read_export(body)])) == []


def _json_of(span: dict[str, Any]) -> dict[str, Any]:
    return {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
