"""The workers of a service that was started with several: which there are, and connections to a certain one."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator

_MARK = ["spantail_service", "worker"]


def workers_of(supervisor: int) -> dict[int, int]:
    """The process ids of the living workers of a supervisor, by their number."""
    found = {}
    for child in psutil.Process(supervisor).children():
        try:
            command = child.cmdline()
        except psutil.Error:  # it has just ended
            continue
        if command[2:4] == _MARK:
            found[int(command[4])] = child.pid
    return found


@contextmanager
def new_connections_go_to(number: int, supervisor: int) -> Iterator[None]:
    """Have one worker take every new connection: the others stand still meanwhile. Must not take seconds."""
    others = [pid for place, pid in workers_of(supervisor).items() if place != number]
    for pid in others:
        psutil.Process(pid).send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in others:
            psutil.Process(pid).send_signal(signal.SIGCONT)
