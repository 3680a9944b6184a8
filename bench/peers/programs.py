"""The programs that `bench.peers` measures: ourselves, Jaeger, Phoenix and MLflow, and how each is started.

Phoenix and MLflow come from PyPI, each in a virtual environment of its own below the user's cache folder, made when it
is first wanted. Jaeger is the one that `make test-tools` has built. Each runs as it does for somebody who just starts
it: one process, its own embedded storage; of Jaeger that is its memory.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson
import psutil

from bench.peers.environments import environment_of
from bench.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

JAEGER: Final = Path(__file__).parents[2] / ".tools" / "jaeger" / "jaeger"
_START_S: Final = 120.0
_STOP_S: Final = 15.0
_MAX_TRACES: Final = 1_000_000


class Peer(NamedTuple):
    """A program to measure. `count` reads the answer of the path `run`."""

    name: str
    package: str
    """What pip installs; empty for what does not come from PyPI."""
    command: Callable[[int, Path], list[str]]
    """From a port and a folder. The first word is a path, or of a package the name of its program."""
    environment: Callable[[int, Path], dict[str, str]]
    headers: dict[str, str]
    alive: str
    run: str
    """The path that answers with all spans of the run `{run_id}`."""
    count: Callable[[Any], int]
    query_port: int = 0
    """Where `alive` and `run` are, unless it is the port that takes spans."""


def spantail(redis_url: str) -> Peer:
    """Ourselves."""
    return Peer(
        "Spantail",
        "",
        lambda port, _: [
            sys.executable, "-m", "spantail_service", "serve", "--port", str(port), "--redis-url", redis_url,
        ],
        lambda _, __: {"SPANTAIL_OTLP_GRPC_PORT": "off"},
        {},
        "/readyz",
        "/api/traces/{run_id}",
        lambda answer: len(answer["spans"]),
    )  # fmt: skip


def jaeger() -> Peer:
    """Jaeger with its storage in memory, one receiver and no queue in between."""
    query_port = free_port()

    def command(port: int, folder: Path) -> list[str]:
        configuration = folder / "jaeger.yaml"  # YAML is a superset of JSON
        configuration.write_bytes(orjson.dumps(_jaeger_configuration(port, query_port)))
        return [str(JAEGER), "--config", str(configuration)]

    return Peer(
        "Jaeger",
        "",
        command,
        # else it sends the traces of its own queries to port 4317
        lambda _, __: {"OTEL_TRACES_SAMPLER": "always_off"},
        {},
        "/api/v3/services",
        "/api/v3/traces/{run_id}?raw_traces=true",
        lambda answer: sum(
            len(scope["spans"]) for group in answer["result"]["resourceSpans"] for scope in group["scopeSpans"]
        ),
        query_port,
    )


def _jaeger_configuration(port: int, query_port: int) -> dict[str, Any]:
    def endpoint(number: int) -> dict[str, str]:
        return {"endpoint": f"127.0.0.1:{number}"}

    query = {"storage": {"traces": "memory"}, "http": endpoint(query_port), "grpc": endpoint(free_port())}
    return {
        "extensions": {
            "jaeger_storage": {"backends": {"memory": {"memory": {"max_traces": _MAX_TRACES}}}},
            "jaeger_query": query,
        },
        "receivers": {"otlp": {"protocols": {"http": endpoint(port)}}},
        "exporters": {"jaeger_storage_exporter": {"trace_storage": "memory"}},
        "service": {
            "extensions": ["jaeger_storage", "jaeger_query"],
            "telemetry": {"metrics": {"level": "none"}, "logs": {"level": "warn"}},
            "pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["jaeger_storage_exporter"]}},
        },
    }


def phoenix() -> Peer:
    """Phoenix."""
    return Peer(
        "Phoenix",
        "arize-phoenix==20.26.1",
        lambda _, __: ["phoenix", "serve"],
        lambda port, folder: {
            "PHOENIX_HOST": "127.0.0.1",
            "PHOENIX_PORT": str(port),
            "PHOENIX_GRPC_PORT": str(free_port()),
            "PHOENIX_WORKING_DIR": str(folder),
            "PHOENIX_TELEMETRY_ENABLED": "false",
        },
        {},
        "/healthz",
        "/v1/projects/default/spans?limit=1000&trace_id={run_id}",
        lambda answer: len(answer["data"]),
    )


def mlflow() -> Peer:
    """MLflow."""
    return Peer(
        "MLflow",
        "mlflow==3.17.2",
        lambda port, folder: [
            "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
            "--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", str(folder),
        ],
        lambda _, __: {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"},
        {"x-mlflow-experiment-id": "0"},
        "/health",
        "/api/3.0/mlflow/traces/get?trace_id=tr-{run_id}",
        lambda answer: len(answer["trace"].get("spans", ())),
    )  # fmt: skip


@contextlib.contextmanager
def running(peer: Peer, folder: Path) -> Iterator[tuple[int, psutil.Process]]:
    """Run a program until the block ends; yields the port that takes spans, and the process.

    Raises:
        RuntimeError: it did not start.
        OSError: there is no such program.
    """
    port = free_port()
    command = peer.command(port, folder)
    base = dict(os.environ)
    if peer.package:
        command[0] = str(environment_of(peer.package) / "bin" / command[0])
        # this process' own path and settings are none of theirs
        base = {name: value for name, value in base.items() if not name.startswith(("PYTHON", "OTEL_"))}
    log = (folder / "output.log").open("wb")
    with log, subprocess.Popen(
        command, stdout=log, stderr=log, cwd=folder, env=base | peer.environment(port, folder)
    ) as process:  # fmt: skip
        try:
            _await_alive(peer, port, process, folder / "output.log")
            yield port, psutil.Process(process.pid)
        finally:
            family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
            process.terminate()
            _, left = psutil.wait_procs(family, timeout=_STOP_S)
            for one in left:
                one.kill()


def _await_alive(peer: Peer, port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", peer.query_port or port, timeout=5)
            with contextlib.closing(connection):
                connection.request("GET", peer.alive)
                if connection.getresponse().status == http.HTTPStatus.OK:
                    return
        time.sleep(0.1)
    raise RuntimeError(f"{peer.name} did not start: {log.read_text(errors='replace')[-500:]}")
