"""The `spantail` command as tests call it: a process, and its environment."""

from __future__ import annotations

import subprocess
import sys

from tests.integration.service.harness import source_environment

_TIMEOUT_S = 40.0

SPANTAIL = [sys.executable, "-m", "spantail_service"]


def command_environment(url: str, **more: str) -> dict[str, str]:
    """The environment of a command that talks to the service at `url`."""
    return {**source_environment(), "SPANTAIL_URL": url, "PYTHONIOENCODING": "utf-8", **more}


def run_command(url: str, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run `spantail …` to its end; output is a pipe."""
    return subprocess.run(
        [*SPANTAIL, *arguments],
        env=command_environment(url, COLUMNS="80", **more),
        capture_output=True,
        encoding="utf-8",
        timeout=_TIMEOUT_S,
        check=False,
    )
