"""The answers to senders as OTLP defines them: responses, and HTTP status and gRPC code of a refusal (pure).

OTLP specification 1.x, "OTLP/HTTP Response", "OTLP/gRPC Response": 429, 502, 503 and 504, or UNAVAILABLE, are tried
again; everything else makes the sender drop its data.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from google.rpc.code_pb2 import (  # type: ignore[import-untyped]
    INVALID_ARGUMENT,
    RESOURCE_EXHAUSTED,
    UNAVAILABLE,
    UNIMPLEMENTED,
)
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from spantail_exporters.redis.errors import will_be_back
from spantail_service.bounds.byte_budget import BusyError
from spantail_service.errors import RETRY_AFTER_S
from spantail_service.ingest.decoding.body import (
    DecodedTooLargeError,
    MalformedRequestError,
    TooManyError,
    UnknownEncodingError,
)
from spantail_service.ingest.decoding.entries import Received, Signal


class Refusal(NamedTuple):
    """`retry_after_s` is None where sending it again would not help."""

    status: int
    code: int
    message: str
    retry_after_s: int | None = None

    def as_status(self) -> Status:
        """The `google.rpc.Status` that says so, with `RetryInfo` where it may be tried again."""
        status = Status(code=self.code, message=self.message)
        if self.retry_after_s is not None:
            info = RetryInfo()
            info.retry_delay.seconds = self.retry_after_s
            status.details.add().Pack(info)
        return status


TOO_SLOW: Final = Refusal(408, INVALID_ARGUMENT, "The body did not arrive in time.")
_NO_METRICS: Final = (
    "No metrics are kept here: send them to a Collector (OTEL_EXPORTER_OTLP_METRICS_ENDPOINT), "
    "or set OTEL_METRICS_EXPORTER=none."
)


def too_large(limit: int) -> Refusal:
    """The body as sent is larger than `limit` bytes."""
    return Refusal(413, RESOURCE_EXHAUSTED, f"The request body is larger than {limit} bytes: send smaller batches.")


def refusal_of(error: Exception) -> Refusal | None:
    """The answer to the sender; None when the error is a defect of ours."""
    match error:
        case MalformedRequestError():
            return Refusal(400, INVALID_ARGUMENT, str(error))
        case UnknownEncodingError():
            return Refusal(415, UNIMPLEMENTED, str(error))
        case DecodedTooLargeError() | TooManyError():
            return Refusal(413, RESOURCE_EXHAUSTED, str(error))
        case BusyError():
            return Refusal(503, UNAVAILABLE, "Too many requests are under way.", RETRY_AFTER_S)
        case _ if will_be_back(error):
            return Refusal(503, UNAVAILABLE, "The data cannot be stored at the moment.", RETRY_AFTER_S)
    return None


def response_bytes(signal: Signal, received: Received) -> bytes:
    """The response message in protobuf; empty when nothing was rejected, as the specification wants it."""
    if not received.reason:
        return b""
    if signal is Signal.TRACES:
        spans = ExportTraceServiceResponse()
        spans.partial_success.rejected_spans = received.rejected
        spans.partial_success.error_message = received.reason
        return bytes(spans.SerializeToString())
    logs = ExportLogsServiceResponse()
    logs.partial_success.rejected_log_records = received.rejected
    logs.partial_success.error_message = received.reason
    return bytes(logs.SerializeToString())


def no_metrics() -> ExportMetricsServiceResponse:
    """The answer to metrics. SDKs send them wherever spans go: refused, they would complain each minute."""
    answer = ExportMetricsServiceResponse()
    answer.partial_success.error_message = _NO_METRICS
    return answer
