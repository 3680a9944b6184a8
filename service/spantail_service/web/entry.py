"""The outermost ASGI layer: the guard, the end of sessions, the security headers, HEAD, and counting.

Plain ASGI and little of it, because every poll passes here. One whose answer is in memory is answered at this place:
it has its headers already, and passes nothing else.
"""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Protocol

import orjson
from google.rpc.code_pb2 import (  # type: ignore[import-untyped]
    INVALID_ARGUMENT,
    PERMISSION_DENIED,
    RESOURCE_EXHAUSTED,
    UNAUTHENTICATED,
)
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from starlette.requests import ClientDisconnect
from starlette.responses import RedirectResponse, Response

from spantail_service.access.guard import CLOSE_REFUSED, SESSION, Guard, Refusal, login_address
from spantail_service.access.signed_in import SignedOut, while_signed_in
from spantail_service.web.headers import raw_security_headers
from spantail_service.web.problems import problem_response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from spantail_service.web.fast_poll import FastPoll

_GRPC_CODES: Final = {401: UNAUTHENTICATED, 403: PERMISSION_DENIED, 429: RESOURCE_EXHAUSTED}
_CLOSE_REASON_BYTES: Final = 123  # RFC 6455 §5.5


class Count(Protocol):
    """Where requests of one kind are counted."""

    def add(self, duration_s: float) -> None:
        """A request has been answered."""


class Tally(Protocol):
    """Where requests are counted."""

    def request(self, scope: Scope, status: int, duration_s: float) -> None:
        """An HTTP request has been answered; `scope` is as the application left it, its route included."""

    def requests_of(self, method: str, route: str, status: int) -> Count:
        """The place for requests of one kind."""

    def refused(self, kind: str) -> None:
        """Somebody was not let in."""


class Entrance:
    """Lets in whom the guard lets in, and sends the others away in the language they speak.

    Polls that `ready` knows the answer to are answered here, all else goes on to `app`.
    """

    def __init__(self, app: ASGIApp, ready: FastPoll, guard: Guard, tally: Tally) -> None:
        self.app = app
        self.ready = ready
        self.guard = guard
        self.tally = tally
        self._polls = tally.requests_of("GET", "/api/logs/{run_id}", 200)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "http":
            begun = time.perf_counter()
            refusal = self.guard.refusal(scope)
            answer = self.ready.answer(scope) if refusal is None else None
            if answer is None:
                await self._http(scope, receive, send, refusal, begun)
            else:
                start, body = answer
                await send(start)
                await send(body)
                self._polls.add(time.perf_counter() - begun)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self.guard.refusal(scope)
        if refusal is None:
            await self.app(scope, receive, while_signed_in(send, scope, self.guard.sessions))
        else:
            self.tally.refused(refusal.kind)
            await close_refused(refusal, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send, refusal: Refusal | None, begun: float) -> None:
        status = 0
        if scope["method"] == "HEAD":
            scope, receive, send = _as_get(scope, receive, send)

        async def send_with_headers(message: Message) -> None:
            nonlocal status, send
            if message["type"] == "http.response.start":
                status = message["status"]
                if SESSION in scope and _is_stream(message):
                    send = while_signed_in(send, scope, self.guard.sessions)
                headers = message.get("headers", ())
                message["headers"] = [*headers, *raw_security_headers(headers)]
            await send(message)

        try:
            if refusal is None:
                await self.app(scope, receive, send_with_headers)
            else:
                self.tally.refused(refusal.kind)
                await _refuse(refusal, scope)(scope, receive, send_with_headers)
        except* (_HeadAnsweredError, SignedOut, ClientDisconnect):
            pass  # nobody is there for the rest
        finally:
            self.tally.request(scope, status, time.perf_counter() - begun)


def _is_stream(start: Message) -> bool:
    return any(name == b"content-type" and value.startswith(b"text/event-stream") for name, value in start["headers"])


async def close_refused(refusal: Refusal, receive: Receive, send: Send) -> None:
    """Refuse a WebSocket so that a browser can tell why: it hides the status of a handshake that failed."""
    await receive()  # websocket.connect
    await send({"type": "websocket.accept"})
    reason = refusal.detail.encode()[:_CLOSE_REASON_BYTES].decode(errors="ignore")
    await send({"type": "websocket.close", "code": CLOSE_REFUSED, "reason": reason})


def _refuse(refusal: Refusal, scope: Scope) -> Response:
    headers = dict(scope["headers"])
    if refusal.status == HTTPStatus.UNAUTHORIZED and b"text/html" in headers.get(b"accept", b""):
        return RedirectResponse(login_address(scope), 303, {"cache-control": "no-store"})
    if scope["path"].startswith("/v1/"):
        return _otlp_refusal(refusal, headers.get(b"content-type", b"").partition(b";")[0].strip().lower())
    return problem_response(refusal.status, refusal.kind, refusal.detail, headers=dict(refusal.headers))


def _otlp_refusal(refusal: Refusal, content_type: bytes) -> Response:
    """A `Status` in the request's encoding (OTLP specification, "OTLP/HTTP Response", Failures)."""
    code = _GRPC_CODES.get(refusal.status, INVALID_ARGUMENT)
    if content_type == b"application/json":
        body = orjson.dumps({"code": code, "message": refusal.detail})
    else:
        body = Status(code=code, message=refusal.detail).SerializeToString()
        content_type = b"application/x-protobuf"
    return Response(body, refusal.status, dict(refusal.headers), content_type.decode())


class _HeadAnsweredError(OSError):
    """Ends a stream whose head is all that was asked for. An OSError: so a server says that a client has left."""


def _as_get(scope: Scope, receive: Receive, send: Send) -> tuple[Scope, Receive, Send]:
    """HEAD is GET without its content (RFC 9110 §9.3.2): the application never sees another method."""
    answered = False

    async def receive_until_answered() -> Message:
        return {"type": "http.disconnect"} if answered else await receive()

    async def send_head(message: Message) -> None:
        nonlocal answered
        if message["type"] == "http.response.start":
            await send(message)
        elif not answered:
            answered = True
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            if message.get("more_body"):
                raise _HeadAnsweredError
        elif message.get("more_body"):
            raise _HeadAnsweredError

    return {**scope, "method": "GET"}, receive_until_answered, send_head
