"""Problem details (RFC 9457): the one shape of every error that leaves the service."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import orjson
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from redis.exceptions import ResponseError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import compile_path

from spantail_exporters.redis.errors import REDIS_UNREACHABLE, will_be_back
from spantail_service.errors import (
    RETRY_AFTER_S,
    CallerLeftError,
    ConflictError,
    DomainError,
    InputRefusedError,
    LimitReachedError,
    NotFoundError,
    RunExpiredError,
    TooLargeError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI, Request

logger = logging.getLogger(__name__)

STATUS_OF: Final[dict[type[DomainError], int]] = {
    InputRefusedError: 400,
    NotFoundError: 404,
    ConflictError: 409,
    RunExpiredError: 410,
    TooLargeError: 413,
    LimitReachedError: 429,
    CallerLeftError: 499,  # nginx's number for it; nobody sees it but our metrics
    UnavailableError: 503,
}
"""The HTTP status of each domain error; one that is not here has that of its base class."""


class ProblemError(Exception):
    """An error of the HTTP side itself (a media type, a slow body), answered as problem details.

    Args:
        status: The HTTP status.
        kind: A short stable word that a program can test; it becomes the `type` URI.
        detail: A sentence for a person.
        headers: Further response headers.
        extra: Further members of the document.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})


def status_of(error: DomainError) -> int:
    """The HTTP status that a domain error is answered with."""
    return next(STATUS_OF[kind] for kind in type(error).__mro__ if kind in STATUS_OF)


def problem_response(
    status: int,
    kind: str | None,
    detail: str | None,
    *,
    headers: Mapping[str, str] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Response:
    """Problem details as a response. Without a `kind` the type is `about:blank` (RFC 9457 §4.2.1)."""
    body: dict[str, Any] = {
        "type": f"urn:spantail:problem:{kind}" if kind else "about:blank",
        "title": _phrase(status),
        "status": status,
    }
    if detail:
        body["detail"] = detail
    if extra:
        body.update(extra)
    return Response(
        orjson.dumps(body),
        status_code=status,
        media_type="application/problem+json",
        headers={"cache-control": "no-store", **(headers or {})},
    )


def install_error_handlers(app: FastAPI) -> None:
    """Make every error of `app` a problem document; none carries a stack trace or the caller's input."""
    # Starlette types every handler as taking any Exception.
    app.add_exception_handler(DomainError, _on_domain_error)  # type: ignore[arg-type]
    app.add_exception_handler(ProblemError, _on_problem)  # type: ignore[arg-type]
    app.add_exception_handler(HTTPException, _on_http_exception)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, _on_validation)  # type: ignore[arg-type]
    app.add_exception_handler(ResponseError, _on_redis_refusal)  # type: ignore[arg-type]
    for kind in REDIS_UNREACHABLE:
        app.add_exception_handler(kind, _on_redis)
    app.add_exception_handler(Exception, _on_anything)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


async def _on_domain_error(_request: Request, error: DomainError) -> Response:
    headers = None if error.retry_after_s is None else {"retry-after": str(error.retry_after_s)}
    return problem_response(status_of(error), error.kind, error.detail, headers=headers, extra=error.data)


async def _on_problem(_request: Request, error: ProblemError) -> Response:
    return problem_response(error.status, error.kind, error.detail, headers=error.headers, extra=error.extra)


async def _on_http_exception(request: Request, error: HTTPException) -> Response:
    detail = error.detail if error.detail != _phrase(error.status_code) else None
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = ", ".join(_methods_at(request))
        if request.method == "OPTIONS":  # asked for just that (RFC 9110 §9.3.7)
            return Response(status_code=204, headers={"allow": f"{allowed}, OPTIONS", "cache-control": "no-store"})
        return problem_response(405, None, f"This address takes {allowed}.", headers={"allow": allowed})
    return problem_response(error.status_code, None, detail, headers=error.headers)


def _methods_at(request: Request) -> list[str]:
    """Every method that the request's path takes (RFC 9110 §10.2.1); the router knows those of one route only."""
    methods: set[str] = set()
    for route in iter_route_contexts(request.app.routes):
        if route.path and route.methods and compile_path(route.path)[0].match(request.scope["path"]):
            methods |= set(route.methods)
    return sorted(methods | {"HEAD"}) if "GET" in methods else sorted(methods)


async def _on_validation(_request: Request, error: RequestValidationError) -> Response:
    # `input` and `ctx` are left out: they would send the caller's text, maybe a secret, back into logs.
    found = [{"loc": list(e["loc"]), "msg": str(e["msg"])} for e in error.errors()[:50]]
    return problem_response(
        422, "invalid-input", "The request does not fit what this route accepts.", extra={"errors": found}
    )


async def _on_redis(_request: Request, error: Exception) -> Response:
    # The message may name host and port: it belongs in our log, not in the answer.
    logger.warning("Redis is not reachable: %s", error)
    return problem_response(
        503,
        "redis-unreachable",
        "Redis cannot be reached at the moment.",
        headers={"retry-after": str(RETRY_AFTER_S)},
    )


async def _on_redis_refusal(request: Request, error: ResponseError) -> Response:
    if will_be_back(error):
        return await _on_redis(request, error)
    raise error


async def _on_anything(_request: Request, _error: Exception) -> Response:
    # Starlette raises it again after this answer, so the server's log has the traceback.
    return problem_response(500, None, None)
