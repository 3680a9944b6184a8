"""`spantail serve` or `spantail demo` as a process of its own, as a user starts it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.service.command import start
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

START_S = 60
STOP_S = 30


@dataclass(frozen=True, slots=True)
class ServiceProcess:
    """A running service."""

    url: str
    process: subprocess.Popen[bytes]

    def get(self, path: str) -> bytes:
        """The body of a GET; an HTTP error is raised."""
        with urllib.request.urlopen(f"{self.url}{path}", timeout=10) as answer:
            body: bytes = answer.read()
            return body

    def json(self, path: str) -> Any:
        """The same, decoded."""
        return json.loads(self.get(path))


@contextlib.contextmanager
def running_service(
    command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None
) -> Iterator[ServiceProcess]:
    """Start `command` with `folder` as working directory, wait for its URL, and stop it as Ctrl-C does.

    What is checked of every stop: it ends in time, with code 0.
    """
    settings = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    output = folder / "output.log"
    with (
        output.open("wb") as log,
        start(
            command,
            cwd=folder,
            env={**settings, "SPANTAIL_OTLP_GRPC_PORT": "off", **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            yield ServiceProcess(eventually(lambda: _url(process, output), START_S, what="its URL"), process)
        finally:
            # Also after a failure: killed, it could not take down what it has started.
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_S)
            if process.poll() is None:
                process.kill()
        assert process.returncode == 0, _text(output)


def _url(process: subprocess.Popen[bytes], output: Path) -> str:
    text = _text(output)
    if process.poll() is not None:
        pytest.fail(f"ended with code {process.returncode}:\n{text}", pytrace=False)  # no use in waiting on
    found = re.search(r"http://\S+", text)
    return found.group() if found else ""


def _text(output: Path) -> str:
    return output.read_text(encoding="utf-8", errors="replace")
