"""A background thread of which a process has one, and how other threads start it, wake it and wait for it.

Nothing here takes a lock. A signal handler interrupts the main thread anywhere, also while it holds a lock, and the
handler of SIGTERM waits for the worker (`spantail.process_exit`): a worker that waited for such a lock would never
deliver what is queued.
"""

from __future__ import annotations

import _thread
import contextlib
import signal
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_CLAIM_S: Final = 0.25  # a thread that was started is at work by then, if nothing holds it up


class Signal:
    """Something that one thread waits for and others set; unlike `threading.Event` without a lock inside."""

    __slots__ = ("_taken",)

    def __init__(self) -> None:
        self._taken = _thread.allocate_lock()  # held while the signal is not set
        self._taken.acquire()

    def set(self) -> None:
        """Let the next `wait`, or the one under way, return."""
        with contextlib.suppress(RuntimeError):  # set already
            self._taken.release()

    def wait(self, timeout_s: float) -> bool:
        """Wait until it is set, and clear it; False when it was not set within `timeout_s` seconds."""
        return self._taken.acquire(timeout=min(max(timeout_s, 0.0), threading.TIMEOUT_MAX))


class WorkerThread:
    """Runs `work` once, on a thread of its own.

    Whoever needs the worker may start a thread at any time. The first of these threads takes the claim and becomes the
    worker, all others return at once. So a start that failed, or was interrupted at any point, takes nothing back.
    """

    def __init__(self, work: Callable[[], None], name: str) -> None:
        self._work = work
        self._name = name
        self._claim = [None]  # taken with `pop`, which is atomic
        self._ident = 0
        self._thread: threading.Thread | None = None
        self._end = Signal()
        self._ended = False

    @property
    def has_begun(self) -> bool:
        """Whether a thread has taken the claim."""
        return not self._claim

    @property
    def at_work(self) -> bool:
        """Whether a thread has taken the claim and has not ended."""
        return not self._claim and not self._ended

    def start(self) -> None:
        """Start a thread unless there is a worker.

        Raises:
            RuntimeError: There are too many threads, or the interpreter shuts down.
        """
        if self._claim:
            threading.Thread(target=self._run, args=(threading.current_thread,), name=self._name, daemon=True).start()

    def await_or_start(self, done: Signal, timeout_s: float) -> bool:
        """Wait until the worker sets `done`, and start a worker where none appears.

        For `flush`, also on the thread of a signal handler: the main thread may be interrupted within `start`, and
        hold one of the locks of `threading`. The thread that is started here does without them, and without a name.

        Returns:
            Whether `done` was set within `timeout_s` seconds. False at once where no thread can be had.
        """
        if self._claim:
            first_s = min(timeout_s, _CLAIM_S)
            if done.wait(first_s):
                return True
            timeout_s -= first_s
            if self._claim:
                try:
                    _thread.start_new_thread(self._run, (lambda: None,))
                except RuntimeError:
                    return False
        return done.wait(timeout_s)

    def join(self, timeout_s: float) -> None:
        """Wait at most `timeout_s` seconds for the end of the worker; not at all where there is none."""
        if self._claim or self._ident == _thread.get_ident():
            return
        if self._end.wait(timeout_s):
            self._end.set()  # for whoever else waits
            if self._thread is not None:
                self._thread.join(timeout_s)

    def _run(self, current_thread: Callable[[], threading.Thread | None]) -> None:
        try:
            self._claim.pop()
        except IndexError:
            return
        self._ident = _thread.get_ident()
        self._thread = current_thread()
        try:
            self._work()
        finally:
            self._ended = True
            self._end.set()


def block_sigpipe() -> None:
    """Let a cut connection be an error in this thread, also where the application set SIGPIPE to its default action.

    Command-line tools do so, for `| head`; the signal would end the process.
    """
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGPIPE})
