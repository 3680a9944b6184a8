"""A stock application started by the real `opentelemetry-instrument`."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import redis

from spantail_exporters.model.keys import RUNS_RECENT
from tests.support.runs.live_runs import StoredRun
from tests.support.tools import ROOT
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


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
