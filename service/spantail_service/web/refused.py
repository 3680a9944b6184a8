"""How a refusal is answered: as a problem, a redirect to the login page, OTLP's `Status`, or a closed WebSocket."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import orjson
from google.rpc.code_pb2 import (  # type: ignore[import-untyped]
    INVALID_ARGUMENT,
    PERMISSION_DENIED,
    RESOURCE_EXHAUSTED,
    UNAUTHENTICATED,
)
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from starlette.responses import RedirectResponse, Response

from spantail_service.access.guard import login_address
from spantail_service.access.refusals import CLOSE_REFUSED
from spantail_service.web.problems import problem_response

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from spantail_service.access.refusals import Refusal

_GRPC_CODES: Final = {401: UNAUTHENTICATED, 403: PERMISSION_DENIED, 429: RESOURCE_EXHAUSTED}
_CLOSE_REASON_BYTES: Final = 123  # RFC 6455 §5.5


async def close_refused(refusal: Refusal, receive: Receive, send: Send) -> None:
    """Refuse a WebSocket so that a browser can tell why: it hides the status of a failed handshake."""
    await receive()  # websocket.connect
    await send({"type": "websocket.accept"})
    reason = refusal.detail.encode()[:_CLOSE_REASON_BYTES].decode(errors="ignore")
    await send({"type": "websocket.close", "code": CLOSE_REFUSED, "reason": reason})


def refused_response(refusal: Refusal, scope: Scope) -> Response:
    """The answer to a request that is refused."""
    headers = dict(scope["headers"])
    if refusal.status == HTTPStatus.UNAUTHORIZED and b"text/html" in headers.get(b"accept", b""):
        return RedirectResponse(login_address(scope), 303, {"cache-control": "no-store"})
    if scope["path"].startswith("/v1/"):
        return _otlp_refusal(refusal, headers.get(b"content-type", b"").partition(b";")[0].strip().lower())
    return problem_response(refusal.status, refusal.kind, refusal.detail, headers=dict(refusal.headers))


def _otlp_refusal(refusal: Refusal, content_type: bytes) -> Response:
    """A `Status` in the request's encoding (OTLP specification, "OTLP/HTTP Response", Failures)."""
    code = _GRPC_CODES.get(refusal.status, INVALID_ARGUMENT)
    if content_type == b"application/json":
        body = orjson.dumps({"code": code, "message": refusal.detail})
    else:
        body = Status(code=code, message=refusal.detail).SerializeToString()
        content_type = b"application/x-protobuf"
    return Response(body, refusal.status, dict(refusal.headers), content_type.decode())
