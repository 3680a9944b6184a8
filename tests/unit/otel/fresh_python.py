"""Scripts in a fresh interpreter, with a live sink that writes down what it is given."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

SINK = '''
"""A sink that writes down what it is given."""
import atexit, json, os, sys

class Sink:
    def __init__(self, url):
        if "refused" in url:
            raise ValueError(f"this URL is wrong: {url}")
        self.url, self.events, self._pid = url, [], os.getpid()
        atexit.register(self.report)

    @property
    def runner_id(self):
        return f"host:{os.getpid()}:1"

    def started(self, span):
        self.events.append(["start", span.name])

    def ended(self, span):
        self.events.append(["end", span.name])

    def logged(self, event):
        self.events.append(["log", event.message])

    def flush(self, timeout_s):
        self.events.append(["flush"])
        return True

    def shutdown(self, timeout_s):
        self.events.append(["shutdown"])
        return True

    def report(self):
        if self._pid == os.getpid():
            print("SINK", json.dumps({"url": self.url, "events": self.events}), flush=True)
'''


class Run:
    """What a process said."""

    def __init__(self, done: subprocess.CompletedProcess[str], took_s: float, status: int) -> None:
        assert done.returncode == status, done.stderr
        self.out, self.err, self.took_s = done.stdout, done.stderr, took_s

    @property
    def sink(self) -> dict[str, Any]:
        (line,) = [line for line in self.out.splitlines() if line.startswith("SINK ")]
        found: dict[str, Any] = json.loads(line.removeprefix("SINK "))
        return found

    @property
    def result(self) -> Any:
        (line,) = [line for line in self.out.splitlines() if line.startswith("RESULT ")]
        return json.loads(line.removeprefix("RESULT "))


class Python:
    """Runs a script in a fresh interpreter, where warnings are errors."""

    def __init__(self, folder: Path) -> None:
        self._path = os.pathsep.join([str(folder), *(entry for entry in sys.path if entry)])

    def __call__(self, script: str, **environ: str) -> Run:
        return self.ends(script, 0, **environ)

    def ends(self, script: str, status: int, /, **environ: str) -> Run:
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "SPANTAIL_"))}
        prelude = "import json, logging, sys\nlogging.basicConfig(level=logging.INFO, format='%(name)s %(message)s')\n"
        before = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", prelude + textwrap.dedent(script)],
            env=clean | {"PYTHONPATH": self._path} | environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Run(done, time.monotonic() - before, status)
