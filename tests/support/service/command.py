"""Starts `python -m spantail_service …`, and saves its imports where that can be done."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

from tests.support import leaks
from tests.support.service.spare_process import MODULE, STATUS
from tests.support.tools import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

_COMMAND = [sys.executable, "-m", MODULE]
_IMPORTED_WITH = ("OTEL_PYTHON_CONTEXT", "OTEL_PROPAGATORS", "PYTHONDEVMODE", "PYTHONWARNINGS", "PYTHONMALLOC")
"""Variables that count while modules are imported."""


def start(command: Sequence[str], **options: Any) -> subprocess.Popen[Any]:
    """As `subprocess.Popen`; a `python -m spantail_service` is forked from a process that has imported it."""
    environment = options.get("env") or os.environ
    can_fork = (
        sys.platform == "linux"
        and list(command[:3]) == _COMMAND
        and not any(name.startswith("COVERAGE_") for name in os.environ)  # what is measured begins with the process
        and not any(name in environment for name in _IMPORTED_WITH)
    )
    return (_Forked if can_fork else subprocess.Popen)(command, **options)


def run(command: Sequence[str], *, timeout_s: float, **options: Any) -> subprocess.CompletedProcess[Any]:
    """As `subprocess.run` with its output captured."""
    with start(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options) as process:
        try:
            output, errors = process.communicate(timeout=timeout_s)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(command, process.returncode, output, errors)


class _Spare:
    """The process that forks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._control: socket.socket | None = None

    def fork(self, wanted: dict[str, Any], files: list[int]) -> int:
        with self._lock:
            if self._control is None:
                self._control = self._started()
            socket.send_fds(self._control, [json.dumps(wanted).encode()], files)
            answer = self._control.recv(100)
            assert answer, (
                "the process that forks has ended; `python -m tests.support.service.spare_process 0` says why"
            )
            return int(answer)

    @staticmethod
    def _started() -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.service.spare_process", str(theirs.fileno())],
                cwd=ROOT, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], start_new_session=True,
            )  # fmt: skip
        process.returncode = 0  # it ends with this process, and nobody waits for it
        leaks.keep(process.pid)
        return ours


_spare = _Spare()


class _Forked(subprocess.Popen[Any]):
    """A child of another process: that one says how it ended."""

    _status: int

    def _execute_child(
        self, args: Any, _executable: Any, _preexec_fn: Any, _close_fds: Any, _pass_fds: Any, cwd: Any, env: Any,
        _startupinfo: Any, _creationflags: Any, _shell: Any, *pipes_and_more: Any,
    ) -> None:  # fmt: skip
        pipes = pipes_and_more[:6]
        stdin, _, _, stdout, _, stderr = pipes
        self._status, status = os.pipe()
        wanted = {
            "arguments": list(map(str, args[3:])),
            "env": {str(name): str(value) for name, value in (env or os.environ).items()},
            "cwd": os.fspath(cwd or os.getcwd()),  # noqa: PTH109
        }
        files = [file if file != -1 else number for number, file in enumerate((stdin, stdout, stderr))]
        try:
            self.pid = _spare.fork(wanted, [*files, status])
        finally:
            os.close(status)
            self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]
        self._child_created = True

    def _try_wait(self, wait_flags: int) -> tuple[int, int]:
        if wait_flags & os.WNOHANG and not select.select([self._status], [], [], 0)[0]:
            return 0, 0
        said = os.read(self._status, STATUS.size)
        os.close(self._status)
        return self.pid, STATUS.unpack(said)[0] if said else 255 << 8

    def _internal_poll(self, *_: Any, **__: Any) -> int | None:
        waiting: threading.Lock = self._waitpid_lock  # type: ignore[attr-defined]
        if self.returncode is None and waiting.acquire(blocking=False):
            try:
                if self.returncode is None:
                    pid, status = self._try_wait(os.WNOHANG)
                    if pid == self.pid:
                        self._handle_exitstatus(status)  # type: ignore[attr-defined]
            finally:
                waiting.release()
        return self.returncode
