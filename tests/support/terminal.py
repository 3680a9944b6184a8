"""A terminal for tests: a program on a pseudo-terminal, and the screen that a person would see."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from typing import TYPE_CHECKING

import pyte

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_OTHER_SCREEN = (b"\x1b[?1049h", b"\x1b[?1049l")


class Terminal:
    """A running program and its screen. It is read from when it is looked at."""

    def __init__(self, process: subprocess.Popen[bytes], end: int, columns: int, lines: int) -> None:
        self.process = process
        self.raw = b""
        self._rest = b""  # a beginning of a switch of screens, the end of which is still to be read
        self._end = end
        self._columns, self._lines = columns, lines
        self._screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        self._own: pyte.Screen | None = None  # pyte has one screen; the program's own one is kept aside

    @property
    def lines(self) -> list[str]:
        """What stands on the screen now, line by line, without blanks at the ends."""
        self._read()
        return [line.rstrip() for line in self._screen.display]

    @property
    def text(self) -> str:
        """The screen as one text."""
        return "\n".join(self.lines).rstrip()

    @property
    def is_on_other_screen(self) -> bool:
        """Whether the program draws on the terminal's alternate screen."""
        self._read()
        return self._own is not None

    def resize(self, columns: int, lines: int) -> None:
        """Give the window another size, as a user does."""
        self._columns, self._lines = columns, lines
        self._screen.resize(lines, columns)
        _set_size(self._end, columns, lines)
        self.process.send_signal(signal.SIGWINCH)

    def press(self, keys: bytes) -> None:
        """Type; the byte 3 is Ctrl-C."""
        os.write(self._end, keys)

    def ended(self, timeout_s: float = 30.0) -> int:
        """Wait for the program's end, reading on; answers the exit code."""
        deadline = time.monotonic() + timeout_s
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"still running:\n{self.text}"
            self._read(0.05)
        self._read()
        return self.process.returncode

    def _read(self, wait_s: float = 0.0) -> None:
        while select.select([self._end], [], [], wait_s)[0]:
            try:
                data = os.read(self._end, 65_536)
            except OSError:  # Linux' way to say that nobody is at the other end any more
                return
            if not data:
                return
            self.raw += data
            self._feed(data)
            wait_s = 0.0

    def _feed(self, data: bytes) -> None:
        enter, leave = _OTHER_SCREEN
        data = self._rest + data
        rest = next((n for n in range(len(enter) - 1, 0, -1) if data.endswith((enter[:n], leave[:n]))), 0)
        data, self._rest = data[: len(data) - rest], data[len(data) - rest :]
        for part in data.replace(enter, b"\0" + enter + b"\0").replace(leave, b"\0" + leave + b"\0").split(b"\0"):
            if part == enter and self._own is None:
                self._own, self._screen = self._screen, pyte.Screen(self._columns, self._lines)
                self._stream = pyte.ByteStream(self._screen)
            elif part == leave and self._own is not None:
                self._screen, self._own = self._own, None
                self._stream = pyte.ByteStream(self._screen)
            elif part not in _OTHER_SCREEN:
                self._stream.feed(part)


@contextlib.contextmanager
def on_terminal(
    command: Sequence[str], environment: Mapping[str, str], *, columns: int = 80, lines: int = 24
) -> Iterator[Terminal]:
    """Run `command` on a terminal of its own; killed at the end if it is still there."""
    ours, theirs = pty.openpty()
    try:
        _set_size(ours, columns, lines)
        process = subprocess.Popen(
            command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={
                "TERM": "xterm-256color",
                # these would outrank the terminal's own size
                **{name: value for name, value in environment.items() if name not in ("COLUMNS", "LINES")},
            },
            start_new_session=True,
            preexec_fn=_take_terminal,  # noqa: PLW1509 - so that Ctrl-C reaches it, as from a shell
        )
        os.close(theirs)
        theirs = -1
        try:
            yield Terminal(process, ours, columns, lines)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(10)
    finally:
        os.close(ours)
        if theirs >= 0:
            os.close(theirs)


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _set_size(end: int, columns: int, lines: int) -> None:
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
