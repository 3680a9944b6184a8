"""`GET /api/traces/{run_id}/jump`, `…/times` and others: answers about a run as a whole, however large."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from spantail_service.routes.rate_limited import HEAVY
from spantail_service.routes.runs.time_range import FromUs, ToUs
from spantail_service.runs.meta import parse_run_id, parse_span_id
from spantail_service.services import services_of
from spantail_service.trace_windows.jumps import Jump
from spantail_service.trace_windows.whole_run import FlameQuery, MinimapQuery
from spantail_service.web.compression import json_response
from spantail_service.web.openapi import answers
from spantail_service.web.schemas.whole import RunCriticalPath, RunFlame, RunJump, RunMinimap, RunTimes

router = APIRouter(tags=["runs"])

_Adjust = Annotated[bool, Query(description="With those clocks adjusted that `clock_skew` of the run names.")]


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
    *,
    adjust: _Adjust = False,
) -> Response:
    """Answers `{parts, spans, length_us, left_out_us, epoch, indexed, complete}`.

    From the end of the root backwards: to the child that ended last before, down into it, and from its start on in the
    parent again. Times are as they were sent, or with `adjust` as the clocks should have told them.
    """
    body = await services_of(request).whole_runs.critical_path(parse_run_id(run_id), limit, adjust=adjust)
    return await json_response(body, request.headers.get("accept-encoding", ""))


@router.get(
    "/api/traces/{run_id}/times",
    summary="The time that a run takes, and its waits",
    responses=answers(RunTimes, 400, 404, 410, 422, 429),
    dependencies=[HEAVY],
)
async def read_times(
    request: Request,
    run_id: str,
    *,
    adjust: _Adjust = False,
    fit_all: Annotated[bool, Query(alias="all", description="With the spans that lie far off.")] = False,
) -> Response:
    """Answers `{start, end, outside, skewed, gaps, epoch, indexed, complete}`.

    The time of a run is that of its root and of what lies near it. `gaps` are the waits of at least a 25th of it: only
    spans were open then that have others below them, or that wait in a queue.
    """
    body = await services_of(request).whole_runs.times(parse_run_id(run_id), adjust=adjust, fits_all=fit_all)
    return await json_response(body, request.headers.get("accept-encoding", ""))


@router.get(
    "/api/traces/{run_id}/minimap",
    summary="A run in small",
    responses=answers(RunMinimap, 400, 404, 410, 422, 429),
    dependencies=[HEAVY],
)
async def read_minimap(
    request: Request,
    run_id: str,
    from_us: FromUs = None,
    to_us: ToUs = None,
    width: Annotated[int, Query(ge=1, le=8_000, description="In so many steps.")] = 1_200,
    lanes: Annotated[int, Query(ge=1, le=64, description="In so many lanes, which the spans share.")] = 16,
    *,
    adjust: _Adjust = False,
) -> Response:
    """Answers `{from, to, lanes, epoch, indexed, complete}`.

    The spans share the lanes in the order of the tree. A lane is a text with a letter for each step of time: that of
    the most important span that is open then.
    """
    query = MinimapQuery(from_us, to_us, width, lanes, adjust)
    body = await services_of(request).whole_runs.minimap(parse_run_id(run_id), query)
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
    from_us: FromUs = None,
    to_us: ToUs = None,
    width: Annotated[int, Query(ge=1, le=8_000, description="Pixels that this time takes.")] = 1_200,
    first: Annotated[int, Query(ge=0, le=10_000_000, description="The first lane.")] = 0,
    lanes: Annotated[int, Query(ge=1, le=200, description="How many lanes.")] = 60,
    span: Annotated[str | None, Query(description="A span whose place is wanted.")] = None,
    *,
    adjust: _Adjust = False,
) -> Response:
    """Answers `{from, to, lanes, frames, states, place, epoch, indexed, complete}`.

    Each span is a frame in the first lane that is free below its parent's. Frames that are narrower than two pixels are
    merged with those beside them, failed ones with failed ones alone, and counted. Times are as they were sent, or with
    `adjust` as the clocks should have told them.
    """
    query = FlameQuery(from_us, to_us, width, first, lanes, parse_span_id(span) if span else None, adjust)
    body = await services_of(request).whole_runs.flame(parse_run_id(run_id), query)
    return await json_response(body, request.headers.get("accept-encoding", ""))
