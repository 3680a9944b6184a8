"""`GET /api/traces/{run_id}/window`: a part of a very large trace."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from spantail_service.routes.rate_limited import HEAVY
from spantail_service.routes.runs.time_range import FromUs, ToUs
from spantail_service.runs.meta import parse_run_id, parse_span_id
from spantail_service.services import services_of
from spantail_service.trace_windows.windows import FIRST_WINDOW, WindowQuery
from spantail_service.web.compression import json_response
from spantail_service.web.openapi import answers
from spantail_service.web.schemas.windows import TraceWindow

router = APIRouter(tags=["runs"])


@router.get(
    "/api/traces/{run_id}/window",
    summary="A part of a large trace, and what is folded",
    responses=answers(TraceWindow, 400, 404, 410, 422, 429),
    dependencies=[HEAVY],
)
async def read_window(
    request: Request,
    run_id: str,
    root: Annotated[str | None, Query(description="Only this span and what is below it.")] = None,
    depth: Annotated[
        int, Query(ge=0, le=100, description="Levels below the root that are opened.")
    ] = FIRST_WINDOW.depth,
    from_us: FromUs = None,
    to_us: ToUs = None,
    limit: Annotated[
        int, Query(ge=1, le=2_000, description="Most spans; there may be a few ancestors more.")
    ] = FIRST_WINDOW.limit,
    after: Annotated[
        str | None, Query(description="A child of the root: its next siblings are wanted. See `folded`.")
    ] = None,
    *,
    path: Annotated[bool, Query(description="With the spans above the root.")] = False,
    adjust: Annotated[
        bool, Query(description="`from` and `to` are held against times with the clocks adjusted that seem wrong.")
    ] = False,
) -> Response:
    """Answers `{run, resources, scopes, spans, folded, next_index, epoch, indexed, complete}`.

    Spans are in pre-order, without details. Those that run, that failed and that took longest are always among them,
    with their ancestors, up to half of `limit`. `folded` says by span what stands below it and is not in the answer;
    ask on with it as `root`, and with its `after`. The service indexes a run when it is first asked for: until
    `complete` the window is one of the `indexed` spans that were read so far. Spans whose clock is thought wrong have
    `clock_skew_us`; their times are as they were sent.
    """
    query = WindowQuery(
        parse_span_id(root) if root else None,
        depth,
        from_us,
        to_us,
        limit,
        parse_span_id(after) if after else None,
        path,
        adjust,
    )
    body = await services_of(request).trace_windows.window(parse_run_id(run_id), query)
    return await json_response(body, request.headers.get("accept-encoding", ""))
