"""``GET /api/runs``: the list of runs, newest first, and one of them."""

from __future__ import annotations

from typing import Annotated

import orjson
from fastapi import APIRouter, Query, Request, Response

from spantail_service.run_meta import parse_run_id
from spantail_service.runs import MAX_RUNS
from spantail_service.services import services_of

router = APIRouter(tags=["runs"])

_NO_STORE = {"cache-control": "no-store"}


@router.get("/api/runs", summary="Runs, newest first")
async def list_runs(
    request: Request,
    cursor: Annotated[str | None, Query(max_length=64, description="`next_cursor` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_RUNS, description="Most runs to return.")] = 50,
) -> Response:
    """Answers ``{runs, next_cursor}``; ``next_cursor`` is null on the last page."""
    page = await services_of(request).runs.page(cursor, limit)
    body = orjson.dumps({"runs": page.runs, "next_cursor": page.next_cursor})
    return Response(body, media_type="application/json", headers=_NO_STORE)


@router.get("/api/runs/{run_id}", summary="One run with its totals")
async def read_run(request: Request, run_id: str) -> Response:
    """Answers the run as in the list, and its layers."""
    run = await services_of(request).reader.run(parse_run_id(run_id))
    return Response(orjson.dumps(run), media_type="application/json", headers=_NO_STORE)
