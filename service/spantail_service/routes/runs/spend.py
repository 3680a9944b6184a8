"""`GET /api/spend`: what was spent."""

from __future__ import annotations

from typing import Annotated, Literal

import orjson
from fastapi import APIRouter, Query, Request, Response

from spantail_service.runs.spend import MAX_DAYS, spend_by_backend
from spantail_service.services import services_of
from spantail_service.web.openapi import answers
from spantail_service.web.schemas.spend import Spend

router = APIRouter(tags=["runs"])


@router.get("/api/spend", summary="Sums by day and backend", responses=answers(Spend, 422))
async def read_spend(
    request: Request,
    _by: Annotated[Literal["backend"], Query(alias="by", description="What a day's sum is parted by.")] = "backend",
    days: Annotated[int, Query(ge=1, le=MAX_DAYS, description="How many days, today included.")] = 30,
) -> Response:
    """Answers `{by, from, to, cost_usd, cost_nano, backends, demo, days: [{day, runs, cost_usd, cost_nano, …}]}`.

    A run counts on the day (UTC) on which it began; the sums outlive the runs. They are a second behind. Runs on demo
    data are in `demo` alone, over all days and in each: `{runs, cost_usd, cost_nano, backends}`.
    """
    sums = await spend_by_backend(services_of(request).redis, days)
    return Response(orjson.dumps(sums), media_type="application/json", headers={"cache-control": "no-store"})
