"""Everything on this machine, on loopback, from programs that are installed or built here; Ctrl-C ends all of it.

Spantail on demo data (with its Redis, two workers and a runner beside them) sends what is finished to a Collector. That
hands spans to Jaeger, and figures to Prometheus, which reads the service and the Collector itself too. Applications may
send to the Collector: what starts there is live in Spantail.
"""

from __future__ import annotations

import argparse
import contextlib
import http
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROOT: Final = Path(__file__).resolve().parents[1]
_START_S: Final = 90.0
_STOP_S: Final = 30.0
_LOOK_S: Final = 0.1
_PORTS: Final = {
    "spantail": 8321, "spantail_grpc": 4327,
    "collector_grpc": 4317, "collector_http": 4318, "collector_prometheus": 8889, "collector_metrics": 8888,
    "collector_health": 13133,
    "jaeger": 16686, "jaeger_grpc": 14317, "jaeger_query_grpc": 16685,
    "prometheus": 9090,
}  # fmt: skip
_LOWEST_FREE: Final = 20_000
_FREE: Final = 12_000
_FAILED: Final = 1


class StackError(Exception):
    """It cannot be started; the message is for the person who wanted it."""


class Program(NamedTuple):
    """One part of the stack."""

    name: str
    command: Sequence[str]
    ready_url: str
    """Answers 200 once it is ready."""
    environment: Mapping[str, str]


def main() -> int:
    """Run the stack; the exit code."""
    arguments = _arguments()
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stopping.set())
    try:
        ports = _free_ports() if arguments.free_ports else _own_ports()
        _run(_programs(), ports, arguments.folder.absolute(), stopping)
    except StackError as error:
        print(f"stack: {error}", file=sys.stderr)
        return _FAILED
    return 0


def _run(paths: Mapping[str, str], ports: Mapping[str, int], folder: Path, stopping: threading.Event) -> None:
    """Start everything, say where it is, and keep it until `stopping` is set.

    Raises:
        StackError: A part did not come up, or has ended; the others are stopped.
    """
    logs = folder / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    parts = [make(paths, ports, folder) for make in (_jaeger, _collector, _prometheus, _spantail)]
    with contextlib.ExitStack() as stack:
        running = {}
        for part in parts:
            running[part.name] = stack.enter_context(_running(part, logs / f"{part.name}.log", stopping))
        redis_url = _redis_url(logs / "spantail.log", stopping)
        if not stopping.is_set():
            _say(ports, redis_url, folder)
        while not stopping.wait(_LOOK_S):
            for name, process in running.items():
                if process.poll() is not None:
                    raise StackError(_ended(name, process, logs / f"{name}.log"))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make stack", description=__doc__)
    parser.add_argument("--free-ports", action="store_true", help="take free ports instead of each program's own")
    parser.add_argument(
        "--folder", type=Path, default=ROOT / ".spantail" / "stack", help="for data and logs (.spantail/stack)"
    )
    return parser.parse_args()


def _programs() -> dict[str, str]:
    """Where the programs are that are not part of Spantail.

    Raises:
        StackError: Some are missing; all of them are named.
    """
    tools = ROOT / ".tools"
    wanted = {
        "collector": (tools / "otelcol" / "otelcol", "otelcol-contrib", "make test-tools builds one where Go is"),
        "jaeger": (tools / "jaeger" / "jaeger", "jaeger", "make test-tools builds one where Go is"),
        "prometheus": (None, "prometheus", "install your system's package prometheus"),
    }
    found, missing = {}, []
    for name, (built, command, advice) in wanted.items():
        path = str(built) if built is not None and built.exists() else shutil.which(command)
        if path is None:
            missing.append(f"no {name}: there is no {command} on PATH; {advice}")
        else:
            found[name] = path
    if missing:
        raise StackError("\n       ".join(missing))
    return found


def _own_ports() -> dict[str, int]:
    for name, port in _PORTS.items():
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind(("127.0.0.1", port))
            except OSError:
                raise StackError(
                    f"port {port} ({name}) is taken. Stop who has it, or take free ports: make stack ARGS=--free-ports"
                ) from None
    return dict(_PORTS)


def _free_ports() -> dict[str, int]:
    """Ports that nobody has, none of those that systems give to outgoing connections: parts take theirs in a minute."""
    with contextlib.ExitStack() as stack:  # all at once, so that they differ
        found: dict[str, int] = {}
        while len(found) < len(_PORTS):
            port = _LOWEST_FREE + secrets.randbelow(_FREE)
            tried = stack.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                tried.bind(("127.0.0.1", port))
                found[list(_PORTS)[len(found)]] = port
        return found


def _written(path: Path, configuration: Mapping[str, Any]) -> str:
    path.write_text(json.dumps(configuration, indent=2), encoding="utf-8")  # YAML is a superset of JSON
    return str(path)


def _jaeger(paths: Mapping[str, str], ports: Mapping[str, int], folder: Path) -> Program:
    url = f"http://127.0.0.1:{ports['jaeger']}"
    configuration = {
        "extensions": {
            "jaeger_storage": {"backends": {"memory": {"memory": {"max_traces": 50_000}}}},
            "jaeger_query": {
                "storage": {"traces": "memory"},
                "http": {"endpoint": f"127.0.0.1:{ports['jaeger']}"},
                "grpc": {"endpoint": f"127.0.0.1:{ports['jaeger_query_grpc']}"},
            },
        },
        "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": f"127.0.0.1:{ports['jaeger_grpc']}"}}}},
        "exporters": {"jaeger_storage_exporter": {"trace_storage": "memory"}},
        "service": {
            "extensions": ["jaeger_storage", "jaeger_query"],
            "telemetry": {"metrics": {"level": "none"}},
            "pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["jaeger_storage_exporter"]}},
        },
    }
    command = [paths["jaeger"], "--config", _written(folder / "jaeger.json", configuration)]
    # It would send the traces of its own queries to port 4317.
    return Program("jaeger", command, f"{url}/api/v3/services", {"OTEL_TRACES_SAMPLER": "always_off"})


