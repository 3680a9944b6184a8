"""`POST /v1/traces` in protobuf: OTLP/HTTP in (OTLP specification 1.x, section "OTLP/HTTP")."""

from __future__ import annotations

import gzip
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import Status as SpanStatus

from bench.support.ports import free_port
from tests.integration.service.harness import RUN, START, poll_to_the_end, running_app, spantail_process
from tests.support.runs.live_runs import StoredRun, fold

if TYPE_CHECKING:
    import httpx
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

PROTOBUF = {"content-type": "application/x-protobuf"}
ROOT, CHILD, CALL = "00f067aa0ba902b7", "00f067aa0ba902b8", "00f067aa0ba902b9"


def _request(service: str = "shop", **resource: bool) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add()
    spans.resource.attributes.add(key="service.name").value.string_value = service
    for name, value in resource.items():
        spans.resource.attributes.add(key=name.replace("_", ".")).value.bool_value = value
    spans.scope_spans.add().scope.name = "test"
    return request


def _add(
    request: ExportTraceServiceRequest, span_id: str, parent: str = "", name: str = "work", **attributes: Any
) -> Span:
    span: Span = request.resource_spans[0].scope_spans[0].spans.add()
    span.trace_id, span.span_id = bytes.fromhex(RUN), bytes.fromhex(span_id)
    span.parent_span_id, span.name = bytes.fromhex(parent), name
    span.start_time_unix_nano, span.end_time_unix_nano = START * 1000, (START + 5) * 1000
    for key, value in attributes.items():
        pair = span.attributes.add(key=key.replace("__", "."))
        kind = {str: "string_value", int: "int_value", float: "double_value", bool: "bool_value"}[type(value)]
        setattr(pair.value, kind, value)
    return span


def _trace() -> ExportTraceServiceRequest:
    """A child before its parent, as exporters send them."""
    request = _request()
    _add(request, CALL, CHILD, "chat m", gen_ai__operation__name="chat", gen_ai__provider__name="openai",
         gen_ai__request__model="m", gen_ai__usage__prompt_tokens=12, gen_ai__usage__output_tokens=3,
         gen_ai__usage__cost=0.000123)  # fmt: skip
    failed = _add(request, CHILD, ROOT, "charge", http__status_code=500)
    failed.status.code, failed.status.message = SpanStatus.STATUS_CODE_ERROR, "declined"
    note = failed.events.add(name="exception", time_unix_nano=(START + 2) * 1000)
    for key, text in (("type", "ValueError"), ("message", "no"), ("stacktrace", "Traceback …")):
        note.attributes.add(key=f"exception.{key}").value.string_value = text
    failed.events.add(name="retry", time_unix_nano=(START + 1) * 1000)
    failed.links.add(trace_id=b"\1" * 16, span_id=b"\2" * 8)
    _add(request, ROOT, name="GET /cart")
    return request


async def _send(client: httpx.AsyncClient, request: ExportTraceServiceRequest | bytes, **headers: str) -> Any:
    body = request if isinstance(request, bytes) else request.SerializeToString()
    return await client.post("/v1/traces", content=body, headers=PROTOBUF | headers)


async def test_a_trace_becomes_a_run(redis_url: str) -> None:
    async with running_app(redis_url) as client:
        answer = await _send(client, _trace())
        events = await poll_to_the_end(client, RUN)
        snapshot = (await client.get(f"/api/traces/{RUN}")).json()
        (item,) = (await client.get("/api/runs")).json()["runs"]
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/x-protobuf"
    assert ExportTraceServiceResponse.FromString(answer.content) == ExportTraceServiceResponse()
    assert [e["event"] for e in events] == ["llm_call_complete", "retry", "span_error", "span_complete"]
    spans = {span["span_id"]: span for span in snapshot["spans"]}
    assert {span_id: span["parent_id"] for span_id, span in spans.items()} == {
        ROOT: None, CHILD: ROOT, CALL: CHILD
    }  # fmt: skip
    call = spans[CALL]
    assert (call["kind"], call["backend"], call["model"]) == ("llm_call", "openai", "m")
    assert call["tokens"] == {"input": 12, "output": 3}
    assert (call["cost_nano"], call["cost_source"]) == (123_000, "provider")
    charge = spans[CHILD]
    assert charge["error"] == {"type": "ValueError", "message": "no", "traceback": "Traceback …"}
    assert charge["links"] == [{"run_id": "01" * 16, "span_id": "02" * 8, "attributes": {}}]
    assert charge["attributes"] == {"http.status_code": 500}
    assert (charge["start"], charge["end"]) == (START, START + 5)
    assert (item["name"], item["service"], item["status"]) == ("GET /cart", "shop", "completed")
    assert (item["spans"], item["errors"], item["cost_nano"]) == (3, 1, 123_000)


