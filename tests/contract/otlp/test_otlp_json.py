"""`POST /v1/traces` and `/v1/logs` in OTLP's JSON encoding, and what a busy service answers."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.integration.service.harness import RUN, START, running_app
from tests.support.otlp.requests import JSON, PROTOBUF, add_attributes, any_value, as_json, logs, traces
from tests.support.runs.live_runs import StoredRun

ROOT = "00f067aa0ba902b7"


def _span(**fields: Any) -> Span:
    given: dict[str, Any] = {
        "trace_id": bytes.fromhex(RUN), "span_id": bytes.fromhex(ROOT), "name": "work",
        "start_time_unix_nano": START * 1_000, "end_time_unix_nano": START * 1_000 + 5_000,
    }  # fmt: skip
    return Span(**given | fields)


@pytest.mark.parametrize("zipped", [False, True])
async def test_a_trace_in_json_becomes_a_run(redis_url: str, *, zipped: bool) -> None:
    span = _span()
    add_attributes(span.attributes, {"n": 2**53, "list": [1, "a"]})
    body = as_json(traces({"service.name": "shop"}, [span]))
    headers = {**JSON, "content-encoding": "gzip"} if zipped else {"content-type": "application/json; charset=utf-8"}
    async with running_app(redis_url) as client:
        answer = await client.post("/v1/traces", content=gzip.compress(body) if zipped else body, headers=headers)
        held = (await client.get(f"/api/traces/{RUN}/spans/{ROOT}")).json()
    assert (answer.status_code, answer.json()) == (200, {})
    assert answer.headers["content-type"] == "application/json"
    assert (held["name"], held["service"], held["attributes"]) == ("work", "shop", {"n": 2**53, "list": [1, "a"]})


async def test_partial_success_in_json(redis_url: str) -> None:
    request = traces({}, [_span(), _span(span_id=b"\0" * 8)])
    broken = as_json(logs({}, [LogRecord(trace_id=b"\1" * 16, span_id=b"\1" * 8)])).replace(b'"01', b'5, "x": "')
    async with running_app(redis_url) as client:
        answer = await client.post("/v1/traces", content=as_json(request), headers=JSON)
        of_logs = await client.post("/v1/logs", content=broken, headers=JSON)
    partial = answer.json()["partialSuccess"]
    assert (answer.status_code, partial["rejectedSpans"]) == (200, "1")
    assert "id" in partial["errorMessage"]
    assert of_logs.json()["partialSuccess"]["rejectedLogRecords"] == "1"


@pytest.mark.parametrize("path", ["/v1/traces", "/v1/logs"])
@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [
        (b"{", {}, (400, 3)),
        (b'{"resourceSpans":5,"resourceLogs":5}', {}, (400, 3)),
        (b"no gzip", {"content-encoding": "gzip"}, (400, 3)),
        (gzip.compress(b" " * 300_000), {"content-encoding": "gzip"}, (413, 8)),
        (b"x" * 100_001, {}, (413, 8)),
        (b"{}", {"content-encoding": "br"}, (415, 12)),
    ],
    ids=["garbage", "wrong type", "no gzip", "bomb", "large", "brotli"],
)
async def test_refusals_in_json_are_a_status(
    new_redis_url: str, path: str, body: bytes, headers: dict[str, str], expected: tuple[int, int]
) -> None:
    limits: dict[str, Any] = {"max_ingest_bytes": 100_000, "max_ingest_decoded_bytes": 200_000}
    async with running_app(new_redis_url, **limits) as client:
        answer = await client.post(path, content=body, headers=JSON | headers)
    assert (answer.status_code, answer.json()["code"]) == expected
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["message"]


async def test_a_sender_is_told_to_come_again_when_too_much_is_under_way(new_redis_url: str) -> None:
    async with running_app(new_redis_url) as client:
        room = client.app.state.services.receiver.budget  # type: ignore[attr-defined]
        with room.hold() as hold:
            hold.take(room.limit)
            answer = await client.post("/v1/logs", content=as_json(logs({}, [])), headers=JSON)
        again = await client.post("/v1/logs", content=as_json(logs({}, [])), headers=JSON)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["details"] == [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1s"}]
    assert again.status_code == 200
    assert room.held == 0


async def test_json_and_protobuf_of_the_same_span_are_one(redis_url: str) -> None:
    request = traces({}, [_span(name="as sent first")])
    async with running_app(redis_url) as client:
        await client.post("/v1/traces", content=as_json(request), headers=JSON)
        await client.post("/v1/traces", content=request.SerializeToString(), headers=PROTOBUF)
    assert StoredRun(redis_url, RUN).names() == ["span_complete"]


async def test_the_body_of_a_log_record_may_be_anything(redis_url: str) -> None:
    bodies = ["text", None, 5, 0.5, True, {"a": {"b": 1}, "password": "hunter2"}, [1, "x"], b"\0"]
    records = [
        LogRecord(
            trace_id=bytes.fromhex(RUN), span_id=bytes.fromhex(ROOT), time_unix_nano=(START + n) * 1_000, flags=1,
            body=None if body is None else any_value(body),
        )
        for n, body in enumerate(bodies)
    ]  # fmt: skip
    async with running_app(redis_url) as client:
        await client.post("/v1/logs", content=as_json(logs({}, records)), headers=JSON)
    assert [event["message"] for event in StoredRun(redis_url, RUN).events] == [
        "text", "", "5", "0.5", "true", '{"a":{"b":1},"password":"[redacted]"}', '[1,"x"]', "AA=="
    ]  # fmt: skip
