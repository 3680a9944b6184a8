"""`/api/queue`: the job queue, what is put into it, and what can be done with an item."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request, Response

from spantail_service.errors import ConflictError, NotFoundError
from spantail_service.jobs.queue.frame import unchanged
from spantail_service.routes.rate_limited import STARTS
from spantail_service.routes.request_body import json_object, parsed
from spantail_service.routes.responses import NO_STORE, accepted
from spantail_service.services import services_of
from spantail_service.web.openapi import answers
from spantail_service.web.problems import ProblemError
from spantail_service.web.schemas.queue import ITEM_ID, CancelledItem, NewItem, Queue, QueuedRun
from spantail_service.web.server_spans import server_span

router = APIRouter(tags=["queue"])

_MAX_VERSION: Final = 2**53 - 1

RUN_STATUS_OF: Final = {"pending": "queued", "delayed": "queued", "succeeded": "completed"}
"""The status of an item's run, where it is called otherwise than that of the item."""

ItemId = Annotated[str, Path(pattern=ITEM_ID, description="The item.")]


@router.get("/api/queue", summary="The job queue", responses=answers(Queue, 422))
async def read_queue(
    request: Request,
    version: Annotated[
        int | None, Query(ge=0, le=_MAX_VERSION, description="The version that the caller has already.")
    ] = None,
) -> Response:
    """Answers `{version, changed, counts, items}`, and `{version, changed: false}` where nothing has changed since.

    Of each kind (running, waiting, delayed, failed, over) at most a hundred items are listed; `counts` counts all.
    """
    frame = await services_of(request).queue_changes.frame(version)
    body = unchanged(version or 0) if frame is None else frame.body
    return Response(body, media_type="application/json", headers=NO_STORE)


@router.post(
    "/api/queue",
    status_code=202,
    summary="Queue an operation",
    responses=answers(QueuedRun, 404, 413, 415, 422, 429, status=202),
    dependencies=[STARTS],
    openapi_extra={"requestBody": {"content": {"application/json": {"schema": NewItem.model_json_schema()}}}},
)
async def enqueue(request: Request) -> Response:
    """Answers 202 `{run_id, status, item_id}`: the run can be seen from now on, and is done when its turn comes.

    With an `id` that is in the queue already nothing is changed, and `status` is that of the item's run.
    """
    services = services_of(request)
    wanted = parsed(NewItem, await json_object(request))
    op = services.catalogue.get(wanted.operation)
    if op is None:
        raise ProblemError(404, "unknown-operation", "There is no operation of this name.")
    given = parsed(op.input_model, wanted.input, where=("body", "input"))
    with server_span(request, "/api/queue"):
        queued = await services.jobs.enqueuer.enqueue(
            op,
            given,
            priority=wanted.priority,
            delay_s=wanted.delay_s,
            max_attempts=wanted.max_attempts,
            item_id=wanted.id or "",
            budget_usd=wanted.budget_usd,
            session_id=wanted.session_id,
        )
    status = RUN_STATUS_OF.get(queued.status, queued.status)
    return accepted({"run_id": queued.run_id, "status": status, "item_id": queued.item_id})


@router.post(
    "/api/queue/{item_id}/retry",
    status_code=202,
    summary="Run an item again",
    responses=answers(QueuedRun, 404, 409, 422, 429, status=202),
    dependencies=[STARTS],
)
async def retry_item(request: Request, item_id: ItemId) -> Response:
    """Answers 202 `{item_id, run_id, status}`: a failed or cancelled item is queued again, as a run that is linked to
    its last one. 409 for one that is neither.
    """
    services = services_of(request)
    queued = await services.jobs.enqueuer.retry(item_id)
    if queued is None:
        raise await _why_not(request, item_id, "run again: it is neither failed nor cancelled")
    return accepted({"item_id": item_id, "run_id": queued.run_id, "status": queued.status})


@router.post(
    "/api/queue/{item_id}/cancel",
    status_code=202,
    summary="Cancel an item",
    responses=answers(CancelledItem, 404, 409, 422, status=202),
)
async def cancel_item(request: Request, item_id: ItemId) -> Response:
    """Answers 202 `{item_id, status}`: `cancelled` where it waited, `cancelling` where its runner was asked to stop it.

    409 for an item that is over.
    """
    outcome = await services_of(request).jobs.enqueuer.cancel(item_id)
    if not outcome:
        raise await _why_not(request, item_id, "cancelled: it is over")
    return accepted({"item_id": item_id, "status": outcome})


async def _why_not(request: Request, item_id: str, what: str) -> NotFoundError | ConflictError:
    if await services_of(request).jobs.queue.get(item_id) is None:
        return NotFoundError("There is no item of this id in the queue.", kind="unknown-item")
    return ConflictError(f"This item cannot be {what}.", kind="item-state")
