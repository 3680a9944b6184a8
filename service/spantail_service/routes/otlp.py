"""`POST /v1/traces`, `/v1/logs` and `/v1/metrics`: OTLP/HTTP in (OTLP specification, section "OTLP/HTTP")."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

import orjson
from fastapi import APIRouter, Request, Response
from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]

from spantail_service.ingest.answers import TOO_SLOW, Refusal, no_metrics, refusal_of, response_bytes, too_large
from spantail_service.ingest.decoding.body import is_gzip
from spantail_service.ingest.decoding.entries import Received, Signal
from spantail_service.services import services_of
from spantail_service.web.body_limit import BodyTooLargeError
from spantail_service.web.problems import ProblemError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from spantail_service.bounds.byte_budget import Hold

router = APIRouter(tags=["otlp"])
logger = logging.getLogger(__name__)

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"
_BODY_S: Final = 60.0  # for a body to arrive: no sender may occupy the byte budget for longer


def _described(summary: str, message: str) -> dict[str, Any]:
    """The parts of the OpenAPI document that FastAPI cannot see, for the body is read by hand."""
    body = {
        PROTOBUF: {"schema": {"type": "string", "format": "binary", "description": f"{message}Request"}},
        JSON: {"schema": {"type": "object", "description": f"{message}Request in OTLP's JSON encoding"}},
    }
    answer = {
        PROTOBUF: {"schema": {"type": "string", "format": "binary", "description": f"{message}Response"}},
        JSON: {"schema": {"type": "object", "description": f"{message}Response"}},
    }
    status = {
        PROTOBUF: {"schema": {"type": "string", "format": "binary", "description": "google.rpc.Status"}},
        JSON: {"schema": {"type": "object", "description": "google.rpc.Status"}},
    }
    responses: dict[int | str, dict[str, Any]] = {
        200: {"description": "Stored; `partial_success` tells of what was rejected.", "content": answer},
        400: {"description": "Malformed: do not send it again.", "content": status},
        408: {"description": "The body did not arrive in time.", "content": status},
        413: {"description": "Too large, as sent or unzipped.", "content": status},
        415: {"description": "Another Content-Type or Content-Encoding is wanted."},
        503: {"description": "Not now; `Retry-After` says when.", "content": status},
    }
    return {
        "summary": summary,
        "openapi_extra": {"requestBody": {"required": True, "content": body}},
        "responses": responses,
        "response_class": Response,
    }


@router.post("/v1/traces", **_described("OTLP traces (protobuf or JSON, gzip or plain)", "ExportTraceService"))
async def receive_traces(request: Request) -> Response:
    """200 with an `ExportTraceServiceResponse` once everything is stored; errors carry a `Status`."""
    return await _receive(request, Signal.TRACES)


@router.post("/v1/logs", **_described("OTLP logs (protobuf or JSON, gzip or plain)", "ExportLogsService"))
async def receive_logs(request: Request) -> Response:
    """200 with an `ExportLogsServiceResponse` once everything is stored; errors carry a `Status`."""
    return await _receive(request, Signal.LOGS)


@router.post("/v1/metrics", **_described("OTLP metrics, none of which is kept", "ExportMetricsService"))
async def pass_over_metrics(request: Request) -> Response:
    """200 with an `ExportMetricsServiceResponse` whose `partial_success` says that none was kept. SDKs send metrics
    wherever spans go: refused, they would complain each minute.
    """
    is_json = _is_json(request)

    async def take() -> Response:
        with services_of(request).receiver.budget.hold() as hold:
            await read_body(request, hold)
        answer = no_metrics()
        if is_json:
            return Response(orjson.dumps(MessageToDict(answer)), media_type=JSON)
        return Response(answer.SerializeToString(), media_type=PROTOBUF)

    return await _answered(request, take, is_json=is_json)


def _is_json(request: Request) -> bool:
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type not in (PROTOBUF, JSON):
        raise ProblemError(415, "unsupported-media-type", f"This route takes {PROTOBUF} and {JSON}.")
    return content_type == JSON


async def _receive(request: Request, signal: Signal) -> Response:
    is_json = _is_json(request)
    receiver = services_of(request).receiver

    async def take() -> Response:
        zipped = is_gzip(",".join(request.headers.getlist("content-encoding")))
        with receiver.budget.hold() as hold:
            body = await read_body(request, hold)
            received = await receiver.receive(signal, body, is_gzip=zipped, is_json=is_json)
        return _taken(signal, received, is_json=is_json)

    return await _answered(request, take, is_json=is_json)


async def _answered(request: Request, take: Callable[[], Awaitable[Response]], *, is_json: bool) -> Response:
    """What `take` answers, or why the request is refused."""
    try:
        return await take()
    except BodyTooLargeError:
        return _refused(too_large(services_of(request).settings.limits.max_ingest_bytes), is_json=is_json)
    except TimeoutError:
        return _refused(TOO_SLOW, is_json=is_json)
    except Exception as error:
        refusal = refusal_of(error)
        if refusal is None:
            raise
        if refusal.retry_after_s is not None:
            logger.warning("a sender is told to come again: %s: %s", type(error).__name__, error)
        return _refused(refusal, is_json=is_json)


async def read_body(request: Request, hold: Hold) -> bytes:
    """The body of `request`, counted while it arrives.

    Raises:
        BusyError: there is no room for it.
        TimeoutError: it takes longer than a minute.
    """
    parts: list[bytes] = []
    async with asyncio.timeout(_BODY_S):
        async for part in request.stream():
            hold.take(len(part))
            parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _taken(signal: Signal, received: Received, *, is_json: bool) -> Response:
    if is_json:
        answer: dict[str, Any] = {}
        if received.reason:
            what = "rejectedSpans" if signal is Signal.TRACES else "rejectedLogRecords"
            answer["partialSuccess"] = {what: str(received.rejected), "errorMessage": received.reason}
        return Response(orjson.dumps(answer), media_type=JSON)
    return Response(response_bytes(signal, received), media_type=PROTOBUF)


def _refused(refusal: Refusal, *, is_json: bool) -> Response:
    """An error in the encoding of the request, as OTLP/HTTP wants it."""
    headers = {} if refusal.retry_after_s is None else {"retry-after": str(refusal.retry_after_s)}
    status = refusal.as_status()
    if is_json:
        body, media_type = orjson.dumps(MessageToDict(status)), JSON
    else:
        body, media_type = status.SerializeToString(), PROTOBUF
    return Response(body, status_code=refusal.status, media_type=media_type, headers=headers)
