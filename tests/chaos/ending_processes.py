"""Processes that end in all ways: each is a real one, which writes spans to a real Redis (and to an OTLP endpoint).

A ledger of its own says what it finished: a span's name is appended there after the span's end.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.integration.activation.harness import clean_environment, stored_runs
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.runs.live_runs import StoredRun

# What every script begins with: `work(name)` makes a span and enters it in the ledger once it has ended.
PRELUDE = """
import atexit, os, signal, sys, threading, time
import spantail

def work(name, ledger=os.environ["LEDGER"]):
    with spantail.operation(name):
        pass
    with open(ledger, "a") as file:  # one write each: processes share the file
        file.write(f"{name}\\n")

def pause():
    # not one long sleep: Python sees a signal that comes just before it only when it is over
    while True:
        time.sleep(0.05)

handle = spantail.configure("life")
"""

# In front of the scripts whose matter is what arrives, not how soon: a busy machine may need more than the 2 s.
PATIENT = """
from spantail.process import exit as process_exit
process_exit.SIGTERM_TIMEOUT_S = 30.0
"""


@dataclass
class World:
    """Where a script writes to."""

    folder: Path
    redis_url: str
    environment: dict[str, str]

    def start(self, script: str, *, prelude: str = PRELUDE, **environment: str) -> subprocess.Popen[str]:
        """Run a script from a file (spawned children import it again)."""
        path = self.folder / "script.py"
        path.write_text(prelude + textwrap.dedent(script), encoding="utf-8")
        return subprocess.Popen(
            [sys.executable, "-W", "error", "-W", "ignore::ResourceWarning", str(path)],
            env=clean_environment(self.environment | environment), cwd=self.folder, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, script: str, *, status: int = 0, **environment: str) -> str:
        """Run a script to its end, which must be of this exit status; returns what it printed."""
        with self.start(script, **environment) as process:
            out, err = finish(process)
        assert process.returncode == status, err
        return out

    def finished(self) -> Counter[str]:
        """The spans that ended, by name."""
        return Counter((self.folder / "ledger").read_text(encoding="utf-8").splitlines())

    def stored(self) -> Counter[str]:
        """The spans that Redis holds in their final state, by name."""
        return Counter(
            span["name"] for run in self.runs() for span in run.spans.values() if span["status"] != "running"
        )

    def runs(self) -> list[StoredRun]:
        return stored_runs(self.redis_url)

    def assert_all_stored(self, expected: int | None = None) -> None:
        """Everything in the ledger is stored, each span once."""
        finished = self.finished()
        assert finished
        if expected is not None:
            assert finished.total() == expected
        stored = self.stored()
        assert {name: stored[name] for name in finished} == dict(finished)
        for run in self.runs():
            assert run.drops() == {}
            ends = Counter(event["span_id"] for event in run.events if event.get("end"))
            assert set(ends.values()) <= {1}


def finish(process: subprocess.Popen[str], timeout_s: float = 30) -> tuple[str, str]:
    """Wait for the end; a process that hangs is killed, and the test fails."""
    try:
        return process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        _, err = process.communicate()
        pytest.fail(f"it did not end within {timeout_s:g} s: {err[-2_000:]}", pytrace=False)


def terminated(world: World, script: str, **environment: str) -> tuple[int, int]:
    """Send SIGTERM to a busy process; returns its exit status and how many spans had ended before the signal."""
    with world.start(script, **environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        eventually(lambda: world.finished().total() >= 20)
        before = world.finished().total()
        process.send_signal(signal.SIGTERM)
        finish(process)
    return process.returncode, before
