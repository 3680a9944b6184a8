"""Virtual environments for what comes from PyPI, below the user's cache folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

CACHE: Final = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "spantail-bench"
"""Where environments are kept, and what took long to make."""


def environment_of(name: str, *packages: str) -> Path:
    """Make the virtual environment of a package, unless it is there.

    Args:
        name: What it is called: the package itself, as pip takes it.
        packages: What is installed instead, as arguments of pip.
    """
    folder = CACHE / name.replace("==", "-")
    if not (folder / ".complete").exists():
        print(f"installing {name} in {folder}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        pip = [
            str(folder / "bin" / "python"),
            "-m",
            "pip",
            "--quiet",
            "--disable-pip-version-check",
            "install",
            *(packages or (name,)),
        ]
        subprocess.run(pip, check=True)
        (folder / ".complete").touch()
    return folder
