"""The end of a process: what is still held when it comes is delivered, in bounded time.

| how it ends | what is done |
|---|---|
| normal exit, `sys.exit`, an uncaught exception, Ctrl-C | `atexit` |
| a child of `multiprocessing` (it leaves by `os._exit`, without `atexit`) | a finaliser of `multiprocessing` |
| a child of Celery's prefork pool (it leaves by `os._exit`, without finalisers) | Celery's `worker_process_shutdown` |
| SIGTERM where nobody handles it | a handler flushes for at most 2 s, then the signal takes its default course |
| `os._exit`, SIGKILL, a crash | nothing can be done |

The SIGTERM handler never replaces one of the application: it takes the place of the default action only. Where
the application (or a server such as uvicorn) holds the signal when `configure()` is called, it is put in place
when the default action would be restored. The exit status stays that of a process ended by SIGTERM. What changes:
Python runs handlers between two of its instructions, so SIGTERM waits for a call into C to return.
`SPANTAIL_HANDLE_SIGTERM=false` leaves the signal alone.
"""

from __future__ import annotations

import _thread
import atexit
import os
import signal
import sys
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any, Final

from spantail.trouble import report_trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SIGTERM_VARIABLE: Final = "SPANTAIL_HANDLE_SIGTERM"
SIGTERM_TIMEOUT_S: Final = 2.0
EXIT_TIMEOUT_S: Final = 5.0
_LAST: Final = -100  # after the finalisers that join multiprocessing's own queues (-5) and pools (15)
_set_signal: Final = signal.signal  # as it was before `_wait_for_default` put itself in front


