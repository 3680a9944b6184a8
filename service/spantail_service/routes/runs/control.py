"""`POST /api/runs/{run_id}/cancel` and `/retry`: stopping a run wherever it is, and running it once more."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from spantail_service.errors import ConflictError, RunNotFoundError
from spantail_service.routes.rate_limited import STARTS
from spantail_service.routes.responses import accepted
from spantail_service.runs.meta import parse_run_id
from spantail_service.services import services_of
from spantail_service.web.openapi import answers
from spantail_service.web.schemas.queue import CancelledRun, RetriedRun

router = APIRouter(tags=["runs"])


@router.post(
    "/api/runs/{run_id}/cancel",
    status_code=202,
    summary="Stop a run",
    responses=answers(CancelledRun, 400, 404, 409, 410, status=202),
)
async def cancel_run(request: Request, run_id: str) -> Response:
    """Answers 202 `{run_id, status}`: the process that runs it was asked to stop it, or it was taken out of the queue.

    409 for a run that is over, and for one that no service and no runner has started: its own application ends it.
    """
    services = services_of(request)
    wanted = parse_run_id(run_id)
    if not await services.jobs.control.cancel(wanted):
        run = await services.snapshots.run(wanted)  # raises where there is none
        if run["status"] in ("queued", "running"):
            raise ConflictError(
                "No process that is alive runs this: only what a service or a runner has started can be stopped.",
                kind="not-ours",
            )
        raise ConflictError("This run is over.", kind="run-is-over")
    return accepted({"run_id": wanted, "status": "cancelling"})


@router.post(
    "/api/runs/{run_id}/retry",
    status_code=202,
    summary="Run once more",
    responses=answers(RetriedRun, 400, 404, 409, 410, 429, status=202),
    dependencies=[STARTS],
)
async def retry_run(request: Request, run_id: str) -> Response:
    """Answers 202 `{run_id, status, retry_of}`: a new run on the same input, linked to the old one.

    A run of a failed or cancelled item of the queue is repeated by the queue, any other at once. 409 for a run that is
    going on, whose input held something secret, which was not kept, or whose operation is gone or takes another input
    now; also for one that no service and no runner has started.
    """
    services = services_of(request)
    wanted = parse_run_id(run_id)
    try:
        again = await services.jobs.retry.retry(wanted)
    except RunNotFoundError:
        await services.snapshots.run(wanted)  # raises where there is none
        raise ConflictError(
            "Only what a service or a runner has started, within the last day, can be repeated.", kind="not-ours"
        ) from None
    return accepted({"run_id": again.run_id, "status": again.status, "retry_of": again.retry_of})
