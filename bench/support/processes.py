"""What processes take, by the operating system's account."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Sequence


def redis_process() -> psutil.Process:
    """The Redis of `private_redis`, a child of this process.

    Raises:
        RuntimeError: there is none.
    """
    for child in psutil.Process().children(recursive=True):
        if "redis" in child.name() or "valkey" in child.name():
            return child
    raise RuntimeError("the private Redis is not a child of this process")


def cpu_s(processes: Sequence[psutil.Process]) -> float:
    """Their CPU time so far, in user and system mode together."""
    times = [process.cpu_times() for process in processes if process.is_running()]
    return sum(one.user + one.system for one in times)


def memory_mb(processes: Sequence[psutil.Process]) -> float:
    """Their resident memory."""
    return float(sum(process.memory_info().rss for process in processes if process.is_running())) / 1e6
