"""Processes that are stopped, resumed and killed in the middle of their work."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import redis

from spantail_exporters.model.keys import run_keys
from tests.chaos.busy_app import STEP_S, THREADS
from tests.integration.service.harness import source_environment
from tests.support.runs.live_runs import StoredRun
from tests.support.tools import ROOT
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

START_S = 30.0
STOP_S = 30.0


class Helper:
    """A process that speaks in lines."""

    def __init__(self, script: str, *arguments: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", f"tests.chaos.{script}", *map(str, arguments)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=source_environment(),
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(line.strip() for line in self.process.stdout)

    def says(self, line: str) -> None:
        """Wait for a line."""
        eventually(lambda: line in self.lines or self.process.poll() is not None, START_S, what=line)
        assert line in self.lines, f"ended with code {self.process.returncode}"

    def pause(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """As `kill -9`."""
        self.process.kill()
        self.process.wait(STOP_S)

    def close(self) -> None:
        if self.process.poll() is None:
            self.kill()
        self._reader.join(5)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


class BusyApp(Helper):
    """`busy_app.py`, busy."""

    def __init__(self, url: str, lease_s: int, beat_s: float, step_s: float) -> None:
        super().__init__("busy_app", url, lease_s, beat_s, step_s)
        self.url = url

    @property
    def runner(self) -> str:
        return self.lines[0]

    @property
    def runs(self) -> list[StoredRun]:
        """Its runs as Redis holds them now."""
        return [StoredRun(self.url, run_id) for run_id in self.run_ids]

    @property
    def run_ids(self) -> list[str]:
        ids = [line for line in self.lines[1:] if line != "busy"]
        assert len(ids) == THREADS
        return ids

    def meta(self, field: str) -> list[str | None]:
        """One field of each of its runs: cheap, so that asking often does not stop a reaper in this process."""
        with redis.Redis.from_url(self.url) as client:
            values = [client.hget(run_keys(run_id).meta, field) for run_id in self.run_ids]
        return [None if value is None else value.decode() for value in values]

    @property
    def has_settled(self) -> bool:
        return None not in self.meta("expected")

    def end(self) -> None:
        """Let it end its spans, and itself."""
        assert self.process.stdin is not None
        self.process.stdin.write("end\n")
        self.process.stdin.flush()
        assert self.process.wait(STOP_S) == 0


@contextmanager
def busy_app(url: str, lease_s: int, beat_s: float, step_s: float = STEP_S) -> Iterator[BusyApp]:
    """A busy application; killed at the end if it is still there."""
    app = BusyApp(url, lease_s, beat_s, step_s)
    try:
        app.says("busy")
        yield app
    finally:
        app.close()


@contextmanager
def reaper_process(url: str, lease_s: float, sweep_s: float) -> Iterator[Helper]:
    """A reaper in a process of its own, which may act; killed at the end."""
    helper = Helper("reaper_process", url, lease_s, sweep_s)
    try:
        helper.says("ready")
        yield helper
    finally:
        helper.close()
