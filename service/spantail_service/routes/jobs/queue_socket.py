"""`WS /ws/queue`: the job queue over a WebSocket."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from fastapi import APIRouter, WebSocket
from redis.exceptions import RedisError
from starlette.websockets import WebSocketDisconnect

from spantail_service.jobs.queue.frame import unchanged
from spantail_service.routes.runs.websocket import COME_AGAIN, RESTARTING, close_socket
from spantail_service.services import services_in

if TYPE_CHECKING:
    from spantail_service.jobs.queue.changes import QueueChanges, QueueWatcher

router = APIRouter(tags=["queue"])

HEARTBEAT_S: Final = 15.0
"""Seconds after which a socket without changes says that it is still there."""

_GONE: Final = 1000


@router.websocket("/ws/queue")
async def follow_queue(websocket: WebSocket) -> None:
    """Frames of the shape of `GET /api/queue`: the whole queue at first and after changes, at most ten a second.

    One with `changed` false is the heartbeat. Closes with 1012 when the process stops, 1013 while Redis is away or too
    many watch.
    """
    await websocket.accept()
    try:
        code, reason = await _follow(websocket, services_in(websocket.app).queue_changes)
    except WebSocketDisconnect:
        return
    await close_socket(websocket, code, reason)


async def _follow(websocket: WebSocket, changes: QueueChanges) -> tuple[int, str]:
    """Send frames to the end; answers with what to close with."""
    try:
        async with changes.watch() as watcher:
            if watcher is None:
                return COME_AGAIN, "too many watch the queue at the moment"
            listener = asyncio.create_task(_listen(websocket, watcher))
            try:
                await _send_frames(websocket, watcher)
            finally:
                listener.cancel()
                await asyncio.gather(listener, return_exceptions=True)
    except (RedisError, OSError):
        return COME_AGAIN, "Redis cannot be reached at the moment"
    if watcher.is_lost:
        return COME_AGAIN, "Redis cannot be reached at the moment"
    return (_GONE, "") if watcher.has_left else (RESTARTING, "this process is about to stop")


async def _send_frames(websocket: WebSocket, watcher: QueueWatcher) -> None:
    version = 0
    while True:
        frame = await watcher.next(HEARTBEAT_S)
        if watcher.closed:
            return
        body = unchanged(version)
        if frame is not None:
            version, body = frame.version, frame.body
        await websocket.send({"type": "websocket.send", "text": body.decode()})


async def _listen(websocket: WebSocket, watcher: QueueWatcher) -> None:
    """Notice when the client goes. It has nothing to say."""
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass
    watcher.leave()
