"""OTLP/gRPC: the stock exporter, the answers of the specification, and a port that is taken."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import tracemalloc
import zlib
from typing import TYPE_CHECKING, Any

import grpc
import httpx
import pytest
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from redis.asyncio import Redis

from bench.support.ports import free_port
from spantail.redaction import Redactor
from spantail_service.app import guard_of
from spantail_service.ingest import otlp_grpc
from spantail_service.ingest.receiver import OtlpReceiver
from spantail_service.settings import Settings
from tests.integration.service.harness import RUN, spantail_process
from tests.support.otlp.requests import any_value, logs, traces
from tests.support.runs.live_runs import StoredRun
from tests.support.service.grpc_address import grpc_address
from tests.support.waiting import eventually_async

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.service.harness import Service
    from tests.support.redis.servers import RedisServer

TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
LOGS = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
ROOT = "00f067aa0ba902b7"


def grpc_port(service: Service) -> int:
    return int(grpc_address(lambda: service.output).rpartition(":")[2])


@pytest.fixture
def service(redis_server: RedisServer) -> Iterator[Service]:
    with spantail_process(
        "serve", "--port", "0", "--redis-url", redis_server.url, SPANTAIL_OTLP_GRPC_PORT="0"
    ) as service:
        service.await_ready()
        yield service
        assert service.stop() == 0


@pytest.fixture
def channel(service: Service) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(f"127.0.0.1:{grpc_port(service)}") as channel:
        yield channel


def call(channel: grpc.Channel, method: str, body: bytes, **options: Any) -> bytes:
    export: Any = channel.unary_unary(method)  # without serialisers it takes and gives bytes
    answer: bytes = export(body, timeout=20, **options)
    return answer


def test_a_stock_exporter_and_what_it_is_answered(
    service: Service, channel: grpc.Channel, redis_server: RedisServer
) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    exporter = OTLPSpanExporter(
        endpoint=f"127.0.0.1:{grpc_port(service)}", insecure=True, compression=grpc.Compression.Gzip
    )
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with provider.get_tracer("app", "1.2").start_as_current_span("checkout") as span:
        run_id = f"{span.get_span_context().trace_id:032x}"
    provider.shutdown()
    snapshot = httpx.get(f"{service.url}/api/traces/{run_id}").json()
    (stored,) = snapshot["spans"]
    assert (stored["name"], stored["status"]) == ("checkout", "ok")
    assert snapshot["scopes"] == {stored["scope"]: {"name": "app", "version": "1.2"}}
    assert snapshot["resources"] == {stored["resource"]: {"attributes": dict(provider.resource.attributes)}}

    good = LogRecord(trace_id=bytes.fromhex(RUN), span_id=bytes.fromhex(ROOT), flags=1, body=any_value("hello"))
    assert call(channel, LOGS, logs({}, [good]).SerializeToString()) == b"", "nothing to tell"
    assert StoredRun(redis_server.url, RUN).names() == ["log"]
    partial = ExportLogsServiceResponse.FromString(call(channel, LOGS, _broken_body())).partial_success
    assert (partial.rejected_log_records, bool(partial.error_message)) == (1, True)

    with pytest.raises(grpc.RpcError) as refused:
        call(channel, TRACES, b"\xff\xff")
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    answer = call(channel, "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", b"")
    assert "OTEL_METRICS_EXPORTER=none" in ExportMetricsServiceResponse.FromString(answer).partial_success.error_message
    with pytest.raises(grpc.RpcError) as unknown:
        call(channel, "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export", b"")
    assert unknown.value.code() is grpc.StatusCode.UNIMPLEMENTED


def _broken_body() -> bytes:
    """A log request whose one record has a body that is no AnyValue."""
    record = bytes([5 << 3 | 2, 1, 0xFF])
    of_scope = bytes([2 << 3 | 2, len(record)]) + record
    of_resource = bytes([2 << 3 | 2, len(of_scope)]) + of_scope
    return bytes([1 << 3 | 2, len(of_resource)]) + of_resource


def test_what_is_too_large_is_refused_before_and_after_it_is_unzipped(channel: grpc.Channel) -> None:
    limit = 16_777_216  # SPANTAIL_MAX_INGEST_BYTES
    zeros = traces({"x": "0" * (2 * limit)}, []).SerializeToString()
    assert len(zlib.compress(zeros)) < limit / 100
    for compression in (grpc.Compression.NoCompression, grpc.Compression.Gzip):
        with pytest.raises(grpc.RpcError) as refused:
            call(channel, TRACES, zeros, compression=compression)
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert call(channel, TRACES, traces({}, [Span(trace_id=b"\1" * 16, span_id=b"\1" * 8)]).SerializeToString()) == b""


def test_without_redis_the_sender_is_told_when_to_come_again() -> None:
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    with spantail_process("serve", "--port", "0", "--redis-url", nowhere, SPANTAIL_OTLP_GRPC_PORT="0") as service:
        service.await_ready()
        with (
            grpc.insecure_channel(f"127.0.0.1:{grpc_port(service)}") as channel,
            pytest.raises(grpc.RpcError) as refused,
        ):
            call(channel, TRACES, traces({}, [Span(trace_id=b"\1" * 16, span_id=b"\1" * 8)]).SerializeToString())
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    trailing: Any = refused.value.trailing_metadata()
    status = Status.FromString(dict(trailing)["grpc-status-details-bin"])
    info = RetryInfo()
    assert status.details[0].Unpack(info)
    assert info.retry_delay.seconds == 1


def test_the_token_is_wanted_here_too(redis_server: RedisServer) -> None:
    with spantail_process(
        "serve", "--port", "0", "--redis-url", redis_server.url, SPANTAIL_OTLP_GRPC_PORT="0", SPANTAIL_TOKEN="swordfish"
    ) as service:
        service.await_ready()
        with grpc.insecure_channel(f"127.0.0.1:{grpc_port(service)}") as channel:
            for metadata in ((), (("authorization", "Bearer herring"),), (("authorization", "swordfish"),)):
                with pytest.raises(grpc.RpcError) as refused:
                    call(channel, TRACES, b"", metadata=metadata)
                assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
            assert call(channel, TRACES, b"", metadata=(("authorization", "Bearer swordfish"),)) == b""


def test_where_the_port_is_taken_http_goes_on_alone(service: Service, redis_server: RedisServer) -> None:
    taken = grpc_port(service)
    with spantail_process(
        "serve", "--port", "0", "--redis-url", redis_server.url, SPANTAIL_OTLP_GRPC_PORT=str(taken)
    ) as second:
        second.await_ready()
        assert f"port {taken} on 127.0.0.1 is taken" in second.output
        assert "add_port" not in second.output, "a line of gRPC itself"
        assert (
            httpx.post(f"{second.url}/v1/traces", headers={"content-type": "application/x-protobuf"}).status_code == 200
        )
        assert second.stop() == 0


@pytest.mark.allow_leaks  # gRPC's own thread
async def test_more_requests_than_are_held_are_refused(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(otlp_grpc, "_REQUESTS", 2)
    redis = Redis.from_url(redis_server.url)
    receiver = OtlpReceiver(redis, Redactor.from_environment(), max_bytes=2**20, max_decoded_bytes=2**20)
    guard = guard_of(Settings(redis_url=redis_server.url))
    server = otlp_grpc.OtlpGrpcServer(receiver, guard, host="127.0.0.1", port=0, max_bytes=2**20)
    port = await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            export: Any = channel.unary_unary(TRACES)
            body = traces({}, []).SerializeToString()
            async with contextlib.AsyncExitStack() as slots:
                while not receiver._slots.locked():
                    await slots.enter_async_context(receiver._slots)
                waiting = [asyncio.ensure_future(export(body, timeout=20)) for _ in range(2)]
                await eventually_async(lambda: len(receiver._slots._waiters or ()) == 2)
                with pytest.raises(grpc.aio.AioRpcError) as refused:
                    await export(body, timeout=20)
                assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert await asyncio.gather(*waiting) == [b"", b""]
    finally:
        await server.stop(1.0)
        await redis.aclose()


@pytest.mark.allow_leaks  # gRPC's own thread
async def test_a_message_is_not_kept_once_it_is_answered(new_redis_url: str) -> None:
    """It is freed at once, not when the garbage collector comes by."""
    redis = Redis.from_url(new_redis_url)
    receiver = OtlpReceiver(redis, Redactor.from_environment(), max_bytes=2**22, max_decoded_bytes=2**22)
    guard = guard_of(Settings(redis_url=new_redis_url))
    server = otlp_grpc.OtlpGrpcServer(receiver, guard, host="127.0.0.1", port=0, max_bytes=2**22)
    port = await server.start()
    body = b"\x0a\x00" * 1_000_000
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            export: Any = channel.unary_unary(TRACES)
            for _ in range(8):
                with pytest.raises(grpc.aio.AioRpcError) as refused:
                    await export(body, timeout=20)
                assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert tracemalloc.get_traced_memory()[0] < 3 * len(body)
    finally:
        tracemalloc.stop()
        gc.enable()
        await server.stop(1.0)
        await redis.aclose()
