"""`GET /api/runs/{run_id}/compare/{other_id}`: two runs side by side."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from spantail_service.routes.rate_limited import HEAVY
from spantail_service.runs.comparison.comparison import MOST_ROWS, compare
from spantail_service.runs.meta import parse_run_id
from spantail_service.services import services_of
from spantail_service.web.compression import json_response
from spantail_service.web.large_responses import LargeResponse
from spantail_service.web.openapi import answers
from spantail_service.web.schemas.comparison import Comparison

router = APIRouter(tags=["runs"])


@router.get(
    "/api/runs/{run_id}/compare/{other_id}",
    summary="Two runs side by side",
    responses=answers(Comparison, 400, 404, 410, 413, 429),
    dependencies=[HEAVY],
)
async def compare_runs(
    request: Request,
    run_id: str,
    other_id: str,
    limit: Annotated[int, Query(ge=1, le=MOST_ROWS, description="Most rows to return.")] = 10_000,
) -> Response:
    """Answers `{a, b, both, only_a, only_b, differing, left_out, rows}`.

    Spans are counterparts when their parents are, and kind, name and place among the siblings of that kind and name are
    the same; the model at the end of an LLM call's name is left out. Where there are more rows than `limit`, those that
    differ go before those that do not.
    """
    services = services_of(request)
    a, b = parse_run_id(run_id), parse_run_id(other_id)

    async def make() -> Response:
        body = await compare(services.redis, services.snapshots, a, b, limit)
        return await json_response(body, request.headers.get("accept-encoding", ""))

    return LargeResponse(services.large_responses, make)
