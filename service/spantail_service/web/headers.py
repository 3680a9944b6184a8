"""The security headers of every answer, and the limit on request bodies as plain ASGI middleware.

Plain, because Starlette's `BaseHTTPMiddleware` starts a task group per request, which a poll that answers
in well under a millisecond would feel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)

SECURITY_HEADERS: dict[str, str] = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # Not `no-referrer`: with it a browser sends `Origin: null` with the login form, which reads as another page's.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}

JSON_SECURITY_HEADERS: dict[str, str] = {
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
}
"""What protects something where no browser makes a page of an answer (OWASP REST Security Cheat Sheet).

Left out: `x-frame-options`, which `frame-ancestors` replaces (CSP Level 2 §7.7.1); what speaks of a page's scripts,
links, forms and windows; and `cross-origin-resource-policy`, for the guard answers no request that says it comes from
another site. Every header costs a poll about 2 % of its time.
"""

_MOST_DIGITS = 18  # of a content-length; more is no number to convert
_JSON = frozenset({b"application/json", b"application/problem+json"})


def _raw(headers: dict[str, str]) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((name.encode(), value.encode()) for name, value in headers.items())


RAW_JSON_SECURITY_HEADERS = _raw(JSON_SECURITY_HEADERS)
"""The same as ASGI takes them."""
_RAW_SECURITY_HEADERS = _raw(SECURITY_HEADERS)


def raw_security_headers(headers: Iterable[tuple[bytes, bytes]]) -> tuple[tuple[bytes, bytes], ...]:
    """What an answer with these headers has to carry besides, as ASGI takes it: all of it, unless it is JSON."""
    for name, value in headers:
        if name == b"content-type" and value in _JSON:
            return RAW_JSON_SECURITY_HEADERS
    return _RAW_SECURITY_HEADERS


class BodyTooLargeError(HTTPException):
    """The request's body passed its limit; answered with 413.

    An `HTTPException`, because FastAPI turns any other exception of a body reader into a 400.
    """

    def __init__(self, limit: int) -> None:
        super().__init__(413, f"The request body is larger than {limit} bytes.")


class BodyLimit:
    """Refuses request bodies above a limit, announced or counted while they arrive.

    `limit_of(path)` says how many bytes a path takes. Nothing is refused before the application reads the
    body, so a route that takes none is not concerned.
    """

    def __init__(self, app: ASGIApp, limit_of: Callable[[str], int]) -> None:
        self.app = app
        self.limit_of = limit_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self.app(scope, receive, send)
            return
        limit = self.limit_of(scope["path"])
        announced = Headers(scope=scope).get("content-length", "")
        too_large = announced.isdecimal() and (len(announced) > _MOST_DIGITS or int(announced) > limit)
        seen = 0

        async def limited_receive() -> Message:
            nonlocal seen
            if too_large:
                raise BodyTooLargeError(limit)
            message = await receive()
            if message["type"] == "http.request":
                seen += len(message.get("body", b""))
                if seen > limit:
                    raise BodyTooLargeError(limit)
            return message

        await self.app(scope, limited_receive, send)
