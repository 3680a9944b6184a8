"""The OpenAPI document: FastAPI's, with the errors as they are, and with what every route may be refused with."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from fastapi.openapi.utils import get_openapi

from spantail_service.access.guard import is_open
from spantail_service.access.sessions import COOKIE
from spantail_service.web.schemas.problems import Problem

if TYPE_CHECKING:
    from fastapi import FastAPI
    from pydantic import BaseModel

PROBLEM_JSON: Final = "application/problem+json"

_REASONS: Final = {
    400: "The address or a value in it is malformed.",
    401: "The token is missing or wrong.",
    403: "The request comes from another site's page.",
    404: "There is no such thing.",
    408: "The body did not arrive in time.",
    409: "That cannot be done in the present state.",
    410: "The run's data has expired.",
    413: "The body is too large.",
    414: "Path and query are too long.",
    415: "The body is of another media type than this route takes.",
    421: "The service does not answer to this host name.",
    422: "The request does not fit what this route accepts; `errors` says where.",
    429: "Too much at a time; `Retry-After` says when to come again.",
    431: "The headers are too large.",
    500: "A defect of the service; its log says more.",
    503: "Redis cannot be used at the moment, or too much is under way; `Retry-After` says when to come again.",
}
_EVERYWHERE: Final = (403, 414, 421, 431, 500)
_RETRY: Final = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}}}
_METHODS: Final = ("get", "post", "put", "patch", "delete")

_ABOUT: Final = """\
Everything answers `HEAD` where it answers `GET`. Errors are problem details (RFC 9457), but for OTLP, which answers
with a `Status`. There is no CORS: browsers use this from the service's own page."""


def answers(
    model: type[BaseModel] | None, *problems: int, status: int = 200, media: str = "application/json", says: str = ""
) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route: what it answers with, and the problems that are its own.

    `model` describes a JSON body; without one the body is text or bytes of `media`. What `web/entry.py` refuses, and
    Redis being away, need not be named.
    """
    good: dict[str, Any] = {"description": says or "Done."}
    if model is not None:
        good["model"] = model
        good["description"] = says or (model.__doc__ or "").partition("\n")[0]
    else:
        good["content"] = {media: {"schema": {"type": "string"}}}
    return {status: good, **{problem: {"description": _REASONS[problem]} for problem in problems}}


def nothing(*problems: int, says: str = "Done.") -> dict[int | str, dict[str, Any]]:
    """As `answers`, for a route that answers 204."""
    return {204: {"description": says}, **{problem: {"description": _REASONS[problem]} for problem in problems}}


def describe(app: FastAPI, *, wants_token: bool) -> None:
    """Make `app.openapi()` answer the whole document; it is put together once, when it is first asked for."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title,
                version=app.version,
                summary=app.summary,
                description=_ABOUT,
                routes=app.routes,
                license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
            )
            _complete(document, wants_token=wants_token)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to replace it


def _complete(document: dict[str, Any], *, wants_token: bool) -> None:
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs", {}))
    schemas["Problem"] = problem
    if wants_token:
        components["securitySchemes"] = {
            "token": {"type": "http", "scheme": "bearer", "description": "The value of `SPANTAIL_TOKEN`."},
            "session": {
                "type": "apiKey", "in": "cookie", "name": COOKIE, "description": "Given out by the page at /login.",
            },
        }  # fmt: skip
        document["security"] = [{"token": []}, {"session": []}]
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                _complete_operation(path, item[method], wants_token=wants_token)


def _complete_operation(path: str, operation: dict[str, Any], *, wants_token: bool) -> None:
    responses = operation["responses"]
    if not any(parameter["in"] != "path" for parameter in operation.get("parameters", ())):
        default = responses.get("422", {}).get("content", {}).get("application/json", {}).get("schema", {})
        if default.get("$ref", "").endswith("HTTPValidationError"):
            del responses["422"]  # FastAPI adds it for any parameter, but a path's text always fits
    problems = {status for status in map(int, responses) if status >= HTTPStatus.BAD_REQUEST}
    problems.update(_EVERYWHERE)
    if path.startswith(("/api/", "/v1/", "/tempo/")):
        problems.add(503)
    if is_open(path):
        problems.discard(421 if path.endswith("z") else 0)
        if wants_token:
            operation["security"] = []
    elif wants_token:
        problems.update((401, 429))
    for status in sorted(problems):
        response = responses.setdefault(str(status), {})
        default = {"description": _REASONS.get(status, "A problem.")}
        if response.get("description") in (None, "Validation Error"):
            response.update(default)
        if path.startswith("/v1/"):
            response["content"] = _status_content(status)
        else:
            response["content"] = {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        if status in (429, 503):
            response["headers"] = _RETRY
    operation["responses"] = {status: responses[status] for status in sorted(responses)}


def _status_content(status: int) -> dict[str, Any]:
    """OTLP's errors come in the encoding of the request; one in neither of the two is answered with a problem."""
    as_json = {"type": "object", "properties": {"code": {"type": "integer"}, "message": {"type": "string"}}}
    content: dict[str, Any] = {
        "application/x-protobuf": {"schema": {"type": "string", "format": "binary"}},
        "application/json": {"schema": as_json},
    }
    if status in (415, 500, 503):
        content[PROBLEM_JSON] = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return content
