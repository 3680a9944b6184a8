"""`GET /api/runs/{run_id}/result`: what came of a run."""

from __future__ import annotations

import orjson
from fastapi import APIRouter, Request, Response

from spantail_service.runs.meta import parse_run_id
from spantail_service.runs.result import result_of
from spantail_service.services import services_of
from spantail_service.web.compression import json_response
from spantail_service.web.openapi import answers
from spantail_service.web.schemas.runs import RunResult

router = APIRouter(tags=["runs"])


@router.get("/api/runs/{run_id}/result", summary="What came of a run", responses=answers(RunResult, 400, 404, 410))
async def read_result(request: Request, run_id: str) -> Response:
    """Answers `{run_id, operation, status, result, error}`, for a day after the run has ended.

    `operation` is null for a run that no service and no runner has started: an application keeps its results itself.
    """
    services = services_of(request)
    wanted = parse_run_id(run_id)
    found = await result_of(services.redis, wanted)
    if found is None:
        run = await services.snapshots.run(wanted)
        found = {"run_id": wanted, "operation": None, "status": run["status"], "result": None, "error": None}
    return await json_response(orjson.dumps(found), request.headers.get("accept-encoding", ""))
