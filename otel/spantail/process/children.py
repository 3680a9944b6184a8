"""The end of child processes that leave by `os._exit`, without `atexit`: those of `multiprocessing` and of Celery."""

from __future__ import annotations

import os
import sys
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any, Final

from spantail.trouble import report_trouble

if TYPE_CHECKING:
    from collections.abc import Callable

_LAST: Final = -100  # after the finalisers that join multiprocessing's own queues (-5) and pools (15)
_THREADS_TIMEOUT_S: Final = 5.0


class ChildrenExit:
    """Calls back at the end of each child of `multiprocessing` and of Celery's prefork pool, from `watch()` on.

    Args:
        at_exit: Called at the end of a child of `multiprocessing`.
        at_celery_exit: Called at the end of a child of Celery. Its parent sends SIGTERM as soon as the child reports
            its end, so there is little time.
    """

    def __init__(self, at_exit: Callable[[], object], at_celery_exit: Callable[[], object]) -> None:
        self._at_exit = at_exit
        self._at_celery_exit = at_celery_exit
        self._watching = False
        self._follows_forks = False
        self._after_fork: _AfterFork | None = None
        self._finaliser: Any = None

    def watch(self) -> None:
        """Begin; a library that is imported later is found by the next fork."""
        self._watching = True
        self._join()
        if not self._follows_forks and hasattr(os, "register_at_fork"):
            self._follows_forks = True
            weak = weakref.WeakMethod(self._join)  # a fork hook cannot be removed

            def in_child() -> None:
                if join := weak():
                    join()

            os.register_at_fork(after_in_child=in_child)

    def unwatch(self) -> None:
        """Stop; safe to call twice."""
        self._watching = False
        self._after_fork = None  # multiprocessing refers to it weakly, and forgets it
        try:
            if self._finaliser is not None:
                self._finaliser.cancel()
                self._finaliser = None
            signals = sys.modules.get("celery.signals")
            if signals is not None:
                signals.worker_process_shutdown.disconnect(self._celery_exits, dispatch_uid=self._celery_id)
        except Exception:
            report_trouble("the end of child processes is watched further")

    def _join(self) -> None:
        if self._watching:
            self._join_multiprocessing()
            self._join_celery()

    # -- multiprocessing --

    def _join_multiprocessing(self) -> None:
        """Be called at the end of a child of `multiprocessing`, if that is what this process is, or will be.

        A child empties the list of finalisers when it begins, then runs its after-fork hooks; one that has begun
        already (`forkserver` and `spawn` call `configure()` late) needs the finaliser itself.
        """
        try:
            util = sys.modules.get("multiprocessing.util")
            process = sys.modules.get("multiprocessing.process")
            if util is None or process is None:
                return  # it may be imported later: the next fork calls this again
            if self._after_fork is None:
                self._after_fork = _AfterFork(self._in_child)
                util.register_after_fork(self._after_fork, _AfterFork.run)
                if process.parent_process() is not None:
                    self._in_child()
        except Exception:
            report_trouble("the end of multiprocessing's children cannot be seen")

    def _in_child(self) -> None:
        finalise = sys.modules["multiprocessing.util"].Finalize
        self._finaliser = finalise(None, self._child_exits, exitpriority=_LAST)

    def _child_exits(self) -> None:
        if not self._watching:
            return
        try:
            _end_threads()
        finally:
            self._at_exit()

    # -- Celery --

    @property
    def _celery_id(self) -> str:
        return f"spantail {id(self)}"

    def _join_celery(self) -> None:
        """Be called at the end of a child of Celery's prefork pool, if that is what this process is, or will be."""
        try:
            signals = sys.modules.get("celery.signals")
            if signals is not None:  # it may be imported later: the next fork calls this again
                signals.worker_process_shutdown.connect(self._celery_exits, dispatch_uid=self._celery_id)
        except Exception:
            report_trouble("the end of Celery's children cannot be seen")

    def _celery_exits(self, **_: object) -> None:
        if self._watching:
            self._at_celery_exit()


class _AfterFork:
    """What multiprocessing keeps by a weak reference and calls in each child, until it is dropped."""

    def __init__(self, run: Callable[[], None]) -> None:
        self._run = run

    def run(self) -> None:
        self._run()


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
    deadline = time.monotonic() + _THREADS_TIMEOUT_S
    for thread in threading.enumerate():
        if not thread.daemon and thread is not threading.current_thread():
            thread.join(max(deadline - time.monotonic(), 0.0))
