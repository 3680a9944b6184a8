"""The `spantail` command in a process that has imported everything already: forked from one that is kept for it.

A service takes one and a half seconds of CPU for its imports, and tests start hundreds. That the command starts as a
user starts it is shown by the tests of the command, the wheel and the image, which take no part in this.

Run as a process: FD. On that socket comes what is to be run, with four files: standard input, output and error, and
the pipe that gets the status of the end. It answers the process id.
"""

from __future__ import annotations

import gc
import io
import json
import os
import runpy
import select
import signal
import socket
import struct
import sys
from typing import Any, Final

STATUS: Final = struct.Struct("i")
MODULE: Final = "spantail_service"
_LONGEST: Final = 1 << 20


def _import_all() -> None:
    import genai_prices.data  # noqa: F401

    import spantail_service.cli.start_runner
    import spantail_service.cli.start_service
    import spantail_service.ingest.otlp_grpc
    import spantail_service.runner_process
    import spantail_service.server
    import spantail_service.surroundings  # noqa: F401


def serve(control: socket.socket) -> None:
    """Fork until nobody is there any more; returns in each child, which is to run then."""
    woken, wake = os.pipe()
    os.set_blocking(woken, False)
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    exit_files: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([control.fileno(), woken], [], [])
        if woken in ready:
            os.read(woken, 4_096)
            _reap(exit_files)
        if control.fileno() in ready:
            data, files, _, _ = socket.recv_fds(control, _LONGEST, 4)
            if not data:
                os._exit(0)
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                for file in (woken, wake, files[3], *exit_files.values()):
                    os.close(file)
                control.close()
                _become(json.loads(data), files[:3])
                return
            for file in files[:3]:
                os.close(file)
            exit_files[pid] = files[3]
            control.send(str(pid).encode())


def _reap(exit_files: dict[int, int]) -> None:
    while exit_files:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        file = exit_files.pop(pid)
        os.write(file, STATUS.pack(status))
        os.close(file)


def _become(wanted: dict[str, Any], files: list[int]) -> None:
    """Be as if started with these arguments, environment, folder and files."""
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(wanted["cwd"])
    environment: dict[str, str] = wanted["env"]
    os.environ.clear()
    os.environ.update(environment)
    folders = [folder for folder in environment.get("PYTHONPATH", "").split(os.pathsep) if folder]
    sys.path[:0] = [wanted["cwd"], *(folder for folder in folders if folder not in sys.path)]
    sys.argv[:] = [MODULE, *wanted["arguments"]]
    at_once = bool(environment.get("PYTHONUNBUFFERED"))
    encoding, _, errors = environment.get("PYTHONIOENCODING", "").partition(":")
    encoding, errors = encoding or "utf-8", errors or "strict"
    sys.stdin = io.TextIOWrapper(os.fdopen(0, "rb", closefd=False), encoding, errors)
    sys.stdout = io.TextIOWrapper(os.fdopen(1, "wb", closefd=False), encoding, errors, write_through=at_once)
    sys.stderr = io.TextIOWrapper(os.fdopen(2, "wb", closefd=False), encoding, "backslashreplace", line_buffering=True)


if __name__ == "__main__":
    _import_all()
    gc.collect()
    gc.freeze()
    serve(socket.socket(fileno=int(sys.argv[1])))
    runpy.run_module(MODULE, run_name="__main__", alter_sys=True)
