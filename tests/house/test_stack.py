"""`make stack`: everything comes up, a run goes through all of it, and Ctrl-C leaves nothing."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import psutil
import pytest

from tests.support import tools
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SEARCH = {"job_titles": ["engineer"], "sources": ["himalayas"], "max_results": 2}
START_S, STOP_S = 180, 90


class Stack:
    """A running stack, and what it has said."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def said(self) -> str:
        return self._log.read_text(encoding="utf-8")

    @property
    def urls(self) -> dict[str, str]:
        return dict(re.findall(r"^ +(\w+) +(http://\S+)", self.said, re.MULTILINE))

    def await_ready(self) -> None:
        eventually(lambda: "Ctrl-C" in self.said or self.process.poll() is not None, START_S, what="the stack is ready")
        assert self.process.poll() is None, self.said


@contextmanager
def running_stack(folder: Path, *options: str, **environment: str) -> Iterator[Stack]:
    log = folder / "stack.log"
    command = [sys.executable, "-m", "deploy.stack", "--folder", str(folder / "data"), *options]
    with (
        log.open("w", encoding="utf-8") as output,
        subprocess.Popen(
            command, cwd=tools.ROOT, stdout=output, stderr=output, text=True, env=os.environ | environment
        ) as process,
    ):
        try:
            yield Stack(process, log)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.wait(STOP_S)


def test_a_demo_run_is_in_jaeger_and_its_cost_in_prometheus(tmp_path: Path) -> None:
    for program in (tools.collector, tools.jaeger, tools.prometheus):
        program()
    fast = {"OTEL_METRIC_EXPORT_INTERVAL": "1000", "SPANTAIL_CLAUDE_COMMAND": "no-such-command"}
    with running_stack(tmp_path, "--free-ports", **fast) as stack:
        stack.await_ready()
        children = psutil.Process(stack.process.pid).children(recursive=True)
        urls = stack.urls
        assert set(urls) == {"Spantail", "Jaeger", "Prometheus", "Collector"}
        for name, path in {"Spantail": "/readyz", "Jaeger": "/api/v3/services", "Prometheus": "/-/ready"}.items():
            assert httpx.get(urls[name] + path).status_code == 200
        assert httpx.post(f"{urls['Collector']}/v1/traces", json={}).status_code == 200

        run_id = httpx.post(f"{urls['Spantail']}/api/jobs/search", json=SEARCH).json()["run_id"]
        run: Any = eventually(lambda: ended(urls["Spantail"], run_id), 120, what="the run has ended")
        assert run["status"] == "completed"
        assert run["cost_nano"] > 0

        # A run may have ended before the last of its spans is here.
        def now() -> Any:
            return httpx.get(f"{urls['Spantail']}/api/runs/{run_id}").json()

        eventually(lambda: spans_in(urls["Jaeger"], run_id) == now()["spans"], 60, what="all spans are in Jaeger")
        eventually(lambda: cost_in(urls["Prometheus"]) == now()["cost_nano"], 60, what="its cost is in Prometheus")
        assert urls["Jaeger"] in str(now()), "the page leads there"

        stack.process.send_signal(signal.SIGINT)
        assert stack.process.wait(STOP_S) == 0, stack.said
        eventually(lambda: not [child for child in children if child.is_running()], what="all children have ended")


def ended(url: str, run_id: str) -> Any:
    run = httpx.get(f"{url}/api/runs/{run_id}").json()
    return run if run["status"] not in {"queued", "running"} else None


def spans_in(url: str, run_id: str) -> int:
    answer = httpx.get(f"{url}/api/traces/{run_id}")
    return len(answer.json()["data"][0]["spans"]) if answer.status_code == 200 else 0


def cost_in(url: str) -> float:
    query = {"query": "sum(spantail_llm_cost_nano_total{job='otel'})"}
    result = httpx.get(f"{url}/api/v1/query", params=query).json()["data"]["result"]
    return float(result[0]["value"][1]) if result else 0.0


@pytest.mark.parametrize("option", ["--help", "PATH"])
def test_what_is_missing_is_said_before_anything_starts(tmp_path: Path, option: str) -> None:
    """Without a Prometheus on PATH the stack says so, and what to do."""
    options, path = (["--help"], os.environ["PATH"]) if option == "--help" else (["--free-ports"], str(tmp_path))
    with running_stack(tmp_path, *options, PATH=path) as stack:
        code = stack.process.wait(STOP_S)
    if option == "--help":
        assert code == 0
        assert "--free-ports" in stack.said
    else:
        assert code == 1
        assert "stack: no " in stack.said
        assert "prometheus" in stack.said
        assert not (tmp_path / "data").exists()
