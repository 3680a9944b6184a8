"""A queue, and the one thread of a process that empties it.

The application's threads only append references to the queue and, where the worker is idle, wake it. The worker goes
through its loop: `_step`, then `_rest`, until it is told to stop. In a forked child everything begins anew: what was
queued is the parent's to deliver.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
import time
from collections import deque
from typing import Any, Generic, TypeVar

from opentelemetry.context import attach, set_value

from spantail_exporters.worker.fork import call_in_child
from spantail_exporters.worker.thread import Signal, WorkerThread, block_sigpipe

_logger = logging.getLogger(__name__)

_JOIN_S = 0.5  # beyond the time limit of a shutdown, for a worker that is about to end
_AFTER_FAILURE_S = 1.0

T = TypeVar("T")


class Flush:
    """A marker in the queue; `done` is set when all that was handed over before it is delivered, or lost.

    `delivered` says which of the two. `given_up` says that nobody waits any more.
    """

    __slots__ = ("delivered", "done", "given_up")

    def __init__(self) -> None:
        self.done = Signal()
        self.delivered = False
        self.given_up = False

    def answer(self, *, delivered: bool) -> None:
        """Let whoever waits go on."""
        self.delivered = delivered
        self.done.set()


class Worker(Generic[T]):
    """What the pipelines have in common.

    Each says what `_open`, `_step`, `_rest` and `_close` do. What `_open` returns is handed to the others: it is
    made on the worker's thread and used there alone. `_begin` and `_is_empty` are extended where more than the queue
    is kept.

    Args:
        name: Of the thread.
        capacity: How many references may wait in the queue. After the shutdown none may.
    """

    def __init__(self, name: str, capacity: int) -> None:
        self._name = name
        self._full_capacity = capacity
        self._begin()
        call_in_child(self._begin)

    def _begin(self) -> None:
        """Start from nothing: in a new process, also after a fork."""
        self._runner_id = new_runner_id()
        self._queue: deque[Any] = deque()
        self._capacity = self._full_capacity
        self._thread = WorkerThread(self._run, self._name)
        self._wake = Signal()
        self._idle = True  # who hands something over has to wake it; at first, to start it
        self._is_awaited = False  # somebody waits for a flush
        self._is_broken = False  # it could not be opened
        self._stopping = False
        self._deadline = float("inf")

    @property
    def runner_id(self) -> str:
        """This process as `host:pid:start`, new after a fork."""
        return self._runner_id

    # ------------------------------------------------------------ any thread

    def flush(self, timeout_s: float) -> bool:
        """Wait until all that was handed over is delivered; False when `timeout_s` was not enough, or it failed."""
        if self._is_empty and not self._thread.has_begun:
            return True
        if self._stopping and not self._thread.at_work:  # nobody would answer a marker
            return self._is_empty and not self._is_broken
        marker = self._new_marker()
        self._queue.append(marker)
        self._is_awaited = True
        self._wake.set()  # whatever it waits for
        marker.given_up = not self._thread.await_or_start(marker.done, timeout_s)
        return marker.delivered and not marker.given_up

    def shutdown(self, timeout_s: float) -> bool:
        """Deliver what is queued within `timeout_s`, then stop; False when something was left undelivered."""
        if self._is_empty and not self._thread.has_begun:
            self._stopping = True
            self._discard()
            return True
        self._deadline = time.monotonic() + timeout_s
        flushed = self._stopping or self.flush(timeout_s)
        self._stopping = self._is_awaited = True
        self._wake.set()
        self._hasten(flushed=flushed)
        self._thread.join(max(0.0, self._deadline - time.monotonic()) + _JOIN_S)
        return flushed

    def _wake_up(self) -> None:
        """Wake the worker, or start it; for whoever has appended something and found it idle."""
        try:
            self._idle = False
            if not self._thread.has_begun and not self._stopping:
                self._thread.start()
        except BaseException as error:
            self._idle = True  # whatever is handed over next tries again
            if not isinstance(error, RuntimeError):
                raise  # Ctrl-C is the application's
            if sys.is_finalizing():  # nothing more can be delivered; else there are too many threads
                self._stopping = True
        self._wake.set()

    # ------------------------------------------------------------ the worker's thread

    def _run(self) -> None:
        attach(set_value("suppress_instrumentation", True))  # what delivery does must not be traced itself
        block_sigpipe()
        try:
            opened = self._open()
        except Exception as error:
            _logger.warning("%s: nothing is delivered, it could not begin (%s)", self._name, type(error).__name__)
            self._is_broken = self._stopping = True
            self._discard()
            return
        while True:
            try:
                self._step(opened)
            except Exception:
                # a mistake of ours must not end delivery for the life of the process
                _logger.exception("%s: a step failed, it goes on", self._name)
                self._pause(_AFTER_FAILURE_S)
            if self._stopping and self._may_stop(opened):
                break
            self._rest(opened)
        self._close(opened)
        self._discard()

    def _pause(self, wait_s: float) -> None:
        self._wake.wait(wait_s)

    def _discard(self) -> None:
        """Take nothing any more, count what is left, and let nobody wait for it."""
        self._capacity = 0
        while self._queue:
            item = self._queue.popleft()
            if isinstance(item, Flush):
                item.answer(delivered=False)
            else:
                self._count_discarded(1)

    # ------------------------------------------------------------ for the pipelines

    @property
    def _is_empty(self) -> bool:
        """Whether nothing waits for the worker."""
        return not self._queue

    def _new_marker(self) -> Flush:
        return Flush()

    def _open(self) -> T:
        """Make what the worker needs; the first thing on its thread."""
        raise NotImplementedError

    def _step(self, opened: T, /) -> None:
        """Deliver what can be delivered now."""
        raise NotImplementedError

    def _may_stop(self, opened: T, /) -> bool:
        """Whether a worker that was told to stop has done what it could."""
        raise NotImplementedError

    def _rest(self, opened: T, /) -> None:
        """Wait until there is something to do; `_idle` is true only while whoever appends has to wake the worker."""
        raise NotImplementedError

    def _hasten(self, *, flushed: bool) -> None:
        """Have the worker end sooner, on another thread, where what it does could take long."""

    def _close(self, opened: T, /) -> None:
        """Let go of what `_open` has made; the last thing on the worker's thread."""
        raise NotImplementedError

    def _count_discarded(self, count: int) -> None:
        """Count what could not be delivered before the end."""
        raise NotImplementedError


def new_runner_id() -> str:
    """Name a pipeline of this process as `host:pid:start`; of two in one process the second starts a second later."""
    global _last_start_s  # noqa: PLW0603 - a number, told apart from none but those of this process
    _last_start_s = max(int(time.time()), _last_start_s + 1)
    return f"{socket.gethostname().replace(':', '-')}:{os.getpid()}:{_last_start_s}"


_last_start_s = 0
