"""A real Jaeger on loopback, with its traces in memory: where to send spans, and what it tells of them."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import httpx

from bench.support.ports import free_port
from tests.support import tools
from tests.support.otlp.meaning import read_export
from tests.support.programs.stopping import ended
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

_PORT_TRIES: Final = 5
_START_S: Final = 60.0
_STOP_S: Final = 30.0
_MAX_TRACES: Final = 100_000
_NO_TRACES_OF_ITSELF: Final = {"OTEL_TRACES_SAMPLER": "always_off"}
"""Jaeger sends the traces of its own queries to port 4317 and, at its stop, waits for somebody there."""


class _EndedError(Exception):
    """Jaeger ended before it was ready."""


@dataclass(frozen=True, slots=True)
class Jaeger:
    """A running Jaeger."""

    otlp_grpc: str
    """`host:port` of its OTLP/gRPC receiver."""
    otlp_http: str
    """URL of its OTLP/HTTP receiver, without path."""
    query: str
    """URL of its query API and of its page."""
    process: subprocess.Popen[bytes]

    def link(self, trace_id: str) -> str:
        """Address of a trace on Jaeger's page."""
        return f"{self.query}/trace/{trace_id}"

    def trace(self, trace_id: str) -> ExportTraceServiceRequest | None:
        """A trace as it was stored, by the API that answers with OTLP; None is unknown to Jaeger."""
        answer = httpx.get(f"{self.query}/api/v3/traces/{trace_id}", params={"raw_traces": "true"}, timeout=30)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        assert answer.status_code == httpx.codes.OK, answer.text
        return read_export(json.dumps(answer.json()["result"]).encode())

    def spans(self, trace_id: str) -> list[Span]:
        """The spans of a trace, as often as Jaeger has them; none of a trace that it does not know."""
        groups = request.resource_spans if (request := self.trace(trace_id)) is not None else []
        return [span for of_resource in groups for of_scope in of_resource.scope_spans for span in of_scope.spans]

    def shown(self, trace_id: str) -> dict[str, Any] | None:
        """A trace in the form that Jaeger's page reads (version 1 of its API): spans, processes, warnings."""
        answer = httpx.get(f"{self.query}/api/traces/{trace_id}", timeout=30)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        assert answer.status_code == httpx.codes.OK, answer.text
        (trace,) = answer.json()["data"]
        found: dict[str, Any] = trace
        return found

    def services(self) -> set[str]:
        """The names of all services that have sent something."""
        return set(httpx.get(f"{self.query}/api/v3/services", timeout=30).json().get("services", []))


@contextlib.contextmanager
def running_jaeger(folder: Path, *, otlp_grpc: str | None = None) -> Iterator[Jaeger]:
    """Run a Jaeger until the block ends; its configuration and its log are put into `folder`.

    It is a process group of its own: `leaks.keep(jaeger.process.pid)` for one that outlives a test. `otlp_grpc` is the
    `host:port` where somebody waits for it already; a free port when it is None.
    """
    for attempt in range(_PORT_TRIES):
        with contextlib.ExitStack() as stack:
            try:
                jaeger = stack.enter_context(_started(folder, otlp_grpc))
            except _EndedError:
                if attempt == _PORT_TRIES - 1:
                    raise
                continue  # somebody took a port in between
            yield jaeger
        return


@contextlib.contextmanager
def _started(folder: Path, otlp_grpc: str | None) -> Iterator[Jaeger]:
    grpc, http, query, query_grpc = (f"127.0.0.1:{free_port()}" for _ in range(4))
    grpc = otlp_grpc or grpc
    configuration = folder / "jaeger.yaml"
    # YAML is a superset of JSON.
    configuration.write_text(json.dumps(_configuration(grpc, http, query, query_grpc)), encoding="utf-8")
    log = folder / "jaeger.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [tools.jaeger(), "--config", str(configuration)],
            cwd=folder, env=os.environ | _NO_TRACES_OF_ITSELF, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            start_new_session=True,
        ) as process,
        ended(process, _STOP_S),
    ):  # fmt: skip
        # Receivers are started last: once this one listens, everything does.
        eventually(lambda: _listens(http, process, log), _START_S, what="Jaeger is ready")
        yield Jaeger(grpc, f"http://{http}", f"http://{query}", process)


def _listens(address: str, process: subprocess.Popen[bytes], log: Path) -> bool:
    if process.poll() is not None:
        raise _EndedError(log.read_text(encoding="utf-8", errors="replace"))
    host, _, port = address.rpartition(":")
    with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
        return True
    return False


def _configuration(grpc: str, http: str, query: str, query_grpc: str) -> dict[str, Any]:
    """One receiver, one store in memory, the query API; no other port, not even for its own metrics."""
    return {
        "extensions": {
            "jaeger_storage": {"backends": {"memory": {"memory": {"max_traces": _MAX_TRACES}}}},
            "jaeger_query": {
                "storage": {"traces": "memory"},
                "http": {"endpoint": query},
                "grpc": {"endpoint": query_grpc},
            },
        },
        "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": grpc}, "http": {"endpoint": http}}}},
        "exporters": {"jaeger_storage_exporter": {"trace_storage": "memory"}},
        "service": {
            "extensions": ["jaeger_storage", "jaeger_query"],
            "telemetry": {"metrics": {"level": "none"}, "logs": {"level": "warn"}},
            "pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["jaeger_storage_exporter"]}},
        },
    }
