"""The same OTLP requests into Spantail, Phoenix and MLflow: `python -m bench.peers [--spans N]`.

The others come from PyPI, each in a virtual environment of its own below the user's cache folder, made when it is
first wanted. Each runs as it does for somebody who just starts it: one process, its own embedded storage. One sender,
one request at a time. The clock stops when every run can be read whole over the program's own HTTP API.

Not part of `make bench`: the first time downloads half a gigabyte.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson
import psutil
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench.ingest import make_requests
from bench.servers import free_port, private_redis
from bench.workload import SPANS_PER_RUN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SPANS: Final = 2_000
SPANS_PER_REQUEST: Final = 500
_START_S: Final = 120.0
_DEADLINE_S: Final = 600.0


class Peer(NamedTuple):
    """A program to measure. `command` is below its virtual environment's `bin`; `count` reads an answer."""

    name: str
    package: str
    """What pip installs; empty for ourselves."""
    command: Callable[[int, Path], list[str]]
    environment: Callable[[int, Path], dict[str, str]]
    headers: dict[str, str]
    alive: str
    run: str
    """The path that answers with all spans of the run `{run_id}`."""
    count: Callable[[Any], int]


def peers(redis_url: str) -> list[Peer]:
    """Everybody, ourselves first."""
    return [
        Peer(
            "Spantail",
            "",
            lambda port, _: ["-m", "spantail_service", "serve", "--port", str(port), "--redis-url", redis_url],
            lambda _, __: {"SPANTAIL_OTLP_GRPC_PORT": "off"},
            {},
            "/readyz",
            "/api/traces/{run_id}",
            lambda answer: len(answer["spans"]),
        ),
        Peer(
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
        ),
        Peer(
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
        ),
    ]  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    parser.add_argument("--spans", type=int, default=SPANS, help=f"a multiple of {SPANS_PER_RUN}")
    spans = parser.parse_args().spans
    bodies, _ = make_requests(7, spans, SPANS_PER_REQUEST)
    run_ids = _runs_in(bodies)
    print(
        f"OTLP/HTTP, {spans:,} spans in runs of {SPANS_PER_RUN}, {SPANS_PER_REQUEST} a request, until all are readable"
    )
    print(f"{'':34}{'spans/s':>10}{'CPU ms / 1,000 spans':>24}{'memory before':>16}{'after':>10}")
    with private_redis() as redis_url:
        for peer in peers(redis_url):
            try:
                row = _measure(peer, bodies, run_ids, _redis_process() if not peer.package else None)
            except (OSError, RuntimeError, subprocess.CalledProcessError) as error:
                print(f"{peer.name:34}could not be measured: {error}")
                continue
            print(
                f"{peer.name + ' ' + peer.package:34}{spans / row['wall']:>10,.0f}{row['cpu'] / spans * 1e6:>24,.0f}"
                f"{row['before']:>13,.0f} MB{row['after']:>7,.0f} MB"
            )


def _measure(peer: Peer, bodies: list[bytes], run_ids: list[str], beside: psutil.Process | None) -> dict[str, float]:
    """`beside` is a process that works for the program and counts with it."""
    with tempfile.TemporaryDirectory(prefix="spantail-bench-") as text, _running(peer, Path(text)) as (port, process):
        everybody = [process, *process.children(recursive=True), *([beside] if beside else [])]
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_DEADLINE_S)
        headers = {"content-type": "application/x-protobuf", **peer.headers}
        memory, cpu, begun = _memory_mb(everybody), _cpu_s(everybody), time.perf_counter()
        for body in bodies:
            status, said = _ask(connection, "POST", "/v1/traces", body, headers)
            if status != http.HTTPStatus.OK:
                raise RuntimeError(f"/v1/traces answered {status}: {said[:200]!r}")
        for run_id in reversed(run_ids):  # the last one first: when it is there, the others mostly are
            deadline = time.monotonic() + _DEADLINE_S
            while not _is_whole(connection, peer, run_id):
                if time.monotonic() > deadline:
                    raise RuntimeError(f"run {run_id} was not readable within {_DEADLINE_S:.0f} s")
                time.sleep(0.05)
        wall = time.perf_counter() - begun
        return {"wall": wall, "cpu": _cpu_s(everybody) - cpu, "before": memory, "after": _memory_mb(everybody)}


def _is_whole(connection: http.client.HTTPConnection, peer: Peer, run_id: str) -> bool:
    status, said = _ask(connection, "GET", peer.run.format(run_id=run_id), None, peer.headers)
    with contextlib.suppress(ValueError, KeyError, TypeError):
        return status == http.HTTPStatus.OK and peer.count(orjson.loads(said)) == SPANS_PER_RUN
    return False


@contextlib.contextmanager
def _running(peer: Peer, folder: Path) -> Iterator[tuple[int, psutil.Process]]:
    port = free_port()
    command = peer.command(port, folder)
    if peer.package:
        program = environment_of(peer.package) / "bin" / command[0]
        command = [str(program), *command[1:]]
        # this process' own path and settings are none of theirs
        base = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "OTEL_"))}
    else:
        command = [sys.executable, *command]
        base = dict(os.environ)
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
            _, left = psutil.wait_procs(family, timeout=15)
            for one in left:
                one.kill()


def _await_alive(peer: Peer, port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            status, _ = _ask(http.client.HTTPConnection("127.0.0.1", port, timeout=5), "GET", peer.alive, None, {})
            if status == http.HTTPStatus.OK:
                return
        time.sleep(0.1)
    raise RuntimeError(f"{peer.name} did not start: {log.read_text(errors='replace')[-500:]}")


def environment_of(name: str, *packages: str) -> Path:
    """Make the virtual environment of a package, unless it is there.

    Args:
        name: What it is called: the package itself, as pip takes it.
        packages: What is installed instead, as arguments of pip.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "spantail-bench"
    folder = cache / name.replace("==", "-")
    if not (folder / ".complete").exists():
        print(f"installing {name} in {folder}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        pip = [
            str(folder / "bin" / "python"),
            "-m",
            "pip",
            "--quiet",
            "--disable-pip-version-check",
            "install",
            *(packages or (name,)),
        ]
        subprocess.run(pip, check=True)
        (folder / ".complete").touch()
    return folder


def _runs_in(bodies: list[bytes]) -> list[str]:
    seen: dict[str, None] = {}
    for body in bodies:
        for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            seen |= {span.trace_id.hex(): None for scope in of_resource.scope_spans for span in scope.spans}
    return list(seen)


def _redis_process() -> psutil.Process:
    for child in psutil.Process().children(recursive=True):
        if "redis" in child.name() or "valkey" in child.name():
            return child
    raise RuntimeError("the private Redis is not a child of this process")


def _cpu_s(processes: list[psutil.Process]) -> float:
    times = [process.cpu_times() for process in processes if process.is_running()]
    return sum(one.user + one.system for one in times)


def _memory_mb(processes: list[psutil.Process]) -> float:
    return float(sum(process.memory_info().rss for process in processes if process.is_running())) / 1e6


def _ask(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None, headers: dict[str, str]
) -> tuple[int, bytes]:
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    return response.status, response.read()


if __name__ == "__main__":
    main()
