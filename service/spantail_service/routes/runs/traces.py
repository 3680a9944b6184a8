"""`GET /api/traces/{run_id}`: the snapshot of a run, and one span of it."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from spantail_service.errors import TooLargeError
from spantail_service.routes.rate_limited import HEAVY
from spantail_service.runs.meta import parse_run_id, parse_span_id
from spantail_service.runs.snapshot import MOST_SPANS
from spantail_service.services import services_of
from spantail_service.trace_windows.windows import FIRST_WINDOW
from spantail_service.web.compression import json_response
from spantail_service.web.large_responses import LargeResponse
from spantail_service.web.openapi import answers
from spantail_service.web.schemas.runs import Snapshot
from spantail_service.web.schemas.spans import SpanState

router = APIRouter(tags=["runs"])


@router.get(
    "/api/traces/{run_id}",
    summary="Latest state of every span of a run",
    responses=answers(Snapshot, 400, 404, 410, 413, 429),
    dependencies=[HEAVY],
)
async def read_trace(
    request: Request,
    run_id: str,
    fields: Annotated[
        Literal["all", "tree"],
        Query(description="`tree` leaves attributes, span events, links and tracebacks out."),
    ] = "all",
    whole_up_to: Annotated[
        int | None,
        Query(ge=0, description="Of a run with more spans the answer is its first part, that of `/window`."),
    ] = None,
) -> Response:
    """Answers `{run, resources, scopes, spans, next_index, epoch}`; polling on from `next_index` misses nothing.

    A span that is new in the tail may name a resource or a scope that is new too: what it stands for is in the next
    answer, and in that for the span alone.
    """
    services = services_of(request)
    canonical = parse_run_id(run_id)

    async def make() -> Response:
        most = MOST_SPANS if whole_up_to is None else whole_up_to
        try:
            body = await services.snapshots.snapshot(canonical, tree=fields == "tree", most=most)
        except TooLargeError:
            if whole_up_to is None:
                raise
            body = await services.trace_windows.window(canonical, FIRST_WINDOW)
        return await json_response(body, request.headers.get("accept-encoding", ""))

    return LargeResponse(services.large_responses, make)


@router.get(
    "/api/traces/{run_id}/spans/{span_id}", summary="One span, whole", responses=answers(SpanState, 400, 404, 410)
)
async def read_span(request: Request, run_id: str, span_id: str) -> Response:
    """Answers the span's latest state."""
    body = await services_of(request).snapshots.span(parse_run_id(run_id), parse_span_id(span_id))
    return await json_response(body, request.headers.get("accept-encoding", ""))
