"""Nothing is left behind: threads and child processes of a test end with it."""

from __future__ import annotations

import contextlib
import gc
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

_GRACE_S = 3.0
_COLLECT_S = 0.5
# What `asyncio.to_thread` works on. They are the event loop's, which waits for them at its end, and a fixture may have
# it outlive the test that wanted the first one.
_OF_THE_LOOP = "asyncio_"

_kept_groups: set[int] = set()


def keep(process_group: int) -> None:
    """Leave the processes of this group out: a server that outlives the test which wanted it first."""
    _kept_groups.add(process_group)


@dataclass(frozen=True, slots=True)
class Inventory:
    """What was alive at one moment."""

    threads: frozenset[int | None]
    children: frozenset[int]

    @classmethod
    def take(cls) -> Inventory:
        """Of this process, now."""
        return cls(
            frozenset(thread.ident for thread in threading.enumerate()),
            frozenset(child.pid for child in _children()),
        )

    def left_behind(self) -> list[str]:
        """What is alive now and was not then; waits a moment for what is just ending.

        Some threads (gRPC's) end with the last object that uses them, and such objects may hold on to each other: the
        collector is asked to look, for by itself it looks when there is much to do.
        """
        begun = collected = time.monotonic()
        while new := self._new():
            now = time.monotonic()
            if now > begun + _GRACE_S:
                break
            if collected == begun or now > collected + _COLLECT_S:
                gc.collect()
                collected = time.monotonic()
            time.sleep(0.02)
        return new

    def _new(self) -> list[str]:
        threads = [
            f"thread {thread.name!r}"
            for thread in threading.enumerate()
            if thread.ident not in self.threads and not thread.name.startswith(_OF_THE_LOOP)
        ]
        return threads + [_describe(child) for child in _children() if child.pid not in self.children]


def _children() -> list[psutil.Process]:
    found = []
    for pid in _children_of("self"):
        if not _is_kept(pid):
            with contextlib.suppress(psutil.NoSuchProcess):
                found.append(psutil.Process(pid))
    return found


def _children_of(pid: int | str) -> list[int]:
    """All below that process. Linux knows them at once; elsewhere every process of the machine is looked at."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        direct = [int(child) for thread in threads for child in (thread / "children").read_text("ascii").split()]
    except OSError:  # no Linux, or a thread or process that has just ended
        try:
            return [child.pid for child in psutil.Process(None if pid == "self" else int(pid)).children(recursive=True)]
        except psutil.NoSuchProcess:
            return []
    return direct + [below for child in direct for below in _children_of(child)]


def _is_kept(pid: int) -> bool:
    try:
        return os.getpgid(pid) in _kept_groups
    except ProcessLookupError:
        return True


def _describe(child: psutil.Process) -> str:
    try:
        return f"process {child.pid} {' '.join(child.cmdline())[:120]!r} ({child.status()})"
    except psutil.NoSuchProcess:
        return f"process {child.pid} (just gone)"
