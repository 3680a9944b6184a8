"""The applications: how each is started, as a user does it, and the run that it has made."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

from tests.support.strict import missing
from tests.support.tools import ROOT, TOOLS
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.integration.clients.conftest import Receiver
    from tests.support.programs.collectors import RunningCollector
    from tests.support.service.process import ServiceProcess

RUN_S: Final = 120
_EXAMPLES: Final = TOOLS / "examples"


def go_program(name: str, folder: str) -> list[str]:
    """A program in Go that `make test-tools` has built."""
    program = TOOLS / folder / name
    if not program.exists():
        missing(f"no {name}: `make test-tools` builds it, with Go on PATH")
    return [str(program)]


def java_example() -> list[str]:
    """The Java example under the agent. It lives for a second, so its compiler is the quicker one."""
    folder = _EXAMPLES / "java"
    if not (folder / "built-from").exists() or not shutil.which("java"):
        missing("the Java example is not built: `make test-tools` builds it, with a JDK and Maven on PATH")
    paths = os.pathsep.join([str(folder / "classes"), str(folder / "jars" / "*")])
    agent = f"-javaagent:{folder / 'jars' / 'opentelemetry-javaagent.jar'}"
    return ["java", "-XX:TieredStopAtLevel=1", agent, "-cp", paths, "Answer"]


def node_program(source: Path, folder: Path, *arguments: str) -> list[str]:
    """A program for Node.js: a copy of what stands in `source`, beside the packages of its lock file, in `folder`."""
    packages = TOOLS / source.relative_to(ROOT) / "node_modules"
    if not packages.is_dir():
        missing(f"no packages for {source.relative_to(ROOT)}: `make test-tools` installs them")
    for script in source.glob("*.mjs"):
        shutil.copy(script, folder)
    (folder / "node_modules").symlink_to(packages)
    return [str(ROOT / "deploy" / "node"), "node", *arguments]


def sends_to(door: Receiver | RunningCollector, protocol: str) -> dict[str, str]:
    """What tells an SDK where to send, and in which protocol of OTEL_EXPORTER_OTLP_PROTOCOL. No metrics."""
    endpoint = f"http://{door.grpc}" if protocol == "grpc" else door.http
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
        "OTEL_METRICS_EXPORTER": "none",
    }


def output_of(command: list[str], folder: Path, environment: Mapping[str, str]) -> str:
    """What a program prints that runs to a good end."""
    settings = {**os.environ, "VENV": sys.prefix, **environment}
    answer = subprocess.run(
        command, cwd=folder, env=settings, capture_output=True, text=True, timeout=RUN_S, check=False
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


def run_id_in(text: str) -> str:
    """The run whose address was printed."""
    (found,) = re.findall(r"/runs/([0-9a-f]{32})$", text.strip(), re.MULTILINE)
    return str(found)


def whole_trace(service: ServiceProcess, run_id: str, spans: int) -> dict[str, Any]:
    """The snapshot of a run that has settled, with that many spans, see `trace_of`."""

    def arrived() -> dict[str, Any] | None:
        runs = {run["run_id"]: run for run in service.json("/api/runs?limit=100")["runs"]}
        if runs.get(run_id, {}).get("status") not in {"completed", "failed"} or runs[run_id]["spans"] < spans:
            return None
        return trace_of(service, run_id)

    return eventually(arrived, timeout_s=30, what=f"run {run_id} with {spans} spans") or {}


def trace_of(service: ServiceProcess, run_id: str) -> dict[str, Any]:
    """The snapshot of a run; beside it, as `ended`, the ids of its spans in the order in which their ends came."""
    trace: dict[str, Any] = service.json(f"/api/traces/{run_id}")
    events = service.json(f"/api/logs/{run_id}")["logs"]
    return {**trace, "ended": [event["span_id"] for event in events if event.get("end") is not None]}
