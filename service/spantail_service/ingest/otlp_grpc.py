"""OTLP/gRPC in: the services `TraceService` and `LogsService` of OTLP 1.x, on a port of their own.

Requests are handed on as the bytes they came in: the same way that OTLP/HTTP takes from there.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from typing import TYPE_CHECKING, Any, Final, NoReturn

import grpc
from google.rpc.code_pb2 import (  # type: ignore[import-untyped]
    DEADLINE_EXCEEDED,
    INTERNAL,
    RESOURCE_EXHAUSTED,
    UNAUTHENTICATED,
)

from spantail_service.access.rate_limits import client_of
from spantail_service.ingest.answers import Refusal, no_metrics, refusal_of, response_bytes
from spantail_service.ingest.decoding.entries import Received, Signal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from spantail_service.access.guard import Guard
    from spantail_service.ingest.receiver import OtlpReceiver

logger = logging.getLogger(__name__)

_METHODS: Final = {
    "opentelemetry.proto.collector.trace.v1.TraceService": Signal.TRACES,
    "opentelemetry.proto.collector.logs.v1.LogsService": Signal.LOGS,
}
_METRICS: Final = "opentelemetry.proto.collector.metrics.v1.MetricsService"
_STREAMS: Final = 32  # requests at a time over one connection; a sender with more waits
_REQUESTS: Final = 256  # … and over all: more are refused
_READ_AT_A_TIME: Final = 16  # gRPC receives and unzips a message before anybody here can count its bytes
_METADATA_BYTES: Final = 16_384
MESSAGE_S: Final = 30.0
"""Longest wait for a request's message: who opens requests and sends nothing must not keep the others out."""
LAST_MESSAGE_S: Final = 5.0
"""The same for whoever takes the last turn to be read."""
_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}
_TOO_MANY_REQUESTS: Final = 429


class PortError(Exception):
    """The port cannot be listened on."""


