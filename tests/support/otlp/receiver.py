"""An OTLP/gRPC receiver on loopback, in the place of Jaeger or Spantail: keeps what it is sent."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import grpc
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as log_messages
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2_grpc as log_service
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as messages
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs
    from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span

_THREADS: Final = 2


@dataclass
class Received:
    """What has arrived so far, and where to send more."""

    endpoint: str = ""
    batches: list[ResourceSpans] = field(default_factory=list)
    logs: list[ResourceLogs] = field(default_factory=list)
    authorizations: set[str] = field(default_factory=set)

    def spans(self) -> dict[str, Span]:
        """Every span by its name."""
        return {span.name: span for batch in self.batches for scope in batch.scope_spans for span in scope.spans}

    def records(self) -> list[LogRecord]:
        """Every log record, in the order of arrival."""
        return [record for batch in self.logs for scope in batch.scope_logs for record in scope.log_records]

    def resource(self) -> dict[str, str]:
        """String attributes of the resource that came first."""
        return {item.key: item.value.string_value for item in self.batches[0].resource.attributes}

    def note(self, context: grpc.ServicerContext) -> None:
        """Keep what a sender says of itself."""
        self.authorizations |= {str(value) for key, value in context.invocation_metadata() if key == "authorization"}


class _TraceService(service.TraceServiceServicer):
    def __init__(self, received: Received) -> None:
        self._received = received

    def Export(
        self, request: messages.ExportTraceServiceRequest, context: grpc.ServicerContext
    ) -> messages.ExportTraceServiceResponse:
        self._received.note(context)
        self._received.batches.extend(request.resource_spans)
        return messages.ExportTraceServiceResponse()


class _LogsService(log_service.LogsServiceServicer):
    def __init__(self, received: Received) -> None:
        self._received = received

    def Export(
        self, request: log_messages.ExportLogsServiceRequest, context: grpc.ServicerContext
    ) -> log_messages.ExportLogsServiceResponse:
        self._received.note(context)
        self._received.logs.extend(request.resource_logs)
        return log_messages.ExportLogsServiceResponse()


@contextlib.contextmanager
def otlp_receiver(address: str = "127.0.0.1:0", *, certificate: tuple[Path, Path] | None = None) -> Iterator[Received]:
    """Run a receiver until the block ends, on a free port unless one is named.

    Args:
        address: Where it listens.
        certificate: Files of a certificate and its key: it speaks TLS then.
    """
    received = Received()
    with ThreadPoolExecutor(max_workers=_THREADS) as threads:
        # All threads now: a test that is sent something by a receiver of its module would seem to leave one behind.
        all_there = threading.Barrier(_THREADS + 1)
        for _ in range(_THREADS):
            threads.submit(all_there.wait, 10)
        all_there.wait(10)
        server = grpc.server(threads)
        service.add_TraceServiceServicer_to_server(_TraceService(received), server)  # type: ignore[no-untyped-call]
        log_service.add_LogsServiceServicer_to_server(_LogsService(received), server)  # type: ignore[no-untyped-call]
        if certificate is None:
            port = server.add_insecure_port(address)
        else:
            made, key = (path.read_bytes() for path in certificate)
            port = server.add_secure_port(address, grpc.ssl_server_credentials([(key, made)]))
        received.endpoint = f"127.0.0.1:{port}"
        server.start()
        try:
            yield received
        finally:
            server.stop(grace=None).wait(timeout=5)
