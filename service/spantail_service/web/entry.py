"""The outermost ASGI layer: the guard, polls that are answered from memory, the security headers, and counting.

Plain ASGI and little of it, because every poll passes here. A poll whose answer is in memory is answered at this place:
it has its headers already, and passes nothing else.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from starlette.requests import ClientDisconnect

from spantail_service.access.guard import SESSION
from spantail_service.access.signed_in import SignedOut, while_signed_in
from spantail_service.web.head import HeadAnsweredError, as_get
from spantail_service.web.headers import raw_security_headers
from spantail_service.web.refused import close_refused, refused_response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from spantail_service.access.guard import Guard
    from spantail_service.access.refusals import Refusal
    from spantail_service.access.sessions import Sessions
    from spantail_service.web.fast_poll import FastPoll


class Durations(Protocol):
    """Where requests of one kind are counted."""

    def add(self, duration_s: float) -> None:
        """A request has been answered."""


class RequestMetrics(Protocol):
    """Where requests are counted."""

    def request(self, scope: Scope, status: int, duration_s: float) -> None:
        """An HTTP request has been answered; `scope` is as the application left it, its route included."""

    def requests_of(self, method: str, route: str, status: int) -> Durations:
        """Where requests of one kind are counted."""

    def refused(self, kind: str) -> None:
        """Somebody was not let in."""


class Entry:
    """Lets in whom the guard lets in, and answers the others by the protocol that they use.

    Polls that `ready` knows the answer to are answered here, all else goes on to `app`.
    """

    def __init__(self, app: ASGIApp, ready: FastPoll, guard: Guard, metrics: RequestMetrics) -> None:
        self.app = app
        self.ready = ready
        self.guard = guard
        self.metrics = metrics
        self._polls = metrics.requests_of("GET", "/api/logs/{run_id}", 200)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "http":
            begun_s = time.perf_counter()
            refusal = self.guard.refusal(scope)
            answer = self.ready.answer(scope) if refusal is None else None
            if answer is None:
                await self._http(scope, receive, send, refusal, begun_s)
            else:
                start, body = answer
                await send(start)
                await send(body)
                self._polls.add(time.perf_counter() - begun_s)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send, refusal: Refusal | None, begun_s: float) -> None:
        if scope["method"] == "HEAD":
            scope, receive, send = as_get(scope, receive, send)
        answer = _Answer(send, scope, self.guard.sessions)
        try:
            if refusal is None:
                await self.app(scope, receive, answer.send)
            else:
                self.metrics.refused(refusal.kind)
                await refused_response(refusal, scope)(scope, receive, answer.send)
        except* (HeadAnsweredError, SignedOut, ClientDisconnect):
            pass  # nobody is there for the rest
        finally:
            self.metrics.request(scope, answer.status, time.perf_counter() - begun_s)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self.guard.refusal(scope)
        if refusal is None:
            await self.app(scope, receive, while_signed_in(send, scope, self.guard.sessions))
        else:
            self.metrics.refused(refusal.kind)
            await close_refused(refusal, receive, send)


class _Answer:
    """What the application answers, on its way out: with the security headers; a stream ends with its session."""

    def __init__(self, send: Send, scope: Scope, sessions: Sessions | None) -> None:
        self._send = send
        self._scope = scope
        self._sessions = sessions
        self.status = 0
        """0 until the answer has begun."""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if SESSION in self._scope and _is_stream(message):
                self._send = while_signed_in(self._send, self._scope, self._sessions)
            headers = message.get("headers", ())
            message["headers"] = [*headers, *raw_security_headers(headers)]
        await self._send(message)


def _is_stream(start: Message) -> bool:
    return any(name == b"content-type" and value.startswith(b"text/event-stream") for name, value in start["headers"])
