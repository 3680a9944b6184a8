"""A place to export to: an HTTP server on loopback that keeps every OTLP trace and log request it is sent."""

from __future__ import annotations

import contextlib
import gzip
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Final, TypeVar

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROTOBUF: Final = "application/x-protobuf"


@dataclass
class Kept:
    """What has arrived, in its order, and where to send more."""

    url: str = ""
    traces: list[ExportTraceServiceRequest] = field(default_factory=list)
    logs: list[ExportLogsServiceRequest] = field(default_factory=list)


@contextlib.contextmanager
def otlp_sink() -> Iterator[Kept]:
    """Run a sink until the block ends. A trace request is one whose path ends in `/v1/traces`, logs likewise."""
    kept = Kept()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            # what Logfire asks of its backend before it sends
            self._answer(b'{"project_name": "spantail", "project_url": "http://127.0.0.1/"}', "application/json")

        def do_POST(self) -> None:
            body = self._body()
            content_type = self.headers.get("content-type", "").partition(";")[0]
            if self.path.endswith("/v1/traces"):
                with lock:
                    kept.traces.append(_read(ExportTraceServiceRequest(), body, content_type))
            elif self.path.endswith("/v1/logs"):
                with lock:
                    kept.logs.append(_read(ExportLogsServiceRequest(), body, content_type))
            self._answer(b"{}" if content_type == "application/json" else b"", content_type or _PROTOBUF)

        def _body(self) -> bytes:
            if self.headers.get("transfer-encoding", "").lower() == "chunked":
                body = b""
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
            else:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
            return gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body

        def _answer(self, body: bytes, content_type: str) -> None:
            self.send_response(200)
            self.send_header("content-type", content_type)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class' name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    kept.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


Message = TypeVar("Message", ExportTraceServiceRequest, ExportLogsServiceRequest)


def _read(message: Message, body: bytes, content_type: str) -> Message:
    if content_type != _PROTOBUF:
        raise ValueError(f"the sink takes protobuf, not {content_type}")
    message.ParseFromString(body)
    return message
