"""The ledger: what a workload is about to do, written down before it does it, in a file of its own.

One line per call, appended with a single `write` (O_APPEND): the page cache outlives a `kill -9`. Nothing here knows
of the exporter; the accounts are closed against these lines alone.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

START: Final = "S"
END: Final = "E"
LOG: Final = "L"
EXIT: Final = "X"
PULSE: Final = "P"
PULSE_S: Final = 0.01
"""How often a process enters a pulse: a longer gap is a machine that did not let it run."""


class Line(NamedTuple):
    """One call that was about to be made.

    `time_us` since the epoch. `detail` is the parent's span id ("-" = none) of a start, the status of an end, the
    number of a log line, and what `shutdown()` answered for an exit.
    """

    time_us: int
    thread: int
    what: str
    run_id: str
    span_id: str
    detail: str


class Ledger:
    """An append-only file. May be written to by several threads."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(self, thread: int, what: str, run_id: str = "-", span_id: str = "-", detail: str = "-") -> None:
        """Write one line; it is in the kernel's hands when this returns."""
        now_us = time.time_ns() // 1000
        os.write(self._descriptor, f"{now_us} {thread} {what} {run_id} {span_id} {detail}\n".encode())


def read(path: Path) -> Iterator[Line]:
    """Read a ledger; a line that a kill cut off is passed over."""
    for text in path.read_text(encoding="ascii").splitlines(keepends=True):
        fields = text.split()
        if text.endswith("\n") and len(fields) == len(Line._fields):
            yield Line(int(fields[0]), int(fields[1]), *fields[2:])
