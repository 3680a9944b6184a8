"""`POST /api/jobs/{job_id}/contacts/{type}/{index}/stream`: a message to a contact, while the LLM writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import orjson
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from spantail_service.jobs.text_feed import TextFeed, TextPiece
from spantail_service.llm import Restart
from spantail_service.operations.outreach.operation import OUTREACH
from spantail_service.routes.rate_limited import STARTS
from spantail_service.routes.request_body import json_object, parsed
from spantail_service.routes.runs.event_stream import EventStream
from spantail_service.services import services_of
from spantail_service.web.openapi import answers
from spantail_service.web.schemas.queue import MOST_BUDGET_USD, SESSION_ID

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import Receive, Scope, Send

    from spantail_service.jobs.launcher import Launcher

router = APIRouter(tags=["operations"])

HEARTBEAT_S: Final = 15.0
"""Seconds without news after which a comment is sent, so that no proxy in between takes the stream for dead."""

_FROM_PATH: Final = ("job_id", "type", "index")
_BODY: Final = {name: schema for name, schema in OUTREACH.input_model.model_json_schema()["properties"].items()
                if name not in _FROM_PATH}  # fmt: skip


@router.post(
    "/api/jobs/{job_id}/contacts/{type}/{index}/stream",
    summary="Write to a contact, as a stream of its text (server-sent events)",
    response_class=Response,
    responses=answers(
        None, 413, 415, 422, 429, media="text/event-stream", says="`run`, then `text` and `restart`, then `end`."
    ),
    dependencies=[STARTS],
    openapi_extra={
        "requestBody": {"content": {"application/json": {"schema": {
            "type": "object", "properties": _BODY, "additionalProperties": False, "title": "Contact outreach",
        }}}}
    },
)  # fmt: skip
async def stream_outreach(
    request: Request,
    job_id: str,
    type: str,  # noqa: A002 - the name in the path
    index: str,
    budget_usd: Annotated[
        float | None,
        Query(gt=0, le=MOST_BUDGET_USD, allow_inf_nan=False, description="What the run may spend, in USD."),
    ] = None,
    session_id: Annotated[
        str | None, Query(pattern=SESSION_ID, description="The user's session, which the run is counted for.")
    ] = None,
) -> Response:
    """Starts the operation `contact-outreach` and answers with the text as the LLM writes it.

    `event: run` with `{run_id}` comes first; then `event: text` with `{text}`. `event: restart` with `{reason}` (which
    backend failed, and why) says that the text so far no longer counts, because another attempt begins. Last comes
    `event: end` with `{status}` and the run's `result` or `error`. Who closes the stream stops the run: to have it go
    on without a reader, start the operation by `POST /api/operations/contact-outreach`.
    """
    services = services_of(request)
    from_path = {"job_id": job_id, "type": type, "index": index}
    given = parsed(OUTREACH.input_model, {**await json_object(request), **from_path}, from_path=from_path)
    feed = TextFeed()
    started = await services.launcher.start(
        OUTREACH, given, on_text=feed.push, on_end=feed.end, budget_usd=budget_usd, session_id=session_id
    )
    services.metrics.started(OUTREACH.name)
    return _TextStream(services.launcher, started.run_id, feed)


class _TextStream(EventStream):
    """Writes the text of one run until it is over. A reader who leaves stops the run."""

    def __init__(self, launcher: Launcher, run_id: str, feed: TextFeed) -> None:
        super().__init__()
        self._launcher = launcher
        self._run_id = run_id
        self._feed = feed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        try:
            async with self.opened(receive, send, self._feed.leave) as write:
                await write(_event("run", {"run_id": self._run_id}))
                await self._write_text(write)
        finally:
            self._launcher.cancel(self._run_id)  # nothing happens where it is over

    async def _write_text(self, write: Callable[[bytes], Awaitable[None]]) -> None:
        while not self._feed.is_left:
            match await self._feed.next(HEARTBEAT_S):
                case TextPiece(text):
                    await write(_event("text", {"text": text}))
                case Restart(reason):
                    await write(_event("restart", {"reason": reason}))
                case None:
                    await write(b": \n\n")
                case outcome:
                    await write(_event("end", {"status": outcome.status, **outcome.fields}))
                    return


def _event(name: str, data: dict[str, object]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), orjson.dumps(data))
