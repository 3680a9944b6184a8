"""Server-sent events as an ASGI response: the head, the end, and noticing that the reader has left."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from fastapi.responses import Response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from starlette.types import Receive, Send

_HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would collect events otherwise
]


class EventStream(Response):
    """What a stream's own response is made from. Unlike Starlette's, it may look first and answer with an error."""

    @asynccontextmanager
    async def opened(
        self, receive: Receive, send: Send, left: Callable[[], None]
    ) -> AsyncIterator[Callable[[bytes], Awaitable[None]]]:
        """Send the head, give the function that sends events, and end the answer; `left` is called when nobody
        reads any more.
        """

        async def write(events: bytes) -> None:
            await send({"type": "http.response.body", "body": events, "more_body": True})

        leaving = asyncio.create_task(_leave(receive, left))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            yield write
            await send({"type": "http.response.body", "body": b""})
        finally:
            leaving.cancel()
            await asyncio.gather(leaving, return_exceptions=True)


async def _leave(receive: Receive, left: Callable[[], None]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    left()
