"""HEAD is GET without its content (RFC 9110, section 9.3.2): the application never sees another method."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send


class HeadAnsweredError(OSError):
    """Ends a stream whose head is all that was asked for. An OSError: so a server says that a client has left."""


def as_get(scope: Scope, receive: Receive, send: Send) -> tuple[Scope, Receive, Send]:
    """A HEAD request as the application gets it, and a `send` that leaves the content out.

    `send` raises `HeadAnsweredError` where more content would follow.
    """
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
                raise HeadAnsweredError
        elif message.get("more_body"):
            raise HeadAnsweredError

    return {**scope, "method": "GET"}, receive_until_answered, send_head
