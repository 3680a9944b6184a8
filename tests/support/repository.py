"""What is, or would be, in the repository."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


def file_names(root: Path) -> list[str]:
    """The names of all files of a checkout, relative to `root`; what git ignores is left out."""
    if not (root / ".git").exists():
        pytest.skip("not a git checkout")
    answer = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return [name for name in answer.stdout.split("\0") if name and (root / name).is_file()]
