"""`GET /api/logs/{run_id}`: the poll."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from spantail_service.runs.meta import parse_run_id
from spantail_service.services import services_of
from spantail_service.tail import MAX_EVENTS, MAX_WAIT_S
from spantail_service.web.compression import json_response
from spantail_service.web.openapi import answers
from spantail_service.web.schemas.tail import Frame

router = APIRouter(tags=["runs"])

MAX_INDEX = 2**53 - 1
"""The largest whole number that JavaScript holds exactly."""


@router.get(
    "/api/logs/{run_id}",
    summary="Events of a run from an index on (poll, long poll)",
    responses=answers(Frame, 400, 404, 410, 422),
)
async def read_logs(
    request: Request,
    run_id: str,
    since: Annotated[int, Query(ge=0, le=MAX_INDEX, description="First index wanted.")] = 0,
    limit: Annotated[int, Query(ge=1, le=MAX_EVENTS, description="Most events to return.")] = MAX_EVENTS,
    wait: Annotated[float, Query(ge=0, le=MAX_WAIT_S, description="Seconds to wait for news (long poll).")] = 0,
    before: Annotated[
        int | None,
        Query(ge=0, le=MAX_INDEX, description="Page backwards: the last events below this index."),
    ] = None,
    epoch: Annotated[str | None, Query(max_length=32, description="Epoch of what the reader holds.")] = None,
) -> Response:
    """Answers `{run_id, status, logs, next_index, first_index, reset, epoch, expected_log_count, layers,
    backends, dropped}`. A reader asks again with `since` = `next_index` until the status is final and
    `next_index` has reached `expected_log_count`; at `reset` it takes the snapshot again.
    """
    services = services_of(request)
    canonical = parse_run_id(run_id)
    if before is not None:
        frame = await services.reader.frame_before(canonical, before, limit)
    elif wait:
        frame = await services.hub.long_poll(canonical, since, limit, epoch, wait)
    else:
        frame = await services.hub.poll(canonical, since, limit, epoch)
    return await json_response(frame.body, request.headers.get("accept-encoding", ""))