def _collector(paths: Mapping[str, str], ports: Mapping[str, int], folder: Path) -> Program:
    files = [ROOT / "collector.yaml", ROOT / "deploy" / "collector" / "live.yaml"]
    settings = {name.upper() + "_PORT": str(port) for name, port in ports.items() if name.startswith("collector_")}
    settings |= {
        "COLLECTOR_STORAGE": str(folder / "collector"),
        "JAEGER_ENDPOINT": f"127.0.0.1:{ports['jaeger_grpc']}",
        "SPANTAIL_ENDPOINT": f"127.0.0.1:{ports['spantail_grpc']}",
    }
    command = [paths["collector"], *(f"--config={file}" for file in files)]
    return Program("collector", command, f"http://127.0.0.1:{ports['collector_health']}/", settings)


def _prometheus(paths: Mapping[str, str], ports: Mapping[str, int], folder: Path) -> Program:
    rules = ROOT / "deploy" / "prometheus"
    jobs = {"spantail": "spantail", "otel": "collector_prometheus", "otel-collector": "collector_metrics"}
    configuration = {
        "global": {"scrape_interval": "5s", "evaluation_interval": "5s"},
        "rule_files": [str(rules / "recording.yml"), str(rules / "alerts.yml")],
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{ports[port]}"]}]}
            for job, port in jobs.items()
        ],
    }
    url = f"http://127.0.0.1:{ports['prometheus']}"
    command = [
        paths["prometheus"],
        f"--config.file={_written(folder / 'prometheus.json', configuration)}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{ports['prometheus']}",
        "--enable-feature=exemplar-storage",
    ]
    return Program("prometheus", command, f"{url}/-/ready", {})


def _spantail(_: Mapping[str, str], ports: Mapping[str, int], folder: Path) -> Program:
    settings = {
        "SPANTAIL_OTLP_GRPC_PORT": str(ports["spantail_grpc"]),
        "SPANTAIL_RUNNERS": "3",
        "SPANTAIL_JAEGER_LINK": f"http://127.0.0.1:{ports['jaeger']}/trace/{{trace_id}}",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{ports['collector_http']}",
        "OTEL_METRIC_EXPORT_INTERVAL": os.environ.get("OTEL_METRIC_EXPORT_INTERVAL", "5000"),
    }
    options = ["--port", str(ports["spantail"]), "--data-dir", str(folder / "spantail"), "--workers", "2"]
    command = [sys.executable, "-m", "spantail_service", "demo", *options]
    return Program("spantail", command, f"http://127.0.0.1:{ports['spantail']}/readyz", settings)


@contextlib.contextmanager
def _running(part: Program, log: Path, stopping: threading.Event) -> Iterator[subprocess.Popen[bytes]]:
    """Start a part and wait until it is ready, or until the stack is to stop; at the end it is stopped.

    Raises:
        StackError: It did not come up.
    """
    with (
        log.open("wb") as output,
        subprocess.Popen(
            part.command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            env={**os.environ, **part.environment},
            start_new_session=True,  # Ctrl-C is for us: they are stopped one after the other
        ) as process,
    ):  # fmt: skip
        try:
            _await_ready(part, process, log, stopping)
            yield process
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_S)
            if process.poll() is None:
                print(f"stack: {part.name} did not stop, it is killed", file=sys.stderr)
                process.kill()


def _await_ready(part: Program, process: subprocess.Popen[bytes], log: Path, stopping: threading.Event) -> None:
    waited_s = 0.0
    while not _answers(part.ready_url):
        if process.poll() is not None:
            raise StackError(_ended(part.name, process, log))
        if waited_s > _START_S:
            raise StackError(f"{part.name} was not ready within {_START_S:g} s. Its log is {log}")
        if stopping.wait(_LOOK_S):
            return
        waited_s += _LOOK_S


def _answers(url: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2) as answer:
        return bool(answer.status == http.HTTPStatus.OK)
    return False


def _ended(name: str, process: subprocess.Popen[bytes], log: Path) -> str:
    last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-10:]
    return "\n  ".join([f"{name} ended with code {process.returncode}. Its log, {log}, ends:", *last])


def _redis_url(log: Path, stopping: threading.Event) -> str:
    """What the service says of its Redis once all of its workers are there; empty where it does not."""
    for _ in range(int(_START_S / _LOOK_S)):
        found = re.search(r"SPANTAIL_REDIS_URL=(\S+)", log.read_text(encoding="utf-8", errors="replace"))
        if found or stopping.wait(_LOOK_S):
            return found[1] if found else ""
    return ""


def _say(ports: Mapping[str, int], redis_url: str, folder: Path) -> None:
    rows = {
        "Spantail": f"http://127.0.0.1:{ports['spantail']}   work begins when somebody looks",
        "Jaeger": f"http://127.0.0.1:{ports['jaeger']}",
        "Prometheus": f"http://127.0.0.1:{ports['prometheus']}",
        "Collector": f"http://127.0.0.1:{ports['collector_http']}   OTLP/HTTP; gRPC on {ports['collector_grpc']}",
        "Redis": redis_url,
        "logs": str(folder / "logs"),
        "stop": "Ctrl-C",
    }
    for name, where in rows.items():
        print(f"  {name:<10} {where}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
