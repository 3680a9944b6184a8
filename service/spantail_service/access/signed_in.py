"""Streams (WebSockets, event streams) end with the session that asked for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from spantail_service.access.guard import SESSION
from spantail_service.access.refusals import CLOSE_REFUSED

if TYPE_CHECKING:
    from starlette.types import Message, Scope, Send

    from spantail_service.access.sessions import Session, Sessions

_OVER: Final = "This session is over: sign in again."


class SignedOut(OSError):
    """The session is over, and the connection has been ended. An OSError: so a server says that a client has left."""


def while_signed_in(send: Send, scope: Scope, sessions: Sessions | None) -> Send:
    """Pass messages on to `send` until the session that let `scope` in, if one did, is over.

    The next message after that ends the connection, a WebSocket with 4401, and raises `SignedOut`. A stream sends
    something every 15 s at least, be it that it is still there.
    """
    session: Session | None = scope.get(SESSION)
    if sessions is None or session is None:
        return send

    async def send_while_signed_in(message: Message) -> None:
        if not sessions.is_over(session):
            await send(message)
        elif message["type"] == "websocket.send":
            await send({"type": "websocket.close", "code": CLOSE_REFUSED, "reason": _OVER})
            raise SignedOut
        elif message["type"] == "http.response.body" and message.get("more_body"):
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            raise SignedOut
        else:
            await send(message)

    return send_while_signed_in
