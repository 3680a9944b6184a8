"""Senders that say little or nothing: they are ended, they take no memory, and everybody else is served meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import time
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spantail_service.ingest import otlp_grpc
from spantail_service.ingest.otlp_grpc import OtlpGrpcServer
from spantail_service.web.slow_senders import HEAD_BYTES, BoundedHttp
from tests.integration.service.harness import RUN, Writer
from tests.support.service.served import Served, next_frame, served_app
from tests.support.waiting import eventually_async

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TOKEN = "correct-horse-battery-staple"
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_TRICKLE = b"x: y\r\n"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections are looked at often, and have little time."""
    for name, value in (("check_s", 0.05), ("head_s", 0.5), ("body_s", 0.5)):
        monkeypatch.setattr(BoundedHttp, name, value)


@pytest.fixture
async def service(impatient: None, new_redis_url: str) -> AsyncIterator[Served]:
    with Writer(new_redis_url) as writer:
        writer.lines(RUN, 1)
    async with served_app(new_redis_url) as service:
        yield service


async def _trickled(service: Served, first: bytes, more: bytes) -> bytes:
    """What is answered to somebody who sends `first`, and `more` again and again, until the service closes."""
    host, _, port = service.address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    answer = b""
    try:
        writer.write(first)
        async with asyncio.timeout(20):
            while not reader.at_eof():
                with contextlib.suppress(TimeoutError):
                    answer += await asyncio.wait_for(reader.read(65_536), 0.05)
                if more:
                    writer.write(more)
    except ConnectionError:
        pass  # closed while there was more to send
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    return answer


@pytest.mark.parametrize(
    ("first", "more"),
    [
        (b"", b""),
        (b"GET /api/ru", b""),
        (b"GET /api/runs HTTP/1.1\r\nHost: localhost\r\n", _TRICKLE),
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /api", b""),
        (b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n", b"x"),
        (b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"POST /api/runs/import HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n", b""),
        ((b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
          b"Content-Length: 99\r\n\r\ntoken="), b""),
    ],
    ids=["nothing", "target", "headers", "second head", "body", "chunks", "import", "login"],
)  # fmt: skip
async def test_what_does_not_come_is_not_waited_for(service: Served, first: bytes, more: bytes) -> None:
    await _trickled(service, first, more)  # returns, which is the test
    async with service.client() as client:
        assert (await client.get("/healthz")).status_code == 200
    assert len(service.server.server_state.connections) <= 1


async def test_a_sender_loses_no_time_while_the_service_does_not_listen(service: Served) -> None:
    host, _, port = service.address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    await eventually_async(lambda: service.server.server_state.connections)
    time.sleep(BoundedHttp.head_s * 2)  # noqa: ASYNC251 - the service is in this event loop, and stands still
    await asyncio.sleep(BoundedHttp.check_s * 2)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    assert answer.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "first",
    [b"GET /" + b"a" * 300_000, b"GET / HTTP/1.1\r\nx: " + b"a" * 300_000, b"GET / HTTP/1.1\r\n" + _TRICKLE * 50_000,
     b"POST /v1/traces HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: " + b"a" * 400_000],
    ids=["target", "header", "headers", "trailer"],
)  # fmt: skip
async def test_a_head_without_end_is_refused(service: Served, first: bytes) -> None:
    answer = await _trickled(service, first, b"a" * 1_000)
    assert answer == b"" or b"400 Bad Request" in answer


async def test_what_comes_slowly_but_comes_is_taken(service: Served) -> None:
    body = b"\n" + b" " * 12_000
    host, _, port = service.address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n"
    )
    writer.write(b"Content-Length: %d\r\n\r\n" % (len(body) + 2))
    begun = time.monotonic()
    for at in range(0, len(body), 1_500):
        writer.write(body[at : at + 1_500])
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.15)  # nothing is said yet, nor is the connection closed
    writer.write(b"{}")
    answer = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    assert time.monotonic() - begun > BoundedHttp.body_s * 2
    assert answer.startswith(b"HTTP/1.1 200")


async def test_a_body_that_has_come_is_no_head(service: Served) -> None:
    async with service.client() as client:
        for size in (HEAD_BYTES - 100, HEAD_BYTES + 1, 3_000_000):
            answer = await client.post(
                "/v1/traces", content=b"{" + b" " * size + b"}", headers={"content-type": "application/json"}
            )
            assert answer.status_code == 200, answer.text


@pytest.mark.alone
async def test_many_who_say_nothing_keep_nobody_out(service: Served) -> None:
    """Half of them have begun a request; a thousand WebSockets watch a run in which nothing happens."""
    host, _, port = service.address.partition(":")
    async with contextlib.AsyncExitStack() as stack:
        sockets = [
            await stack.enter_async_context(service.watch(RUN, ping_interval=None, open_timeout=30))
            for _ in range(1_000)
        ]
        for number in range(300):
            _, writer = await asyncio.open_connection(host, int(port))
            stack.callback(writer.close)
            writer.write(b"GET /api/runs HTTP/1.1\r\n" if number % 2 else b"")
        waits = []
        async with service.client() as client:
            for _ in range(20):
                begun = time.monotonic()
                assert (await client.get("/healthz")).status_code == 200
                waits.append(time.monotonic() - begun)
        assert sorted(waits)[10] < 0.25
        for socket in sockets[::100]:
            assert (await next_frame(socket))["run_id"] == RUN


