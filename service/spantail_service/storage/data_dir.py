"""One server per data directory: a lock that outlives the process which took it.

A `flock` on `redis.lock` is held by the starting process *and*, inherited, by the server. So a successor cannot open
the append-only file before the last writer has closed it, and nothing stale is left to clean up: the kernel drops the
lock with its last holder. The pid in the file is for the message, and distinguishes a live owner (refuse) from a dead
one whose server is saving (wait).
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
from typing import TYPE_CHECKING, Final

from spantail_service.storage.binary import EmbeddedRedisError

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_POLL_S: Final = 0.01
_OWNER_GRACE_S: Final = 1.0  # an owner that was just stopped counts as alive until its parent has noticed


class DataDirInUseError(EmbeddedRedisError):
    """Another process runs a server on the same data directory."""


@contextlib.contextmanager
def data_dir_lock(data_dir: Path, deadline: float) -> Iterator[int]:
    """Hold the lock of a data directory; yields its descriptor, for the server to inherit.

    Raises:
        DataDirInUseError: another process held it for longer than we wait (`deadline` is by `time.monotonic`).
    """
    descriptor = os.open(data_dir / "redis.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    refusal = min(deadline, time.monotonic() + _OWNER_GRACE_S)
    try:
        while not _try_lock(descriptor):
            owner = _read_owner(descriptor)
            # A dead owner's server is saving and will be gone soon: wait for that to the end.
            if time.monotonic() > (refusal if owner and _is_alive(owner) else deadline):
                by = f"process {owner}" if owner else "another process"
                raise DataDirInUseError(
                    f"{data_dir} is in use by {by}. Stop it, or choose another data directory (SPANTAIL_DATA_DIR)."
                )
            time.sleep(_POLL_S)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield descriptor
        # Closing alone would leave it locked until the guard's shell, which inherited it, is gone too. An owner that
        # never gets here leaves it to its server: that one may still be saving.
        os.ftruncate(descriptor, 0)
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in {errno.EAGAIN, errno.EACCES}:
            return False
        raise
    return True


def _read_owner(descriptor: int) -> int | None:
    text = os.pread(descriptor, 32, 0).strip()
    return int(text) if text.isdigit() else None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
