"""Calls on a thread of their own, which do not hold up the end of the process and can be waited for.

A signal handler interrupts the main thread at any point, also while that holds a lock of `threading` itself, for which
`Thread.start()` would then wait for ever. The functions of `_thread` take none, so a signal handler uses
`SignalSafeCall`. Everybody else uses `ThreadCall`: a thread that `threading` did not start may stay in its list up to
Python 3.12.
"""

from __future__ import annotations

import _thread
import contextlib
import threading
import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Call(Protocol):
    """A call that is started once and can be waited for from any thread."""

    def start(self) -> None:
        """Start it.

        Raises:
            RuntimeError: The interpreter gives no more threads, as at its end.
        """

    def wait(self, timeout_s: float) -> None:
        """Wait until it is over, at most `timeout_s` seconds; not at all when it was not started."""


class ThreadCall:
    """A call of `function`, which must not raise, on a daemon thread."""

    def __init__(self, function: Callable[[], object]) -> None:
        self._thread = threading.Thread(target=function, name="spantail-flush", daemon=True)

    def start(self) -> None:
        """Start it; see `Call.start`."""
        self._thread.start()

    def wait(self, timeout_s: float) -> None:
        """Wait until it is over; see `Call.wait`."""
        with contextlib.suppress(RuntimeError):  # not started
            self._thread.join(max(timeout_s, 0.0))


class SignalSafeCall:
    """A call of `function`, which must not raise, on a thread that a signal handler may start and wait for."""

    def __init__(self, function: Callable[[], object]) -> None:
        self._function = function
        self._running = _thread.allocate_lock()

    def start(self) -> None:
        """Start it; see `Call.start`."""
        self._running.acquire()
        try:
            _thread.start_new_thread(self._run, ())
        except RuntimeError:
            self._running.release()
            raise

    def _run(self) -> None:
        try:
            self._function()
        finally:
            self._running.release()

    def wait(self, timeout_s: float) -> None:
        """Wait until it is over; see `Call.wait`."""
        if self._running.acquire(timeout=max(timeout_s, 0.0)):
            self._running.release()


def wait_for_all(calls: Iterable[Call], timeout_s: float) -> None:
    """Wait until all calls are over, at most `timeout_s` seconds in all."""
    deadline = time.monotonic() + timeout_s
    for call in calls:
        call.wait(deadline - time.monotonic())