async def test_values_of_every_kind(redis_url: str) -> None:
    request = _request()
    span = _add(request, ROOT, text="ü", whole=2**53 - 1, real=0.5, yes=True)
    items = [AnyValue(string_value="a"), AnyValue(int_value=1)]
    span.attributes.append(KeyValue(key="list", value=AnyValue(array_value=ArrayValue(values=items))))
    pairs = KeyValueList(values=[KeyValue(key="in", value=AnyValue(double_value=1.5))])
    span.attributes.append(KeyValue(key="map", value=AnyValue(kvlist_value=pairs)))
    span.attributes.append(KeyValue(key="bytes", value=AnyValue(bytes_value=b"\0\1")))
    span.attributes.append(KeyValue(key="nan", value=AnyValue(double_value=float("nan"))))
    span.attributes.append(KeyValue(key="none", value=AnyValue()))
    async with running_app(redis_url) as client:
        assert (await _send(client, request)).status_code == 200
        attributes = (await client.get(f"/api/traces/{RUN}/spans/{ROOT}")).json()["attributes"]
    assert attributes["text"] == "ü"
    assert attributes["whole"] == 2**53 - 1
    assert (attributes["real"], attributes["yes"]) == (0.5, True)
    assert attributes["list"] == ["a", 1]
    assert attributes["map"] == {"in": 1.5}
    assert attributes["bytes"] == "AAE="


async def test_the_same_request_twice_changes_nothing(redis_url: str) -> None:
    async with running_app(redis_url) as client:
        await _send(client, _trace())
        before = StoredRun(redis_url, RUN)
        await _send(client, _trace())
    after = StoredRun(redis_url, RUN)
    assert after.events == before.events
    assert after.spans == before.spans == fold(after.events)
    assert after.meta.keys() == before.meta.keys()
    assert after.meta["b:openai:calls"] == "1"


async def test_gzip(redis_url: str) -> None:
    body = _trace().SerializeToString()
    members = gzip.compress(body[:40]) + gzip.compress(body[40:])  # RFC 1952 §2.2: members in a row are one
    async with running_app(redis_url) as client:
        answer = await _send(client, members, **{"content-encoding": "GZIP"})
    assert answer.status_code == 200
    assert len(StoredRun(redis_url, RUN).spans) == 3


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"\xff\xff\xff", {}, 400),
        (b'{"resourceSpans":[]}', {}, 400),
        (b"no gzip", {"content-encoding": "gzip"}, 400),
        (gzip.compress(b"") * 65, {"content-encoding": "gzip"}, 400),
        (gzip.compress(b"x" * 1000)[:-12], {"content-encoding": "gzip"}, 400),
        (gzip.compress(b"x" * 300_000), {"content-encoding": "gzip"}, 413),
        (gzip.compress(b"x" * 199_999) + gzip.compress(b"yy"), {"content-encoding": "gzip"}, 413),
        (b"x" * 100_001, {}, 413),
        (b"", {"content-encoding": "br"}, 415),
    ],
    ids=["garbage", "json", "no gzip", "many members", "cut off", "bomb", "bomb in members", "large", "brotli"],
)
async def test_refusals_are_a_status_message(redis_url: str, body: bytes, headers: dict[str, str], status: int) -> None:
    limits: dict[str, Any] = {"max_ingest_bytes": 100_000, "max_ingest_decoded_bytes": 200_000}
    async with running_app(redis_url, **limits) as client:
        answer = await _send(client, body, **headers)
        runs = (await client.get("/api/runs")).json()["runs"]
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/x-protobuf"
    assert Status.FromString(answer.content).message
    assert runs == []


async def test_other_encodings_are_415(redis_url: str) -> None:
    async with running_app(redis_url) as client:
        answer = await client.post("/v1/traces", content=b"", headers={"content-type": "application/xml"})
    assert answer.status_code == 415
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_body_that_grows_while_it_is_read_is_413(redis_url: str) -> None:
    async def parts() -> Any:
        for _ in range(20):
            yield b"x" * 1_000

    async with running_app(redis_url, max_ingest_bytes=10_000) as client:
        answer = await client.post("/v1/traces", content=parts(), headers=PROTOBUF)
    assert answer.status_code == 413


