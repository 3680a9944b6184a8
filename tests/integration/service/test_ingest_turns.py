"""Large requests do not keep the event loop for themselves."""

from __future__ import annotations

import contextlib

import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from redis.asyncio import Redis

from bench.support.odd_requests import Shape, shapes
from spantail.redaction import Redactor
from spantail_service.ingest.decoding.body import MalformedRequestError, TooManyError
from spantail_service.ingest.decoding.entries import Received, Signal
from spantail_service.ingest.receiver import OtlpReceiver
from tests.integration.service.harness import RUN, START
from tests.support.cpu_time import watched_turns
from tests.support.otlp.requests import any_value, logs, traces
from tests.support.runs.live_runs import StoredRun

_MESSAGE = "an order took some time for a customer " * 500


def _spans() -> bytes:
    spans = []
    for number in range(1, 121):
        span = Span(
            trace_id=bytes.fromhex(RUN), span_id=number.to_bytes(8), name="x", start_time_unix_nano=START * 1_000
        )
        for key in range(8):
            span.attributes.add(key=f"k{key}").value.string_value = _MESSAGE
        spans.append(span)
    return bytes(traces({}, spans).SerializeToString())


def _logs() -> bytes:
    records = [
        LogRecord(
            time_unix_nano=START * 1_000 + number, trace_id=bytes.fromhex(RUN), span_id=b"12345678", flags=1,
            body=any_value(f"{number} {_MESSAGE}"),
        )
        for number in range(500)
    ]  # fmt: skip
    return bytes(logs({}, records).SerializeToString())


@pytest.mark.parametrize(("signal", "body", "count"), [(Signal.TRACES, _spans(), 120), (Signal.LOGS, _logs(), 500)])
async def test_others_go_on_while_a_large_request_is_taken(
    new_redis_url: str, signal: Signal, body: bytes, count: int
) -> None:
    redis = Redis.from_url(new_redis_url)
    receiver = OtlpReceiver(redis, Redactor.from_environment(), max_bytes=2**24, max_decoded_bytes=2**26)
    try:
        async with watched_turns() as turns:
            assert await receiver.receive(signal, body) == Received(0, "")
        assert turns.longest_s < turns.total_s / 5
        await receiver.receive(signal, body)
        assert len(StoredRun(new_redis_url, RUN).names()) == count, "a request that comes again changes nothing"
    finally:
        await redis.aclose()


ODD = [shape for shape in shapes(0.6) if shape.path.startswith("/v1/")]


@pytest.mark.parametrize("shape", ODD, ids=[shape.name for shape in ODD])
async def test_others_go_on_whatever_is_sent(new_redis_url: str, shape: Shape) -> None:
    redis = Redis.from_url(new_redis_url)
    receiver = OtlpReceiver(redis, Redactor.from_environment(), max_bytes=2**24, max_decoded_bytes=2**26)
    signal = Signal.TRACES if shape.path == "/v1/traces" else Signal.LOGS
    try:
        async with watched_turns() as turns:
            with contextlib.suppress(MalformedRequestError, TooManyError):
                said = await receiver.receive(
                    signal, shape.body, is_json=shape.headers["content-type"].endswith("json")
                )
                # log records without a span are counted as passed over: they are no error; nor is an empty list
                taken = receiver.counts[signal.value] or b'":[]' in b"".join(shape.body.split())
                assert said.reason or taken or receiver.passed_over, "not taken, without a word"
        assert turns.longest_s < 0.2
    finally:
        await redis.aclose()
