"""A real OpenTelemetry Collector with collector.yaml, or another configuration, as a process of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from bench.support.ports import free_port
from tests.support import tools
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CONFIGURATION: Final = tools.ROOT / "collector.yaml"
"""What a Collector runs with when no file is named."""

VARIANTS: Final = tools.ROOT / "deploy" / "collector"
"""The folder of the files that go on top of it."""

START_S: Final = 30
STOP_S: Final = 30
_PORT_TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class Ports:
    """Where a Collector listens on loopback; the variables that tell it so are named after the fields."""

    grpc: int = field(default_factory=free_port)
    http: int = field(default_factory=free_port)
    prometheus: int = field(default_factory=free_port)
    metrics: int = field(default_factory=free_port)
    health: int = field(default_factory=free_port)

    def settings(self) -> dict[str, str]:
        """The variables of collector.yaml."""
        return {
            "COLLECTOR_GRPC_PORT": str(self.grpc),
            "COLLECTOR_HTTP_PORT": str(self.http),
            "COLLECTOR_PROMETHEUS_PORT": str(self.prometheus),
            "COLLECTOR_METRICS_PORT": str(self.metrics),
            "COLLECTOR_HEALTH_PORT": str(self.health),
        }


@dataclass(frozen=True, slots=True)
class RunningCollector:
    """A Collector that has answered its health check."""

    ports: Ports
    process: subprocess.Popen[bytes]
    storage: Path
    log: Path

    @property
    def grpc_port(self) -> int:
        """Port of OTLP/gRPC."""
        return self.ports.grpc

    @property
    def http_port(self) -> int:
        """Port of OTLP/HTTP."""
        return self.ports.http

    @property
    def metrics_port(self) -> int:
        """Port of the Collector's own metrics."""
        return self.ports.metrics

    @property
    def prometheus_port(self) -> int:
        """Port of the metrics that went through the Collector."""
        return self.ports.prometheus

    @property
    def health_port(self) -> int:
        """Port of the health check."""
        return self.ports.health

    @property
    def grpc(self) -> str:
        """Address of OTLP/gRPC, `127.0.0.1:port`."""
        return f"127.0.0.1:{self.ports.grpc}"

    @property
    def http(self) -> str:
        """URL of OTLP/HTTP, as in OTEL_EXPORTER_OTLP_ENDPOINT."""
        return f"http://127.0.0.1:{self.ports.http}"

    def output(self) -> str:
        """What it has printed so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def scrape(self, port: int) -> str:
        """The metrics on one of its ports, in the format of OpenMetrics."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/metrics", headers={"Accept": "application/openmetrics-text;version=1.0.0"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            text: str = answer.read().decode()
            return text

    def kill(self) -> None:
        """End it as a crash does; the block around it may end then."""
        self.process.kill()
        self.process.wait(STOP_S)


@contextlib.contextmanager
def running_collector(
    *config_files: Path | str,
    env: Mapping[str, str] | None = None,
    log: Path | None = None,
    storage: Path | None = None,
    ports: Ports | None = None,
) -> Iterator[RunningCollector]:
    """Run a Collector until the block ends; its stop is asked for by SIGTERM and has to succeed.

    Args:
        config_files: Its configuration files, in order; collector.yaml alone without any.
        env: Variables for these files, beside those of the ports. Jaeger's address is one where nobody listens,
            unless it is given.
        log: The file that its output is written to; added to when it exists.
        storage: The folder of its queues; an empty one, removed afterwards, when it is None.
        ports: Where it listens: those of an earlier one, to take its place; free ones when it is None.

    Yields:
        The Collector, when its pipelines have started.
    """
    with contextlib.ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="collector-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        files = [str(file) for file in config_files or (CONFIGURATION,)]
        settings = {
            "COLLECTOR_STORAGE": str(storage or folder / "queues"),
            "JAEGER_ENDPOINT": f"127.0.0.1:{free_port()}",
            **(env or {}),
        }
        output = log or folder / "collector.log"
        chosen, process = _started(files, settings, ports, output)
        stack.callback(_end, process)
        yield RunningCollector(chosen, process, Path(settings["COLLECTOR_STORAGE"]), output)
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            # It is healthy a moment before it listens to signals; one that has done nothing loses nothing.
            assert process.wait(STOP_S) in {0, -signal.SIGTERM}, output.read_text()


def _started(
    files: list[str], settings: dict[str, str], ports: Ports | None, output: Path
) -> tuple[Ports, subprocess.Popen[bytes]]:
    options = [option for file in files for option in ("--config", file)]
    for _ in range(_PORT_TRIES):
        chosen = ports or Ports()
        with output.open("ab") as stream:
            process = subprocess.Popen(
                [tools.collector(), *options],
                env=os.environ | settings | chosen.settings(),
                stdin=subprocess.DEVNULL, stdout=stream, stderr=stream,
            )  # fmt: skip
        if _is_ready(process, chosen.health):
            return chosen, process
        _end(process)
        if ports or b"address already in use" not in output.read_bytes():
            break  # else somebody has taken one of the ports in between
    pytest.fail(f"the Collector did not start:\n{output.read_text()}", pytrace=False)


def _is_ready(process: subprocess.Popen[bytes], health_port: int) -> bool:
    """Wait until it answers its health check, or has ended."""

    def state() -> str:
        if process.poll() is not None:
            return "ended"
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{health_port}/", timeout=1):
            return "ready"
        return ""

    with contextlib.suppress(AssertionError):
        return eventually(state, START_S) == "ready"
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
    process.wait(STOP_S)