async def test_spans_with_impossible_ids_are_rejected_the_others_taken(redis_url: str) -> None:
    request = _trace()
    for span_id, trace_id, parent in (
        (b"\0" * 8, b"\1" * 16, b""),
        (b"\1" * 8, b"\0" * 16, b""),
        (b"\1" * 7, b"\1" * 16, b""),
        (b"\1" * 8, b"\1" * 15, b""),
        (b"\1" * 8, b"\1" * 16, b"\1" * 3),
    ):
        span = _add(request, ROOT)
        span.span_id, span.trace_id, span.parent_span_id = span_id, trace_id, parent
    async with running_app(redis_url) as client:
        answer = await _send(client, request)
    partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert answer.status_code == 200
    assert partial.rejected_spans == 5
    assert "id" in partial.error_message
    assert len(StoredRun(redis_url, RUN).spans) == 3


async def test_spans_that_the_live_tier_has_do_not_come_twice(redis_url: str) -> None:
    async with running_app(redis_url) as client:
        returned = _request(spantail_live=True)
        _add(returned, ROOT, name="GET /cart")
        first = await _send(client, returned)
        own = _request(spantail_live=False)  # how our own server spans are marked
        _add(own, "1" * 16, name="POST /api/jobs/search").trace_id = b"\7" * 16
        second = await _send(client, own)
        runs = (await client.get("/api/runs")).json()["runs"]
        counts = client.app.state.services.receiver.counts  # type: ignore[attr-defined]
    for answer in (first, second):
        assert (answer.status_code, answer.content) == (200, b""), "nothing is rejected: the sender did nothing wrong"
    assert runs == []
    assert counts["traces.passed_over.live"] == 2


async def test_an_empty_request_is_fine(redis_url: str) -> None:
    async with running_app(redis_url) as client:
        answer = await _send(client, b"")
    assert (answer.status_code, answer.content) == (200, b"")


async def test_without_redis_the_sender_is_told_to_come_again() -> None:
    async with running_app(f"redis://127.0.0.1:{free_port()}/0") as client:
        answer = await _send(client, _trace())
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert Status.FromString(answer.content).code == 14  # UNAVAILABLE


_STOCK_APP = """
import sys
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

provider = TracerProvider(resource=Resource.create({"service.name": "stock"}))
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=sys.argv[1], compression=None)))
tracer = provider.get_tracer("app")
with tracer.start_as_current_span("checkout") as root:
    for n in range(3):
        with tracer.start_as_current_span(f"step {n}"):
            with tracer.start_as_current_span("query", attributes={"n": n}):
                pass
    try:
        with tracer.start_as_current_span("charge"):
            raise ValueError("declined")
    except ValueError:
        pass
    print(format(root.get_span_context().trace_id, "032x"))
assert provider.force_flush()
provider.shutdown()
"""


def test_a_stock_application_is_a_run_with_a_right_tree(redis_url: str) -> None:
    import httpx

    with spantail_process("serve", "--port", "0", "--redis-url", redis_url) as service:
        service.await_ready()
        app = subprocess.run(
            [sys.executable, "-c", _STOCK_APP, f"{service.url}/v1/traces"],
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        run_id = app.stdout.strip()
        frame = httpx.get(f"{service.url}/api/logs/{run_id}").json()
        snapshot = httpx.get(f"{service.url}/api/traces/{run_id}").json()
        assert service.stop() == 0
    names = {span["span_id"]: span["name"] for span in snapshot["spans"]}
    tree = sorted((names.get(span["parent_id"], ""), span["name"]) for span in snapshot["spans"])
    assert tree == [
        ("", "checkout"), ("checkout", "charge"), ("checkout", "step 0"), ("checkout", "step 1"),
        ("checkout", "step 2"), ("step 0", "query"), ("step 1", "query"), ("step 2", "query"),
    ]  # fmt: skip
    failed = next(span for span in snapshot["spans"] if span["name"] == "charge")
    assert failed["status"] == "error"
    assert failed["error"]["type"] == "ValueError"
    assert "declined" in failed["error"]["traceback"]
    assert frame["status"] == "completed"
    assert frame["next_index"] == frame["expected_log_count"] == 8
    assert snapshot["run"]["service"] == "stock"
