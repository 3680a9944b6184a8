"""Commands of an image without a container engine: bubblewrap, and this machine's system in place of the base image."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.support.tools import bubblewrap

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TEMPORARY: Final = "/tmp"  # noqa: S108 - the container's own, in memory
_PATH: Final = "/usr/local/bin:/usr/bin:/bin"


def run_in_system(
    command: Sequence[str], binds: Mapping[str, Path], *, working_directory: str, timeout_s: float
) -> subprocess.CompletedProcess[str]:
    """Run a command of a `RUN`: it sees the system's programs, which it cannot change, and what is bound.

    Args:
        command: What to run.
        binds: Folders of this machine by the place where the command sees them; it may write there.
        working_directory: One of those places.
        timeout_s: How long it may take, in seconds.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    return subprocess.run(
        [*_system(), *_bound(binds, "--bind"), "--chdir", working_directory, *command],
        env={**environment, "PATH": _PATH}, capture_output=True, text=True, timeout=timeout_s, check=False,
    )  # fmt: skip


def as_user(
    user: str, environment: Mapping[str, str], *, read_only: Mapping[str, Path], writable: Mapping[str, Path], home: str
) -> list[str]:
    """The arguments in front of a command, that run it as a container of an image does which has a read-only root.

    Args:
        user: `UID:GID`.
        environment: All that it sees of the environment.
        read_only: Folders of this machine by the place where it sees them.
        writable: The same, of those that it may write.
        home: Where it starts.
    """
    uid, _, gid = user.partition(":")
    sets = [part for name, value in environment.items() for part in ("--setenv", name, value)]
    return [
        *_system(), *_bound(read_only, "--ro-bind"), *_bound(writable, "--bind"), "--remount-ro", "/",
        "--chdir", home, "--uid", uid, "--gid", gid, "--cap-drop", "ALL", "--clearenv", *sets,
    ]  # fmt: skip


def _bound(binds: Mapping[str, Path], how: str) -> list[str]:
    return [part for place, folder in binds.items() for part in (how, str(folder), place)]


def _system() -> list[str]:
    """The programs of this machine and its /etc, and nothing of its users."""
    arguments = [bubblewrap(), "--unshare-user", "--die-with-parent", "--proc", "/proc", "--dev", "/dev"]
    arguments += ["--tmpfs", TEMPORARY, "--ro-bind", "/usr", "/usr", "--ro-bind", "/etc", "/etc"]
    for path in map(Path, ("/bin", "/lib", "/lib64", "/sbin")):
        if path.is_symlink():
            arguments += ["--symlink", str(path.readlink()), str(path)]
        elif path.exists():
            arguments += ["--ro-bind", str(path), str(path)]
    return arguments
