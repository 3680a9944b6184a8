"""A Redis server of our own, for a machine where nobody set one up.

The server listens on a unix socket inside the data directory, on no port, and keeps an append-only file
there.

Two things must hold whatever happens to the process that started it, `kill -9` included:

* **No orphan.** The server's shell keeps the read end of a pipe whose write end only the starting process
  holds. When that process ends, by whatever way, the pipe closes and the server gets a SIGTERM: it saves and
  goes. (`PR_SET_PDEATHSIG` would be Linux only and fires when the starting *thread* ends; a pid file alone
  leaves the server running until somebody starts the next one.)
* **One server per data directory.** See `data_dir.py`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from spantail_service.storage.binary import (
    EmbeddedRedisError,
    RedisBinary,
    RedisServerNotFoundError,
    find_redis_servers,
    install_hint,
)
from spantail_service.storage.data_dir import data_dir_lock

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

_SOCKET_PATH_LIMIT: Final = 100  # bytes; sun_path holds 104 on macOS and 108 on Linux, with its end mark
_LOG_TAIL_BYTES: Final = 2_000
_POLL_S: Final = 0.01
_NEW_LOG: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)  # a link leads elsewhere

# Nothing is ever written to the pipe: `read` returns when its write end closes. `exec` keeps the shell's pid,
# so the process we started *is* the server, and `$$` (in a subshell still the parent shell's pid) is what the
# watcher stops. The watcher lives in the server's process group, and a pid is not given out again while a
# group of that number lives: it cannot hit a stranger.
# The watcher and the server hold the lock as well, so the descriptor of the pipe must not take its number.
_GUARDED_START: Final = (
    'umask 077; exec {pipe}<&0 </dev/null; (read -r _ <&{pipe}; kill -TERM $$) & exec {pipe}<&-; exec "$@"'
)
_DESCRIPTORS: Final = (3, 4)  # of one digit, as a shell wants them


# What a server says of an append-only file that another one wrote (each of Redis 7.2, 7.4 and 8, and Valkey 9 has a
# format that older ones, and the other family, cannot read) or that is damaged.
_UNREADABLE: Final = ("Bad file format reading the append only file", "Can't handle RDB format version")


class UnreadableDataError(EmbeddedRedisError):
    """The server cannot read what is in the data directory; it has changed nothing there."""


class EmbeddedRedis:
    """One Redis server, started for this process and stopped with it.

    Blocking, for a program's start and end; also a context manager. `start` and `stop` may each be repeated.

    Args:
        data_dir: holds the append-only file, the log of the last start and the socket; made if missing.
        binary: the server to run. When not given: the first of `find_redis_servers` that can read the data there.
        arguments: further arguments for the server, after ours.
    """

    def __init__(self, data_dir: Path, *, binary: RedisBinary | None = None, arguments: Sequence[str] = ()) -> None:
        self._data_dir = data_dir.absolute()
        self._binary = binary
        self._arguments = tuple(arguments)
        self._resources = contextlib.ExitStack()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: Path | None = None
        self.running_binary: RedisBinary | None = None
        """The server that was started, once `start` has returned."""

    @property
    def url(self) -> str:
        """`unix://…`, for redis-py's `from_url`. Raises EmbeddedRedisError before `start`."""
        if self._socket is None:
            raise EmbeddedRedisError("The embedded Redis has not been started.")
        return f"unix://{quote(str(self._socket))}"

    @property
    def pid(self) -> int | None:
        """The server's process id; None while it does not run."""
        return self._process.pid if self.running and self._process else None

    @property
    def running(self) -> bool:
        """Whether the server process is alive."""
        return self._process is not None and self._process.poll() is None

    def start(self, timeout_s: float = 60.0) -> str:
        """Start the server and wait until it answers; returns `url`.

        Args:
            timeout_s: bound for the whole start, reading the append-only file included.

        Raises:
            RedisServerNotFoundError: no server program.
            DataDirInUseError: another process serves this data directory.
            UnreadableDataError: no server here can read the data; names the servers that were tried.
            EmbeddedRedisError: it did not come up; the message ends with its last log lines.
        """
        if self.running:
            return self.url
        self.stop()
        if sys.platform == "win32":
            raise RedisServerNotFoundError(install_hint())
        deadline = time.monotonic() + timeout_s
        try:
            self._data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = self._resources.enter_context(data_dir_lock(self._data_dir, deadline))
            self.running_binary = self._start_first_that_can(lock, deadline)
        except OSError as error:
            self.stop()
            raise EmbeddedRedisError(f"The embedded Redis cannot use {self._data_dir}: {error}") from error
        except BaseException:
            self.stop()
            raise
        return self.url

    def _start_first_that_can(self, lock: int, deadline: float) -> RedisBinary:
        """Start one server after another until one can read the data: who installs another one later keeps the runs."""
        cannot: list[RedisBinary] = []
        for binary in (self._binary,) if self._binary else find_redis_servers():
            try:
                self._refuse_older_server(binary)
                self._await_answer(self._launch(binary, lock), deadline)
            except UnreadableDataError:
                cannot.append(binary)
                self._end_process(1.0)
            else:
                return binary
        raise UnreadableDataError(
            f"The data in {self._data_dir} was written by another server, or is damaged: "
            f"{' and '.join(map(str, cannot))} cannot read it. It was left as it is; the last server's log is "
            f"{self._log_path}.\nStart with the server that wrote it first on PATH, or choose another data directory "
            "(SPANTAIL_DATA_DIR)."
        )

    def _refuse_older_server(self, binary: RedisBinary) -> None:
        # Redis 7 moved the append-only file into a folder: an older server would miss it and begin anew.
        if binary.version < (7,) and (self._data_dir / "appendonlydir").is_dir():
            raise UnreadableDataError(f"{self._data_dir} was written by Redis 7 or newer.")

    def _launch(self, binary: RedisBinary, lock: int) -> subprocess.Popen[bytes]:
        socket = self._data_dir / "redis.sock"
        if len(os.fsencode(socket)) > _SOCKET_PATH_LIMIT:
            folder = self._resources.enter_context(tempfile.TemporaryDirectory(prefix="spantail-"))
            socket = Path(folder) / "redis.sock"
        socket.unlink(missing_ok=True)  # ours by the lock; left by a server that was killed
        self._resources.callback(socket.unlink, missing_ok=True)
        settings = {
            "port": "0",
            "unixsocket": str(socket),
            "unixsocketperm": "700",
            "dir": str(self._data_dir),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "daemonize": "no",
            "logfile": "",
        }
        arguments = [part for name, value in settings.items() for part in (f"--{name}", value)]
        with os.fdopen(os.open(self._log_path, _NEW_LOG, 0o600), "wb") as log:
            process = self._process = subprocess.Popen(
                ["/bin/sh", "-c", _guarded_start(lock), "sh", binary.path, *arguments, *self._arguments],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(lock,),
                # A Ctrl-C in the terminal is for us: the server must outlive what is still drained into it.
                start_new_session=True,
            )
        self._socket = socket
        return process

    @property
    def _log_path(self) -> Path:
        return self._data_dir / "redis.log"

    def _await_answer(self, process: subprocess.Popen[bytes], deadline: float) -> None:
        with redis.Redis(unix_socket_path=str(self._socket), retry=Retry(NoBackoff(), 0)) as client:
            while True:
                # Refused: not listening yet. Busy: reading its append-only file.
                with contextlib.suppress(redis.ConnectionError, redis.BusyLoadingError, redis.TimeoutError):
                    client.ping()
                    return
                if process.poll() is not None:
                    if any(words in self._log_tail() for words in _UNREADABLE):
                        raise UnreadableDataError(self._log_tail())
                    reason = f"ended at once with code {process.returncode}"
                elif time.monotonic() > deadline:
                    reason = "did not answer in time"
                else:
                    time.sleep(_POLL_S)
                    continue
                raise EmbeddedRedisError(f"The embedded Redis {reason}. Its log says:\n{self._log_tail()}")

    def _log_tail(self) -> str:
        with contextlib.suppress(OSError):
            return self._log_path.read_bytes()[-_LOG_TAIL_BYTES:].decode(errors="replace").strip()
        return "(nothing)"

    def stop(self, timeout_s: float = 10.0) -> None:
        """Stop the server and free the data directory; kills it when it has not ended after `timeout_s`."""
        try:
            self._end_process(timeout_s)
        finally:
            self._socket = None
            self._resources.close()

    def _end_process(self, timeout_s: float) -> None:
        process, self._process = self._process, None
        if process is not None:
            _end(process, timeout_s)

    def __enter__(self) -> Self:
        """Start it."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop it."""
        self.stop()


def _guarded_start(lock: int) -> str:
    first, second = _DESCRIPTORS
    return _GUARDED_START.format(pipe=second if lock == first else first)


def _end(process: subprocess.Popen[bytes], timeout_s: float) -> None:
    """Close the guard's pipe, which asks the server to save and go, and wait; kill what stays."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
