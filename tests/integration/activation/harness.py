"""A stock application started by the real `opentelemetry-instrument`, and OTLP endpoints on loopback."""

from __future__ import annotations

import contextlib
import gzip
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections import Counter
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import redis
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spantail_exporters.model.keys import RUNS_RECENT
from tests.support.runs.live_runs import StoredRun
from tests.support.tools import ROOT
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

BIN = Path(sys.executable).parent
START_S = 60
STOP_S = 30

STOCK_APP = '''
"""A stock FastAPI application: nothing in it knows of Spantail."""
import asyncio
import logging

from fastapi import BackgroundTasks, FastAPI
from opentelemetry import trace

app = FastAPI()
gates = {}
tracer = trace.get_tracer("app")


@app.get("/healthz")
async def healthz():
    return {}


@app.get("/task/{name}")
async def work(name: str, tasks: BackgroundTasks):
    logging.getLogger("app").warning("working on %s", name)
    tasks.add_task(afterwards)
    with tracer.start_as_current_span("step") as span:
        span.set_attribute("password", "hunter2hunter2")
        await gates.setdefault(name, asyncio.Event()).wait()
    return {"name": name}


async def afterwards():
    with tracer.start_as_current_span("afterwards"):
        await asyncio.sleep(0)


@app.get("/open/{name}")
async def open_gate(name: str):
    gates.setdefault(name, asyncio.Event()).set()
    return {}
'''


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
        elif path != "/v1/metrics":  # which go wherever spans go
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


def clean_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """The environment without settings of telemetry, with the sources of this checkout, then `extra`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "SPANTAIL_", "PYTHON"))}
    sources = os.pathsep.join(str(ROOT / folder) for folder in ("otel", "exporters", "service"))
    return kept | {"PYTHONPATH": sources, "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none", **extra}


@dataclass(frozen=True, slots=True)
class Application:
    """A running server."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"{self.url}{path}", timeout=30) as answer:
            body: bytes = answer.read()
            return body

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and return the exit status."""
        self.process.send_signal(number)
        return self.process.wait(STOP_S)

    def output(self) -> str:
        return self.log.read_text(encoding="utf-8")


@contextlib.contextmanager
def application(
    folder: Path,
    environment: Mapping[str, str],
    *,
    source: str = STOCK_APP,
    prefix: Sequence[str] = (str(BIN / "opentelemetry-instrument"),),
    arguments: Sequence[str] = (),
) -> Iterator[Application]:
    """Run `source` under uvicorn until the block ends."""
    (folder / "app.py").write_text(source, encoding="utf-8")
    log = folder / "app.log"
    with socket.socket() as bound, log.open("wb") as output:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        server = [str(BIN / "uvicorn"), "app:app", "--fd", str(bound.fileno()), "--log-level", "warning", *arguments]
        with subprocess.Popen(
            [*prefix, *server], cwd=folder, env=clean_environment(environment), stdout=output, stderr=subprocess.STDOUT,
            pass_fds=[bound.fileno()],
        ) as process:  # fmt: skip
            bound.close()  # it is the server's now: when that is gone, connections are refused
            try:
                running = Application(url, process, log)
                eventually(lambda: _answers(running), START_S, what="the application answers")
                yield running
            finally:
                if process.poll() is None:
                    process.kill()


def _answers(running: Application) -> bool:
    assert running.process.poll() is None, running.output()
    try:
        running.get("/healthz")
    except urllib.error.HTTPError as error:
        pytest.fail(f"{error}: {running.output()[-2_000:]}", pytrace=False)  # no use in waiting on
    except OSError:
        return False
    return True


def stored_runs(url: str) -> list[StoredRun]:
    """Every run in Redis, in the order of their starts."""
    with redis.Redis.from_url(url) as client:
        run_ids = [run_id.decode() for run_id in client.zrange(RUNS_RECENT, 0, -1)]
    return [StoredRun(url, run_id) for run_id in run_ids]


def run_of(url: str, name: str) -> StoredRun | None:
    """The first run that holds a span of this name."""
    for run in stored_runs(url):
        if any(span["name"] == name for span in run.spans.values()):
            return run
    return None


def assert_each_once(run: StoredRun) -> None:
    """Every span has one final event and at most one start."""
    count: Counter[tuple[str, str]] = Counter()
    for event in run.events:
        if "span_id" in event and event["event"] != "log":
            suffix = event["event"].rpartition("_")[2]
            count[event["span_id"], "start" if suffix == "start" else "end" if event["end"] else "other"] += 1
    for (span_id, what), number in count.items():
        assert what == "other" or number == 1, f"{number} × {what} of {run.spans[span_id]['name']}"
    assert {span["status"] for span in run.spans.values()} <= {"ok", "error"}, "all have ended"
