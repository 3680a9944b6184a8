"""An OTLP/HTTP endpoint on loopback: keeps what it is sent, and reads it."""

from __future__ import annotations

import contextlib
import gzip
import threading
from collections import Counter
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord


def value_of(value: AnyValue) -> Any:
    """An OTLP value as Python has it."""
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [value_of(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return attributes_of(value.kvlist_value.values)
    return getattr(value, kind)


def attributes_of(pairs: Sequence[KeyValue]) -> dict[str, Any]:
    """OTLP attributes as a dict."""
    return {pair.key: value_of(pair.value) for pair in pairs}


@dataclass(frozen=True, slots=True)
class Record:
    """A log record as it arrived."""

    name: str
    trace_id: str
    span_id: str
    attributes: dict[str, Any]
    resource: dict[str, Any]
    raw: LogRecord
    scope: InstrumentationScope


class Endpoint:
    """An OTLP/HTTP endpoint that keeps what it is sent; `status` is what it answers with."""

    def __init__(self) -> None:
        self.status = 200
        self.traces: list[ExportTraceServiceRequest] = []
        self.logs: list[ExportLogsServiceRequest] = []
        self.metrics: list[ExportMetricsServiceRequest] = []
        self.bodies: list[bytes] = []
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers["content-encoding"] == "gzip":
                    body = gzip.decompress(body)
                if endpoint.status == 200:
                    endpoint.take(self.path, body)
                self.send_response(endpoint.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def take(self, path: str, body: bytes) -> None:
        self.bodies.append(body)
        if path == "/v1/logs":
            self.logs.append(ExportLogsServiceRequest.FromString(body))
        elif path == "/v1/metrics":  # they go wherever spans go
            self.metrics.append(ExportMetricsServiceRequest.FromString(body))
        else:
            self.traces.append(ExportTraceServiceRequest.FromString(body))

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def spans(self) -> Counter[str]:
        """How often each span arrived, by name and span id."""
        return Counter(
            f"{span.name} {span.span_id.hex()}"
            for request in list(self.traces)
            for group in request.resource_spans
            for scope in group.scope_spans
            for span in scope.spans
        )

    def names(self) -> Counter[str]:
        """How often a span of each name arrived."""
        found: Counter[str] = Counter()
        for span, count in self.spans().items():
            found[span.rpartition(" ")[0]] += count
        return found

    def resources(self) -> list[dict[str, Any]]:
        """The resource of every group of spans."""
        return [attributes_of(group.resource.attributes) for request in self.traces for group in request.resource_spans]

    def records(self, name: str | None = None) -> list[Record]:
        """The log records in the order of their arrival; of one event name (`""`: plain log lines)."""
        return records_of(self.logs, name)


def records_of(requests: Sequence[ExportLogsServiceRequest], name: str | None = None) -> list[Record]:
    """The log records of requests, in order."""
    return [
        Record(
            record.event_name,
            record.trace_id.hex(),
            record.span_id.hex(),
            attributes_of(record.attributes),
            attributes_of(group.resource.attributes),
            record,
            scope.scope,
        )
        for request in list(requests)
        for group in request.resource_logs
        for scope in group.scope_logs
        for record in scope.log_records
        if name is None or record.event_name == name
    ]


@contextlib.contextmanager
def otlp_endpoint() -> Iterator[Endpoint]:
    """Run an endpoint until the block ends."""
    endpoint = Endpoint()
    try:
        yield endpoint
    finally:
        endpoint.close()
