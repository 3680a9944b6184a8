"""`GET /api/runs/{run_id}/events`: a run as server-sent events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import orjson
from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import Response
from redis.exceptions import RedisError

from spantail_service.errors import DomainError
from spantail_service.routes.runs.event_stream import EventStream
from spantail_service.routes.runs.logs import MAX_INDEX
from spantail_service.runs.meta import parse_run_id
from spantail_service.services import services_of
from spantail_service.tail import Left, Stopping
from spantail_service.web.openapi import answers

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import Receive, Scope, Send

    from spantail_service.tail import Frame, TailHub, Viewer

router = APIRouter(tags=["runs"])

_RETRY: Final = b"retry: 1000\n\n"
"""A browser comes again after so many milliseconds."""


@router.get(
    "/api/runs/{run_id}/events",
    summary="Follow a run (server-sent events)",
    response_class=Response,
    responses={
        **answers(None, 400, 404, 410, 422, media="text/event-stream", says="`frame` events, then `end`."),
        204: {"description": "To a reader that came again: the run has settled, and it has everything."},
    },
)
async def follow_run(
    request: Request,
    run_id: str,
    since: Annotated[int, Query(ge=0, le=MAX_INDEX, description="First index wanted.")] = 0,
    epoch: Annotated[str | None, Query(max_length=32, description="Epoch of what the reader holds.")] = None,
    last_event_id: Annotated[
        str | None, Header(max_length=64, description="Id of the last event received; goes before `since`.")
    ] = None,
) -> Response:
    """History first, then live: `event: frame` with the poll's JSON as data and `next_index` as id; a frame without
    logs is the heartbeat. `event: end` when the run has settled and everything was sent. After `reset` the reader
    takes the snapshot again.
    """
    # An id that is not ours is no reason to refuse: the browser would not come again.
    again = last_event_id is not None and last_event_id.isdecimal() and int(last_event_id) <= MAX_INDEX
    start = int(last_event_id) if again and last_event_id is not None else since
    return _FrameStream(services_of(request).hub, parse_run_id(run_id), start, epoch, again=again)


class _FrameStream(EventStream):
    """Writes the frames of one viewer until the run has settled, the viewer leaves or the process stops."""

    def __init__(self, hub: TailHub, run_id: str, since: int, epoch: str | None, *, again: bool) -> None:
        super().__init__()
        self._hub = hub
        self._run_id = run_id
        self._since = since
        self._epoch = epoch
        self._again = again

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer. What is wrong before the first frame is raised, and becomes a problem document."""
        async with self._hub.viewer(self._run_id, self._since, self._epoch) as viewer:
            frame = await viewer.next()
            if self._again and frame.settled and not frame.events and not frame.reset:
                # 204 tells a browser not to come again (HTML standard, §9.2.3).
                await send({"type": "http.response.start", "status": 204, "headers": [(b"cache-control", b"no-store")]})
                await send({"type": "http.response.body", "body": b""})
                return
            async with self.opened(receive, send, viewer.leave) as write:
                await _write_frames(viewer, frame, write)


async def _write_frames(viewer: Viewer, frame: Frame, write: Callable[[bytes], Awaitable[None]]) -> None:
    head = _RETRY
    try:
        while True:
            await write(b"%bid: %d\nevent: frame\ndata: %b\n\n" % (head, frame.next_index, frame.body))
            if frame.settled:
                break
            head = b""
            frame = await viewer.next()
    except (Left, Stopping, DomainError, RedisError):
        return  # without an end event: the reader comes again and is told what there is to tell
    meta = frame.header.meta
    end = orjson.dumps(
        {
            "status": meta.status,
            "next_index": frame.next_index,
            "epoch": meta.epoch,
            "expected_log_count": meta.expected,
        }
    )
    await write(b"id: %d\nevent: end\ndata: %b\n\n" % (frame.next_index, end))
