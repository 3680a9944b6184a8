"""``POST /v1/traces``: OTLP/HTTP in, as the OTLP specification says (section "OTLP/HTTP")."""

from __future__ import annotations

import logging

from fastapi import APIRouter, Request, Response
from google.rpc.code_pb2 import (  # type: ignore[import-untyped]
    INVALID_ARGUMENT,
    RESOURCE_EXHAUSTED,
    UNAVAILABLE,
)
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from redis.exceptions import ResponseError

from spantail_service.errors import REDIS_UNREACHABLE, RETRY_AFTER_S, ProblemError, is_passing
from spantail_service.ingest.decode import DecodedTooLargeError, MalformedRequestError, gunzip
from spantail_service.security import BodyTooLargeError
from spantail_service.services import services_of

router = APIRouter(tags=["otlp"])
logger = logging.getLogger(__name__)

PROTOBUF = "application/x-protobuf"


@router.post(
    "/v1/traces",
    summary="OTLP traces (protobuf, gzip or plain)",
    openapi_extra={"requestBody": {"required": True, "content": {PROTOBUF: {"schema": {"type": "string"}}}}},
)
async def receive_traces(request: Request) -> Response:
    """200 with an ``ExportTraceServiceResponse`` once everything is stored; errors carry a ``Status``."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != PROTOBUF:
        raise ProblemError(415, "unsupported-media-type", f"This route takes {PROTOBUF}.")
    services = services_of(request)
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("gzip", "identity", ""):
        return _refusal(415, INVALID_ARGUMENT, "Content-Encoding must be gzip or identity.")
    try:
        body = await request.body()
        if encoding == "gzip":
            body = gunzip(body, services.settings.max_ingest_decoded_bytes)
        received = await services.receiver.receive(body)
    except MalformedRequestError as error:
        return _refusal(400, INVALID_ARGUMENT, str(error))
    except BodyTooLargeError as error:
        return _refusal(413, RESOURCE_EXHAUSTED, str(error.detail))
    except DecodedTooLargeError:
        return _refusal(413, RESOURCE_EXHAUSTED, "The unzipped body is too large.")
    except (*REDIS_UNREACHABLE, ResponseError) as error:
        if isinstance(error, ResponseError) and not is_passing(error):
            raise
        logger.warning("Redis cannot take spans at the moment: %s", error)
        return _refusal(503, UNAVAILABLE, "The spans cannot be stored at the moment.", RETRY_AFTER_S)
    answer = ExportTraceServiceResponse()
    if received.rejected:
        answer.partial_success.rejected_spans = received.rejected
        answer.partial_success.error_message = received.reason
    return Response(answer.SerializeToString(), media_type=PROTOBUF)


def _refusal(status: int, code: int, message: str, retry_after_s: int | None = None) -> Response:
    """An error in the encoding of the request, as OTLP/HTTP wants it."""
    headers = {} if retry_after_s is None else {"retry-after": str(retry_after_s)}
    body = Status(code=code, message=message).SerializeToString()
    return Response(body, status_code=status, media_type=PROTOBUF, headers=headers)