class OtlpGrpcServer:
    """Listens on `host` and `port` (0 takes a free one) between `start` and `stop`.

    `max_bytes` bounds a message, before and after it is unzipped. The `guard` wants its token in the metadata, as
    `authorization: Bearer …`. With `shares_port`, further processes of this user may listen there too (`SO_REUSEPORT`).
    """

    def __init__(
        self,
        receiver: OtlpReceiver,
        guard: Guard,
        *,
        host: str,
        port: int,
        max_bytes: int,
        shares_port: bool = False,
    ) -> None:
        self._receiver = receiver
        self._guard = guard
        self._host = host
        self._port = port
        self._max_bytes = max_bytes
        self._shares_port = shares_port
        self._server: Any = None
        self._reading = asyncio.Semaphore(_READ_AT_A_TIME)

    async def start(self) -> int:
        """Listen; returns the port.

        Raises:
            PortError: somebody else listens on it, or the host is no address of this machine.
        """
        server = grpc.aio.server(
            options=[
                # Two services would share the port, and each get half of the connections.
                ("grpc.so_reuseport", int(self._shares_port)),
                ("grpc.max_receive_message_length", self._max_bytes),
                ("grpc.max_concurrent_streams", _STREAMS),
                ("grpc.max_metadata_size", _METADATA_BYTES),
            ],
            maximum_concurrent_rpcs=_REQUESTS,
        )
        server.add_generic_rpc_handlers([_handlers(name, self._export_of(signal)) for name, signal in _METHODS.items()])
        server.add_generic_rpc_handlers([_handlers(_METRICS, self._pass_over_metrics)])
        host = f"[{self._host}]" if ":" in self._host else self._host
        if not self._shares_port:
            _try_port(self._host, self._port)
        try:
            port = server.add_insecure_port(f"{host}:{self._port}")
        except RuntimeError as error:
            raise PortError(str(error)) from None
        if not port:
            raise PortError(f"{host}:{self._port}")
        await server.start()
        self._server = server
        return int(port)

    async def stop(self, grace_s: float) -> None:
        """Take no more, and give what is under way `grace_s` to end; safe to call without a start."""
        server, self._server = self._server, None
        if server is not None:
            await server.stop(grace_s)

    def _export_of(self, signal: Signal) -> Any:
        async def export(messages: AsyncIterator[bytes], context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
            outcome = self._not_allowed(context) or await self._receive(signal, messages)
            if isinstance(outcome, Refusal):
                await _abort(context, outcome)
            return response_bytes(signal, outcome)

        return export

    async def _pass_over_metrics(
        self, messages: AsyncIterator[bytes], context: grpc.aio.ServicerContext[bytes, bytes]
    ) -> bytes:
        if refused := self._not_allowed(context):
            await _abort(context, refused)
        with contextlib.suppress(TimeoutError, StopAsyncIteration):
            await self._read(messages)
        return bytes(no_metrics().SerializeToString())

    async def _receive(self, signal: Signal, messages: AsyncIterator[bytes]) -> Received | Refusal:
        try:
            body = await self._read(messages)
        except (TimeoutError, StopAsyncIteration):
            return Refusal(408, DEADLINE_EXCEEDED, "No message came in time.")
        try:
            with self._receiver.budget.hold() as hold:
                hold.take(len(body))
                return await self._receiver.receive(signal, body)
        except Exception as error:
            refusal = refusal_of(error)
            if refusal is None:
                logger.exception("an OTLP/gRPC request failed")
                return Refusal(500, INTERNAL, "The service failed at this request.")
            if refusal.retry_after_s is not None:
                logger.warning("a sender has to come again: %s: %s", type(error).__name__, error)
            return refusal

    async def _read(self, messages: AsyncIterator[bytes]) -> bytes:
        """The message of a request, when it is its turn: what nobody has asked for waits with its sender.

        Raises:
            TimeoutError: it did not come in time.
            StopAsyncIteration: there is none.
        """
        async with asyncio.timeout(MESSAGE_S), self._reading:
            stream: Any = aiter(messages)
            async with asyncio.timeout(LAST_MESSAGE_S if self._reading.locked() else MESSAGE_S):
                message: bytes = await anext(stream)
        # gRPC's own generator, and in a circle of objects: open, it keeps the message until the collector comes by
        await stream.aclose()
        return message

    def _not_allowed(self, context: grpc.aio.ServicerContext[bytes, bytes]) -> Refusal | None:
        if not self._guard.wants_token:
            return None
        metadata = dict(context.invocation_metadata() or ())
        scheme, _, token = str(metadata.get("authorization", "")).partition(" ")
        if scheme.lower() != "bearer":
            return Refusal(401, UNAUTHENTICATED, "This service wants its token: authorization: Bearer TOKEN.")
        refused = self._guard.check_token(token.strip(), _client_of(context))
        if refused is None:
            return None
        if refused.status == _TOO_MANY_REQUESTS:
            wait_s = next((int(value) for name, value in refused.headers if name == "retry-after"), 1)
            return Refusal(refused.status, RESOURCE_EXHAUSTED, refused.detail, wait_s)
        return Refusal(refused.status, UNAUTHENTICATED, refused.detail)


async def _abort(context: grpc.aio.ServicerContext[bytes, bytes], refusal: Refusal) -> NoReturn:
    context.set_trailing_metadata((("grpc-status-details-bin", refusal.as_status().SerializeToString()),))
    await context.abort(_CODES[refusal.code], refusal.message)


def _try_port(host: str, port: int) -> None:
    """Raise PortError where `port` cannot be had: gRPC would write a line of its own into the terminal."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind(address)
    except OSError as error:
        raise PortError(str(error)) from None


def _handlers(service: str, export: Any) -> grpc.GenericRpcHandler:
    # Without a deserializer the handler is given the bytes of the message. On the wire a stream of requests is what one
    # request is; but the handler is called before the message has come, and so may refuse it, or give it up.
    return grpc.method_handlers_generic_handler(service, {"Export": grpc.stream_unary_rpc_method_handler(export)})


def _client_of(context: grpc.aio.ServicerContext[bytes, bytes]) -> str:
    """Whom a sender is counted for, as over HTTP; gRPC writes `ipv4:127.0.0.1:5` and `ipv6:%5B::1%5D:5`."""
    address = context.peer().partition(":")[2].rpartition(":")[0]
    return client_of({"client": (address.removeprefix("%5B").removesuffix("%5D").strip("[]"), 0)})
