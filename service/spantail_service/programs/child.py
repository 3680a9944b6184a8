"""A program as our child: its streams are ours, signals are passed on, and it ends when it ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

EXIT_NOT_EXECUTABLE: Final = 126
EXIT_NOT_FOUND: Final = 127

_PASSED_ON: Final = tuple(
    getattr(signal, name)
    for name in ("SIGTERM", "SIGHUP", "SIGINT", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGCONT")
    if hasattr(signal, name)
)
_OF_THE_TERMINAL: Final = {
    getattr(signal, name) for name in ("SIGINT", "SIGQUIT", "SIGWINCH", "SIGHUP") if hasattr(signal, name)
}


class CannotStartError(Exception):
    """The program cannot be started; `code` is what a shell ends with then."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class Program:
    """A child process with our streams, in our process group. Made and waited for on a running event loop."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._early: list[int] = []
        self._process: subprocess.Popen[bytes] | None = None
        name = command[0] or "''"
        loop = asyncio.get_running_loop()
        with contextlib.suppress(NotImplementedError):  # Windows: a Ctrl-C reaches both
            for number in _PASSED_ON:  # before the start: none is lost
                loop.add_signal_handler(number, self._pass_on, number)
        try:
            self._process = subprocess.Popen(command, env=dict(environment))
        except FileNotFoundError:
            raise CannotStartError(f"{name}: there is no such program.", EXIT_NOT_FOUND) from None
        except OSError as error:
            raise CannotStartError(f"{name} cannot be started: {error.strerror}.", EXIT_NOT_EXECUTABLE) from None
        self._pid = self._process.pid
        for number in self._early:
            self._process.send_signal(number)
        self.ended = asyncio.ensure_future(asyncio.to_thread(self._process.wait))

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._pid

    async def exit_code(self) -> int:
        """Wait for its end: its exit code, or 128 + the signal's number, as shells say it."""
        code = await self.ended
        return 128 - code if code < 0 else code

    def _pass_on(self, number: int) -> None:
        if self._process is None:
            self._early.append(number)
        elif number not in _OF_THE_TERMINAL or not _has_terminal():
            self._process.send_signal(number)

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Take no more signals."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(NotImplementedError):
            for number in _PASSED_ON:
                loop.remove_signal_handler(number)


def _has_terminal() -> bool:
    """Whether we are in the foreground of a terminal, which then has sent its signal to the child as well as to us."""
    if sys.platform == "win32":
        return True
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
