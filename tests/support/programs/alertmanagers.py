"""A real Alertmanager on a port of its own."""

from __future__ import annotations

import contextlib
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support import tools
from tests.support.programs.stopping import ended
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_START_S = 30
_STOP_S = 15
_ADDRESS = re.compile(r'msg="Listening on" address=(\S+)')


@contextlib.contextmanager
def running_alertmanager(folder: Path, configuration: Path) -> Iterator[str]:
    """Run an Alertmanager until the block ends; `host:port` of its API.

    Args:
        folder: An empty folder for its data and its log.
        configuration: Its configuration file.
    """
    output = folder / "alertmanager.log"
    command = [
        tools.alertmanager(),
        f"--config.file={configuration}",
        f"--storage.path={folder / 'data'}",
        "--web.listen-address=127.0.0.1:0",
        "--cluster.listen-address=",  # one alone looks for no others
    ]
    with (
        output.open("wb") as log,
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT) as process,
        ended(process, _STOP_S),
    ):
        yield eventually(lambda: _address(process, output), _START_S, what="Alertmanager's address")


def _address(process: subprocess.Popen[bytes], output: Path) -> str:
    text = output.read_text(encoding="utf-8", errors="replace")
    if process.poll() is not None:
        pytest.fail(f"Alertmanager ended with code {process.returncode}:\n{text}", pytrace=False)
    found = _ADDRESS.search(text)
    return found[1] if found else ""
