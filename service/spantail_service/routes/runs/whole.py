"""`GET /api/traces/{run_id}/jump`, `…/critical-path` and `…/flame`: answers about a run as a whole, however large."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from spantail_service.routes.rate_limited import HEAVY
from spantail_service.runs.meta import parse_run_id, parse_span_id
from spantail_service.services import services_of
from spantail_service.trace_windows.jumps import Jump
from spantail_service.trace_windows.whole_run import FlameQuery
from spantail_service.web.compression import json_response
from spantail_service.web.openapi import answers
from spantail_service.web.schemas.whole import RunCriticalPath, RunFlame, RunJump

router = APIRouter(tags=["runs"])

_MOST_US = 2**53


@router.get(
    "/api/traces/{run_id}/jump",
    summary="The next error or running span; the slowest, the dearest",
    responses=answers(RunJump, 400, 404, 410, 422, 429),
    dependencies=[HEAVY],
)
async def read_jump(
    request: Request,
    run_id: str,
    to: Annotated[Jump, Query(description="What is looked for.")],
    after: Annotated[str | None, Query(description="A span: the one that follows it in the tree is wanted.")] = None,
) -> Response:
    """Answers `{to, span_ids, epoch, indexed, complete}`.

    Of an error it leads to the span where the error began, and of what runs to a span without a running child; after
    the last one the first follows. The slowest are those that worked longest themselves, without their children; what
    wraps a call costs nothing itself.
    """
    body = await services_of(request).whole_runs.jump(parse_run_id(run_id), to, parse_span_id(after) if after else None)
    return await json_response(body, request.headers.get("accept-encoding", ""))


@router.get(
    "/api/traces/{run_id}/critical-path",
    summary="What a run had to wait for",
    responses=answers(RunCriticalPath, 400, 404, 410, 422, 429),
    dependencies=[HEAVY],
)
async def read_critical_path(
    request: Request,
    run_id: str,
    limit: Annotated[
        int, Query(ge=1, le=20_000, description="Most spans: those with the longest time on the path.")
    ] = 5_000,
) -> Response:
    """Answers `{parts, spans, length_us, left_out_us, epoch, indexed, complete}`.

    From the end of the root backwards: to the child that ended last before, down into it, and from its start on in the
    parent again. Times are as they were sent.
    """
    body = await services_of(request).whole_runs.critical_path(parse_run_id(run_id), limit)
    return await json_response(body, request.headers.get("accept-encoding", ""))


@router.get(
    "/api/traces/{run_id}/flame",
    summary="A part of a run's flame graph",
    responses=answers(RunFlame, 400, 404, 410, 422, 429),
    dependencies=[HEAVY],
)
async def read_flame(
    request: Request,
    run_id: str,
    from_us: Annotated[int | None, Query(alias="from", ge=0, le=_MOST_US, description="µs since the epoch.")] = None,
    to_us: Annotated[int | None, Query(alias="to", ge=0, le=_MOST_US, description="µs since the epoch.")] = None,
    width: Annotated[int, Query(ge=1, le=8_000, description="Pixels that this time takes.")] = 1_200,
    first: Annotated[int, Query(ge=0, le=10_000_000, description="The first lane.")] = 0,
    lanes: Annotated[int, Query(ge=1, le=200, description="How many lanes.")] = 60,
    span: Annotated[str | None, Query(description="A span whose place is wanted.")] = None,
) -> Response:
    """Answers `{from, to, lanes, frames, states, place, epoch, indexed, complete}`.

    Each span is a frame in the first lane that is free below its parent's. Frames that are narrower than two pixels are
    merged with those beside them, failed ones with failed ones alone, and counted. Times are as they were sent.
    """
    query = FlameQuery(from_us, to_us, width, first, lanes, parse_span_id(span) if span else None)
    body = await services_of(request).whole_runs.flame(parse_run_id(run_id), query)
    return await json_response(body, request.headers.get("accept-encoding", ""))
