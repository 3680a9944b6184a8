"""The catalogue of operations, and the routes that start one: 202 with the id of its run."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from spantail_service.operations.base import Operation
from spantail_service.operations.catalogue import CATALOGUE
from spantail_service.routes.rate_limited import STARTS
from spantail_service.routes.request_body import json_object, parsed
from spantail_service.routes.responses import accepted
from spantail_service.routes.start_options import Options, StartOptions
from spantail_service.services import services_of
from spantail_service.web.openapi import answers
from spantail_service.web.problems import ProblemError
from spantail_service.web.schemas.operations import Operations, StartedRun

router = APIRouter(tags=["operations"])


_OWN_PATHS = {
    "job-search": "/api/jobs/search",
    "job-ingest": "/api/jobs/ingest",
    "job-import": "/api/jobs/import",
    "generate-annotations": "/api/jobs/{job_id}/generate-annotations",
}
"""Operations with a route of their own. What stands in braces is a field of the input, taken from there."""

_STARTED = answers(StartedRun, 404, 413, 415, 422, 429, status=202)


def _own_schema(name: str) -> dict[str, Any]:
    """The input schema of an operation as OpenAPI's request body."""
    return {"requestBody": {"content": {"application/json": {"schema": _input_schema(CATALOGUE[name])}}}}


def _input_schema(op: Operation) -> dict[str, Any]:
    return op.input_model.model_json_schema()


@router.get("/api/operations", summary="Operations that can be started", responses=answers(Operations))
async def list_operations(request: Request) -> Response:
    """Answers `{operations, demo, login}`: each with the JSON schema of its input and the path to post it to."""
    services = services_of(request)
    listed = [
        {
            "name": op.name,
            "title": op.title,
            "description": op.description,
            "path": _OWN_PATHS.get(op.name, f"/api/operations/{op.name}"),
            "input_schema": _input_schema(op),
            "layers": op.layers,
        }
        for op in services.catalogue.values()
    ]
    body = orjson.dumps(
        {"operations": listed, "demo": services.settings.demo, "login": services.settings.access.token is not None}
    )
    return Response(body, media_type="application/json", headers={"cache-control": "no-store"})


@router.post(
    "/api/operations/{name}",
    status_code=202,
    summary="Start an operation",
    responses=_STARTED,
    dependencies=[STARTS],
    openapi_extra={"requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}}},
)
async def start_operation(request: Request, name: str, options: Options) -> Response:
    """Answers 202 `{run_id, status}` when the run can be seen; its work goes on in the background.

    With `queue=true` it is put into the queue, and the answer has its `item_id` too.
    """
    return await _start(request, name, {}, options)


@router.post(
    _OWN_PATHS["job-search"],
    status_code=202,
    summary="Search jobs",
    responses=_STARTED,
    dependencies=[STARTS],
    openapi_extra=_own_schema("job-search"),
)
async def search_jobs(request: Request, options: Options) -> Response:
    """Starts the operation `job-search`."""
    return await _start(request, "job-search", {}, options)


@router.post(
    _OWN_PATHS["job-ingest"],
    status_code=202,
    summary="Take new jobs in from sources",
    responses=_STARTED,
    dependencies=[STARTS],
    openapi_extra=_own_schema("job-ingest"),
)
async def ingest_jobs(request: Request, options: Options) -> Response:
    """Starts the operation `job-ingest`."""
    return await _start(request, "job-ingest", {}, options)


@router.post(
    _OWN_PATHS["job-import"],
    status_code=202,
    summary="Take chosen jobs in",
    responses=_STARTED,
    dependencies=[STARTS],
    openapi_extra=_own_schema("job-import"),
)
async def import_jobs(request: Request, options: Options) -> Response:
    """Starts the operation `job-import`."""
    return await _start(request, "job-import", {}, options)


@router.post(
    _OWN_PATHS["generate-annotations"],
    status_code=202,
    summary="Generate a job's annotations",
    responses=_STARTED,
    dependencies=[STARTS],
    openapi_extra=_own_schema("generate-annotations"),
)
async def generate_annotations(request: Request, job_id: str, options: Options) -> Response:
    """Starts the operation `generate-annotations` for one job."""
    return await _start(request, "generate-annotations", {"job_id": job_id}, options)


@router.post(
    "/api/jobs/{job_id}/pipeline",
    status_code=202,
    summary="Tailor a CV to a job",
    responses=_STARTED,
    dependencies=[STARTS],
    openapi_extra=_own_schema("cv-pipeline"),
)
async def tailor_cv(request: Request, job_id: str, options: Options) -> Response:
    """Starts the operation `cv-pipeline` for one job; `POST /api/operations/cv-pipeline` takes a posting's text too."""
    return await _start(request, "cv-pipeline", {"job_id": job_id}, options)


async def _start(request: Request, name: str, from_path: dict[str, str], options: StartOptions) -> Response:
    services = services_of(request)
    op = services.catalogue.get(name)
    if op is None:
        raise ProblemError(404, "unknown-operation", "There is no operation of this name.")
    given = parsed(op.input_model, {**await json_object(request), **from_path}, from_path=from_path)
    if options.queue:
        queued = await services.jobs.enqueuer.enqueue(
            op,
            given,
            priority=options.priority,
            delay_s=options.delay_s,
            budget_usd=options.budget_usd,
            session_id=options.session_id,
        )
        return accepted({"run_id": queued.run_id, "status": queued.status, "item_id": queued.item_id})
    started = await services.launcher.start(op, given, budget_usd=options.budget_usd, session_id=options.session_id)
    services.metrics.started(op.name)
    return accepted({"run_id": started.run_id, "status": started.status})
