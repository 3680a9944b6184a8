"""`GET /api/spend`: what was spent."""

from __future__ import annotations

from typing import Annotated, Literal

import orjson
from fastapi import APIRouter, Query, Request, Response

from spantail_service.runs.spending import MAX_DAYS, spend_of_days
from spantail_service.services import services_of
from spantail_service.web.openapi import answers
from spantail_service.web.schemas.spend import Spend

router = APIRouter(tags=["runs"])


@router.get("/api/spend", summary="Sums by day, and by backend, model or operation", responses=answers(Spend, 422))
async def read_spend(
    request: Request,
    by: Annotated[
        Literal["backend", "model", "operation"], Query(description="What a day's sum is parted by.")
    ] = "backend",
    days: Annotated[int, Query(ge=1, le=MAX_DAYS, description="How many days, today included.")] = 30,
) -> Response:
    """Answers `{by, from, to, cost_usd, cost_nano, backends, demo, days: [{day, runs, cost_usd, cost_nano, …}]}`.

    A run counts on the day (UTC) on which it began; the sums outlive the runs. They are a second behind. Runs on demo
    data are in `demo` alone, over all days and in each: `{runs, cost_usd, cost_nano, backends}`. By model or
    operation, `models` or `operations` stand in the place of `backends`, with the same sum; a day tells 100 names
    apart, further ones are `other`.
    """
    sums = await spend_of_days(services_of(request).redis, days, by)
    return Response(orjson.dumps(sums), media_type="application/json", headers={"cache-control": "no-store"})
