"""`WS /ws/runs/{run_id}/logs`: a run over a WebSocket."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from fastapi import APIRouter, WebSocket
from redis.exceptions import RedisError
from starlette.websockets import WebSocketDisconnect, WebSocketState

from spantail_service.errors import DomainError, InputRefusedError
from spantail_service.routes.runs.logs import MAX_INDEX
from spantail_service.runs.meta import parse_run_id
from spantail_service.services import services_in
from spantail_service.tail import Left, Stopping
from spantail_service.web.problems import status_of

if TYPE_CHECKING:
    from spantail_service.tail import TailHub, Viewer

router = APIRouter(tags=["runs"])

DONE: Final = 1000
RESTARTING: Final = 1012
COME_AGAIN: Final = 1013
BAD_REQUEST: Final = 4400
UNKNOWN: Final = 4404
EXPIRED: Final = 4410
# 4401 (not allowed, or not any more) is closed with in web/refused.py

_CODES: Final = {400: BAD_REQUEST, 404: UNKNOWN, 410: EXPIRED, 503: COME_AGAIN}
_MAX_EPOCH = 32
_MAX_DIGITS = 16  # of the largest index; Python refuses to read numbers of thousands of digits
_CLOSE_REASON_BYTES = 123  # RFC 6455 §5.5


@router.websocket("/ws/runs/{run_id}/logs")
async def follow_run(websocket: WebSocket, run_id: str) -> None:
    """History first, then live: each text message is a frame in the poll's shape.

    A frame without logs is the heartbeat; a client may ask for one at any time by sending any text. Query: `since`
    and `epoch` as for the poll. Closes with 1000 when the run has settled and everything was sent, 1012 when the
    process stops, 1013 while Redis is away or too many watch, 4400, 4404, 4410 as HTTP's 400, 404, 410.
    """
    # Accepted before anything is looked up: a browser hides why a handshake failed, a close code it shows.
    await websocket.accept()
    try:
        code, reason = await _follow(websocket, services_in(websocket.app).hub, run_id)
    except (WebSocketDisconnect, Left):
        return
    await close_socket(websocket, code, reason)


async def close_socket(websocket: WebSocket, code: int, reason: str) -> None:
    """Close, if the client is still there."""
    if websocket.application_state is WebSocketState.CONNECTED:
        try:
            await websocket.close(code, reason.encode()[:_CLOSE_REASON_BYTES].decode(errors="ignore"))
        except (WebSocketDisconnect, RuntimeError, AssertionError):
            return  # gone in this very moment; the last is the server's word when that was before its handshake was out


async def _follow(websocket: WebSocket, hub: TailHub, run_id: str) -> tuple[int, str]:
    """Send frames to the end; answers with what to close with."""
    try:
        since, epoch = _cursor(websocket)
        async with hub.viewer(parse_run_id(run_id), since, epoch) as viewer:
            listener = asyncio.create_task(_listen(websocket, viewer))
            try:
                while True:
                    frame = await viewer.next()
                    await websocket.send({"type": "websocket.send", "text": frame.text})
                    if frame.settled:
                        return DONE, "the run has settled"
            finally:
                listener.cancel()
                await asyncio.gather(listener, return_exceptions=True)
    except Stopping:
        return RESTARTING, "this process is about to stop"
    except DomainError as error:
        return _CODES.get(status_of(error), 1011), error.detail
    except (RedisError, OSError):
        return COME_AGAIN, "Redis cannot be reached at the moment"


async def _listen(websocket: WebSocket, viewer: Viewer) -> None:
    """Notice when the client goes; whatever it sends asks for a sign of life."""
    while (await websocket.receive())["type"] != "websocket.disconnect":
        viewer.call(heartbeat=True)
    viewer.leave()


def _cursor(websocket: WebSocket) -> tuple[int, str | None]:
    since = websocket.query_params.get("since", "0")
    epoch = websocket.query_params.get("epoch")
    if not (since.isascii() and since.isdecimal() and len(since) <= _MAX_DIGITS and int(since) <= MAX_INDEX):
        raise InputRefusedError("`since` must be a whole number, 0 or more.")
    if epoch is not None and len(epoch) > _MAX_EPOCH:
        raise InputRefusedError("`epoch` is as long as 32 characters at most.")
    return int(since), epoch