# ---------------------------------------------------------------------------------------------------------------- gRPC


@pytest.fixture
async def grpc_address(new_redis_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    monkeypatch.setattr(otlp_grpc, "MESSAGE_S", 0.5)
    monkeypatch.setattr(otlp_grpc, "_REQUESTS", 8)
    async with _grpc_door(new_redis_url) as address:
        yield address


@contextlib.asynccontextmanager
async def _grpc_door(redis_url: str) -> AsyncIterator[str]:
    async with served_app(redis_url, token=TOKEN) as service:
        server = OtlpGrpcServer(
            service.services.receiver, service.app.state.guard, host="127.0.0.1", port=0, max_bytes=1_000_000
        )
        port = await server.start()
        try:
            yield f"127.0.0.1:{port}"
        finally:
            await server.stop(1.0)
            gc.collect()  # gRPC's thread ends with the last of its objects, and refused calls hold on to each other


async def _code(call: Any) -> grpc.StatusCode:
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


async def test_requests_without_a_message_end_and_without_the_token_at_once(grpc_address: str) -> None:
    bearer = (("authorization", f"Bearer {TOKEN}"),)
    async with grpc.aio.insecure_channel(grpc_address) as channel:
        export: Any = channel.unary_unary(EXPORT)
        silent: Any = channel.stream_unary(EXPORT)
        # a request that has been opened and not written to
        nobody = [silent() for _ in range(20)]
        codes = [await asyncio.wait_for(_code(call), 20) for call in nobody]
        assert set(codes) <= {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.RESOURCE_EXHAUSTED}
        held = [silent(metadata=bearer) for _ in range(6)]
        assert await export(b"", metadata=bearer, timeout=20) == b""  # there is room for others meanwhile
        assert {await asyncio.wait_for(_code(call), 20) for call in held} == {grpc.StatusCode.DEADLINE_EXCEEDED}
        assert await export(ExportTraceServiceRequest().SerializeToString(), metadata=bearer, timeout=20) == b""


@pytest.mark.parametrize(
    ("method", "body", "metadata"),
    [(EXPORT, b"\xff" * 100, {}), (EXPORT, b"\x0a\x00" * 1_000, {}), (EXPORT, b"x" * 2_000_000, {}), (EXPORT + "X",
    b"", {}),
     ("/x/y", b"", {}), (EXPORT, b"", {"x-odd-bin": b"\x00\xff"}), (EXPORT, b"", {"grpc-encoding": "nothing"}),
     (EXPORT, b"", {"authorization": "Bearer wrong"}), (EXPORT, b"", {"authorization": ""})],
)  # fmt: skip
async def test_odd_grpc_requests_are_answered(
    grpc_address: str, method: str, body: bytes, metadata: dict[str, Any]
) -> None:
    given = {"authorization": f"Bearer {TOKEN}", **metadata}
    async with grpc.aio.insecure_channel(grpc_address, options=[("grpc.max_send_message_length", -1)]) as channel:
        odd: Any = channel.unary_unary(method)
        good: Any = channel.unary_unary(EXPORT)
        code = await asyncio.wait_for(_code(odd(body, metadata=tuple(given.items()))), 20)
        assert code not in (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN)
        assert await good(b"", metadata=(("authorization", f"Bearer {TOKEN}"),), timeout=20) == b""


async def test_few_grpc_messages_are_received_at_a_time(new_redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who says nothing takes a turn, the last one for a short time only: the others are read meanwhile."""
    monkeypatch.setattr(otlp_grpc, "MESSAGE_S", 15.0)
    monkeypatch.setattr(otlp_grpc, "LAST_MESSAGE_S", 0.2)
    monkeypatch.setattr(otlp_grpc, "_READ_AT_A_TIME", 2)
    bearer = (("authorization", f"Bearer {TOKEN}"),)
    async with _grpc_door(new_redis_url) as address, grpc.aio.insecure_channel(address) as channel:
        silent: Any = channel.stream_unary(EXPORT)
        export: Any = channel.unary_unary(EXPORT)
        held = [asyncio.ensure_future(_code(silent(metadata=bearer))) for _ in range(4)]
        assert await export(b"", metadata=bearer, timeout=10) == b""
        for code in [await one for one in itertools.islice(asyncio.as_completed(held), 3)]:
            assert code is grpc.StatusCode.DEADLINE_EXCEEDED
        (last,) = (one for one in held if not one.done())
        last.cancel()
        await asyncio.wait({last})
