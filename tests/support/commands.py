"""The `spantail` command as tests call it: a process, and its environment."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tests.integration.service.harness import source_environment
from tests.support.service.command import run

if TYPE_CHECKING:
    import subprocess

_TIMEOUT_S = 40.0

SPANTAIL = [sys.executable, "-m", "spantail_service"]


def command_environment(url: str, **more: str) -> dict[str, str]:
    """The environment of a command that talks to the service at `url`."""
    return {**source_environment(), "SPANTAIL_URL": url, "PYTHONIOENCODING": "utf-8", **more}


def run_command(url: str, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run `spantail …` to its end; output is a pipe."""
    environment = command_environment(url, COLUMNS="80", **more)
    return run([*SPANTAIL, *arguments], env=environment, encoding="utf-8", timeout_s=_TIMEOUT_S)