class ProcessExit:
    """Calls `flush(timeout_s)` on SIGTERM and `shutdown(timeout_s)` at every other end; both must not raise."""

    def __init__(self, flush: Callable[[float], object], shutdown: Callable[[float], object]) -> None:
        self._flush = flush
        self._shutdown = shutdown
        self._on_sigterm = self._sigterm  # one object: bound methods are made anew at each look
        self._watching = False
        self._wrapper: Any = None

    def watch(self, environ: Mapping[str, str] = os.environ) -> None:
        """Be there when the process ends; safe to call twice."""
        if self._watching:
            return
        self._watching = True
        atexit.register(self._at_exit)
        self._join_pools()
        if hasattr(os, "register_at_fork"):
            join = weakref.WeakMethod(self._join_pools)  # a fork hook is for ever

            def in_child() -> None:
                if join_again := join():
                    join_again()

            os.register_at_fork(after_in_child=in_child)
        if environ.get(SIGTERM_VARIABLE, "").strip().lower() not in {"false", "0", "off", "no"}:
            self._watch_sigterm()

    def unwatch(self) -> None:
        """Leave the end of the process alone again."""
        self._watching = False
        atexit.unregister(self._at_exit)
        if self._wrapper is not None and signal.signal is self._wrapper:
            setattr(signal, "signal", _set_signal)  # noqa: B010 - a type checker takes it for a constant
        self._wrapper = None
        try:
            if signal.getsignal(signal.SIGTERM) is self._on_sigterm:
                _set_signal(signal.SIGTERM, signal.SIG_DFL)
        except ValueError:
            pass  # not the main thread: the handler stays, and only passes the signal on

    def _at_exit(self) -> None:
        self._shutdown(EXIT_TIMEOUT_S)

    # ------------------------------------------------------------ children of pools

    def _join_pools(self) -> None:
        self._join_multiprocessing()
        self._join_celery()

    def _join_multiprocessing(self) -> None:
        """Be called at the end of a child of `multiprocessing`, if that is what this process is, or will be.

        A child empties the list of finalisers when it begins, then runs its after-fork hooks; one that has begun
        already (`forkserver` and `spawn` call `configure()` late) needs the finaliser itself.
        """
        try:
            util = sys.modules.get("multiprocessing.util")
            process = sys.modules.get("multiprocessing.process")
            if util is None or process is None:
                return  # loaded later, then a fork comes by here again
            util.register_after_fork(self, ProcessExit._in_child)
            if process.parent_process() is not None:
                self._in_child()
        except Exception:
            report_trouble("the end of multiprocessing's children cannot be seen")

    def _in_child(self) -> None:
        sys.modules["multiprocessing.util"].Finalize(None, self._at_child_exit, exitpriority=_LAST)

    def _at_child_exit(self) -> None:
        if not self._watching:
            return
        try:
            _end_threads()
        finally:
            self._shutdown(EXIT_TIMEOUT_S)

    def _join_celery(self) -> None:
        """Be called at the end of a child of Celery's prefork pool, if that is what this process is, or will be.

        Its parent answers its goodbye with SIGTERM at once; Celery's own signal is sent before that.
        """
        try:
            signals = sys.modules.get("celery.signals")
            if signals is not None:  # loaded later, then a fork comes by here again
                signals.worker_process_shutdown.connect(self._at_celery_exit, dispatch_uid=f"spantail {id(self)}")
        except Exception:
            report_trouble("the end of Celery's children cannot be seen")

    def _at_celery_exit(self, **_: object) -> None:
        if self._watching:
            self._flush(SIGTERM_TIMEOUT_S)

    # ------------------------------------------------------------ SIGTERM

    def _watch_sigterm(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return  # Python lets only the main thread set handlers
        present = signal.getsignal(signal.SIGTERM)
        if present == signal.SIG_DFL:
            _set_signal(signal.SIGTERM, self._on_sigterm)
        elif callable(present):
            self._wait_for_default()

    def _wait_for_default(self) -> None:
        """Take the place of the default action when the application gives the signal back.

        uvicorn holds SIGTERM while it loads the application, shuts down in good order when it comes, restores what
        was there before, and raises it again: with the default action, no line of Python would run any more.
        """

        def set_signal(signalnum: Any, handler: Any) -> Any:
            default = isinstance(handler, int) and handler == signal.SIG_DFL
            if default and signalnum == signal.SIGTERM and self._watching:
                handler = self._on_sigterm
            return _set_signal(signalnum, handler)

        set_signal.__name__ = "signal"
        set_signal.__doc__ = _set_signal.__doc__
        self._wrapper = set_signal
        setattr(signal, "signal", set_signal)  # noqa: B010 - a type checker takes it for a constant

    def _sigterm(self, signalnum: int, frame: object) -> None:
        del frame
        _set_signal(signalnum, signal.SIG_DFL)  # a second one ends the process at once
        if self._watching:
            self._flush_aside()
        signal.raise_signal(signal.Signals(signalnum))
        # only reached where the system drops the signal, as it does for process 1 of a container
        _set_signal(signalnum, self._on_sigterm)

    def _flush_aside(self) -> None:
        """Flush in a thread of its own: the interrupted main thread may hold any lock, also one of `threading`."""
        done = _thread.allocate_lock()
        done.acquire()

        def flush() -> None:
            try:
                self._flush(SIGTERM_TIMEOUT_S)
            finally:
                done.release()

        try:
            _thread.start_new_thread(flush, ())
        except RuntimeError:  # no more threads
            return
        done.acquire(timeout=SIGTERM_TIMEOUT_S + 0.25)


def _end_threads() -> None:
    """Wait for the threads that Python waits for next: they may still make spans.

    The idle workers of an executor end only when `threading._shutdown` calls the hook of `concurrent.futures`, so a
    mere `join` would wait for ever. `multiprocessing` calls it again afterwards, which does nothing. It is not
    public: where it is missing, threads are joined for at most 5 s in all.
    """
    end = getattr(threading, "_shutdown", None)
    if end is not None:
        end()
        return
    deadline = time.monotonic() + EXIT_TIMEOUT_S
    for thread in threading.enumerate():
        if not thread.daemon and thread is not threading.current_thread():
            thread.join(max(deadline - time.monotonic(), 0.0))
