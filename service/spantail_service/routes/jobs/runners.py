"""`GET /api/runners`: the processes that run operations."""

from __future__ import annotations

import orjson
from fastapi import APIRouter, Request, Response

from spantail_service.services import services_of
from spantail_service.web.openapi import answers
from spantail_service.web.schemas.queue import Runners

router = APIRouter(tags=["queue"])


@router.get("/api/runners", summary="Processes that run operations", responses=answers(Runners))
async def list_runners(request: Request) -> Response:
    """Answers `{runners}`: those that live, then those that died in the last hour, each the latest first."""
    found = await services_of(request).jobs.runners.all()
    listed = [
        {
            **one._asdict(),
            "running": [{**run._asdict(), "item_id": run.item_id or None} for run in one.running],
        }
        for one in found
    ]
    body = orjson.dumps({"runners": listed})
    return Response(body, media_type="application/json", headers={"cache-control": "no-store"})
