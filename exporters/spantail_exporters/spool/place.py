"""Where a spool is: its folder, by the environment, and the locks that tell living processes from dead ones."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import os
import secrets
import sys
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import parse_qs

from spantail.urls import split_url

if sys.platform != "win32":
    import fcntl

_logger = logging.getLogger(__name__)

FOLDER_VARIABLE: Final = "SPANTAIL_SPOOL_DIR"
LIMIT_VARIABLE: Final = "SPANTAIL_SPOOL_MAX_BYTES"
LIMIT_BYTES: Final = 64 * 1024 * 1024


class Place(NamedTuple):
    """A folder that can be written to, and how many bytes all files in it may have."""

    folder: Path
    limit_bytes: int


def place_for(destination: str) -> Place | None:
    """Find the place that the environment asks for; None where it wants none, or (with a warning) there can be none.

    `destination` is the URL that batches go to: each has a folder of its own, for what one application could not
    deliver must not end up in the Redis of another. `SPANTAIL_SPOOL_MAX_BYTES` bounds that folder (0 = no spool),
    `SPANTAIL_SPOOL_DIR` is the folder above it, by default `spantail/spool` in the user's cache directory.
    """
    limit = _limit_from_environment()
    if limit <= 0:
        return None
    try:
        folder = _base_folder() / _digest(destination)
        make_folder(folder)
        _check(folder)
    except (OSError, RuntimeError) as error:  # RuntimeError: this user has no home
        _logger.warning("no spool on disk, what does not fit in memory will be counted and dropped: %s", error)
        return None
    return Place(folder, limit)


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it that are missing, for this user alone."""
    for path in reversed((folder, *folder.parents)):
        if not path.exists():
            path.mkdir(mode=0o700, exist_ok=True)  # with `parents=True` those above would get the default mode


def bytes_in(folder: Path) -> int:
    """Count the bytes of all spools in a folder."""
    total = 0
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".spool"):
                with contextlib.suppress(OSError):  # delivered and deleted in between
                    total += entry.stat(follow_symlinks=False).st_size
    return total


def new_lock(folder: Path, owner: str) -> tuple[str, int]:
    """Take a new lock file, `{owner}-{8 hex}.lock`: its name without the ending, and its descriptor."""
    while True:  # a process that looks for the dead may lock the file between its making and our locking it
        name = f"{owner}-{secrets.token_hex(4)}"
        if (descriptor := lock(folder / f"{name}.lock")) is not None:
            return name, descriptor


def lock(path: Path) -> int | None:
    """Open and lock a file; None when a living process holds it or has just removed it.

    Closing the descriptor gives the lock back, once no forked child holds a copy; LOCK_UN in such a child would
    take it from the parent.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_ino == path.stat().st_ino:
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    except OSError:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def _check(folder: Path) -> None:
    if sys.platform == "win32":
        raise OSError(errno.ENOTSUP, "no file locks on this platform")
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))


def _base_folder() -> Path:
    if named := os.environ.get(FOLDER_VARIABLE):
        return Path(named).expanduser().absolute()
    cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not cache.is_absolute():  # the XDG specification tells to ignore a relative one
        cache = Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache")
    return cache / "spantail" / "spool"


def _digest(destination: str) -> str:
    """Name a destination without its user name and password, which do not change where it is."""
    parts = split_url(destination)
    database = parse_qs(parts.query).get("db", [""])[0]
    place = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}?db={database}"
    return hashlib.sha256(place.encode()).hexdigest()[:16]


def _limit_from_environment() -> int:
    text = os.environ.get(LIMIT_VARIABLE, "").strip()
    if not text:
        return LIMIT_BYTES
    try:
        return int(text)
    except ValueError:
        _logger.warning("%s=%r is no number of bytes, %d holds", LIMIT_VARIABLE, text, LIMIT_BYTES)
        return LIMIT_BYTES
