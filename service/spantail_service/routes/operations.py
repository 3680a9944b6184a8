"""The catalogue of operations, and the routes that start one: 202 with the id of its run."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from spantail_service.operations.base import Operation
from spantail_service.operations.catalogue import CATALOGUE
from spantail_service.routes.rate_limited import STARTS
from spantail_service.services import services_of
from spantail_service.web.openapi import answers
from spantail_service.web.problems import ProblemError
from spantail_service.web.schemas.operations import Operations, StartedRun

router = APIRouter(tags=["operations"])


_OWN_PATHS = {
    "job-search": "/api/jobs/search",
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
async def start_operation(request: Request, name: str) -> Response:
    """Answers 202 `{run_id, status}` when the run can be seen; its work goes on in the background."""
    return await _start(request, name, {})


@router.post(
    _OWN_PATHS["job-search"],
    status_code=202,
    summary="Search jobs",
    responses=_STARTED,
    dependencies=[STARTS],
    openapi_extra=_own_schema("job-search"),
)
async def search_jobs(request: Request) -> Response:
    """Starts the operation `job-search`."""
    return await _start(request, "job-search", {})


@router.post(
    _OWN_PATHS["generate-annotations"],
    status_code=202,
    summary="Generate a job's annotations",
    responses=_STARTED,
    dependencies=[STARTS],
    openapi_extra=_own_schema("generate-annotations"),
)
async def generate_annotations(request: Request, job_id: str) -> Response:
    """Starts the operation `generate-annotations` for one job."""
    return await _start(request, "generate-annotations", {"job_id": job_id})


async def _start(request: Request, name: str, from_path: dict[str, str]) -> Response:
    services = services_of(request)
    op = services.catalogue.get(name)
    if op is None:
        raise ProblemError(404, "unknown-operation", "There is no operation of this name.")
    given = {**await _json_object(request), **from_path}
    try:
        parsed = op.input_model.model_validate(given)
    except ValidationError as error:
        found = [
            {**e, "loc": ("path" if e["loc"][:1] and e["loc"][0] in from_path else "body", *e["loc"])}
            for e in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        raise RequestValidationError(found) from None
    started = await services.launcher.start(op, parsed)
    services.metrics.started(op.name)
    return Response(
        orjson.dumps({"run_id": started.run_id, "status": started.status}),
        status_code=202,
        media_type="application/json",
        headers={"location": f"/runs/{started.run_id}", "cache-control": "no-store"},
    )


async def _json_object(request: Request) -> dict[str, Any]:
    body = await request.body()
    if not body:
        return {}
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise ProblemError(415, "unsupported-media-type", "This route takes application/json.")
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestValidationError(
            [{"loc": ("body", error.pos), "msg": "This is not valid JSON.", "type": "json_invalid"}]
        ) from None
    if not isinstance(given, dict):
        raise RequestValidationError([{"loc": ("body",), "msg": "A JSON object is wanted.", "type": "dict_type"}])
    return given
