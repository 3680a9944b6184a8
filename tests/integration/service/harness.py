"""What the service's tests share: the app in this process, a service as a process, runs made by hand."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Self

import httpx
import orjson
import redis

from spantail_exporters.model.changes import Change
from spantail_exporters.model.run_script import SCRIPT, append_arguments, index_commands, parse_reply
from spantail_service.app import create_app
from spantail_service.settings import Settings
from tests.support.service.command import start
from tests.support.tools import ROOT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence
    from pathlib import Path

RUN = "4bf92f3577b34da6a3ce929d0e0e4736"
OTHER_RUN = "0af7651916cd43dd8448eb211c80319c"
ROOT_SPAN = "00f067aa0ba902b7"
START = 1_795_308_986_084_596


@asynccontextmanager
async def running_app(redis_url: str, *, may_fail: bool = False, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the app, which lives in this process between its lifespan's start and stop.

    What the app does not expect is raised here, unless it `may_fail`: then it is answered with a 500.
    """
    app = create_app(Settings(redis_url=redis_url, **{"runners": 0, **settings}))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=not may_fail)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            client.app = app  # type: ignore[attr-defined]
            yield client


class Writer:
    """Writes runs into Redis as exporters do, one batch per call."""

    def __init__(self, url: str) -> None:
        self.redis = redis.Redis.from_url(url)
        self.redis.script_load(SCRIPT)
        self._execute: Any = self.redis.execute_command

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.redis.close()

    def write(self, run_id: str, changes: Sequence[Change], **options: Any) -> int:
        """Apply changes as one batch, now if no `now_us` is given; answers the run's next seq."""
        options = {"writer": "", "writer_seq": 0, "now_us": time.time_ns() // 1000, **options}
        arguments = append_arguments(run_id, changes, **options)
        applied = parse_reply(self._execute("EVALSHA", *arguments))
        for command in index_commands(run_id, applied):
            self._execute(*command)
        return applied.next_seq

    def lines(self, run_id: str, count: int, *, first: int = 0, **options: Any) -> int:
        """Append log lines, numbered in their message, as one batch."""
        events = [line(run_id, number) for number in range(first, first + count)]
        return self.write(run_id, [Change("", "", [event]) for event in events], **options)

    def span(self, run_id: str, span_id: str = ROOT_SPAN, **fields: Any) -> int:
        """Write one state of a span; `sources` are the entries that its `resource` and `scope` stand for, by field."""
        account = fields.pop("account", "")
        sources = {field: orjson.dumps(entry) for field, entry in fields.pop("sources", {}).items()}
        event = state(run_id, span_id, **fields)
        change = Change(span_id, fields.get("parent_id") or "", [event], account=account, sources=sources)
        return self.write(run_id, [change])


def line(run_id: str, number: int) -> bytes:
    """One log event."""
    return orjson.dumps(
        {"ts": START + number, "event": "log", "run_id": run_id, "span_id": ROOT_SPAN, "level": "INFO",
         "logger": "test", "message": f"line {number}", "exact": 9_007_199_254_740_991, "empty": []}
    )  # fmt: skip


def state(run_id: str, span_id: str = ROOT_SPAN, **fields: Any) -> bytes:
    """One span event with its whole state; running unless `end` is given."""
    end = fields.get("end")
    kind = fields.get("kind", "operation")
    body = {
        "rev": 1 if end is None else 2, "status": "running" if end is None else "ok", "start": START,
        "noted": 0, "ts": START, "event": f"{kind}_start" if end is None else f"{kind}_complete",
        "run_id": run_id, "span_id": span_id, "parent_id": None, "name": "job search", "kind": kind, "end": None,
        "service": "test", "attributes": {},
    }  # fmt: skip
    return orjson.dumps(body | fields)


async def poll_to_the_end(client: httpx.AsyncClient, run_id: str, **params: Any) -> list[dict[str, Any]]:
    """Poll as the page does, until `expected_log_count`; answers all events."""
    since, events = 0, []
    while True:
        answer = await client.get(f"/api/logs/{run_id}", params={"since": since, "wait": 5, **params})
        assert answer.status_code == 200, answer.text
        frame = answer.json()
        assert frame["reset"] is False
        events += frame["logs"]
        since = frame["next_index"]
        if frame["status"] not in ("queued", "running") and since == frame["expected_log_count"]:
            assert [event["seq"] for event in events] == list(range(since))
            return events


class Service:
    """`spantail …` as a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for text in self.process.stdout:
            self.lines.append(text.rstrip())
            if "Ctrl-C" in text:
                self._ready.set()
        self._ready.set()

    def await_ready(self, timeout_s: float = 30.0) -> None:
        assert self._ready.wait(timeout_s), f"not ready: {self.output}"
        assert self.process.poll() is None, self.output

    @property
    def output(self) -> str:
        return "\n".join(self.lines)

    @property
    def url(self) -> str:
        return next(text.split()[-1] for text in self.lines if "http://" in text)

    def ended(self, timeout_s: float = 30.0) -> int:
        """Wait for an end that comes by itself; answers the exit code."""
        code = self.process.wait(timeout_s)
        self._reader.join(5)
        return code

    def stop(self, number: signal.Signals = signal.SIGTERM, timeout_s: float = 20.0) -> int:
        """Send a signal and wait; answers the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(timeout_s)
        self._reader.join(5)
        return code


def source_environment() -> dict[str, str]:
    """This process' environment, with the sources of this checkout first on the path."""
    sources = [str(ROOT / folder) for folder in ("otel", "exporters", "service")]
    path = os.pathsep.join([*sources, os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    return {**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}


@contextmanager
def spantail_process(*arguments: str, cwd: Path | None = None, **environment: str) -> Iterator[Service]:
    """Run the command; killed at the end if it is still there."""
    process = start(
        [sys.executable, "-m", "spantail_service", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=cwd,
        env={**source_environment(), "SPANTAIL_OTLP_GRPC_PORT": "off", **environment},
    )
    service = Service(process)
    try:
        yield service
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(10)
        service._reader.join(5)
        assert process.stdout is not None
        process.stdout.close()
