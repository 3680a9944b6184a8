"""The limit on request bodies, as plain ASGI middleware.

Plain, because Starlette's `BaseHTTPMiddleware` starts a task group for each request, which would cost a quick answer
a good part of its time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_MOST_DIGITS = 18  # of a content-length; more is no number to convert


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
