"""The end of a process: what is still held when it comes is delivered, in bounded time.

| how it ends | what is done |
|---|---|
| normal exit, `sys.exit`, an uncaught exception, Ctrl-C | `atexit` |
| a child of `multiprocessing` (it leaves by `os._exit`, without `atexit`) | a finaliser of `multiprocessing` |
| a child of Celery's prefork pool (it leaves by `os._exit`, without finalisers) | Celery's `worker_process_shutdown` |
| SIGTERM where nobody handles it | a handler flushes for at most 2 s, then the default action follows |
| `os._exit`, SIGKILL, a crash | nothing can be done |

Which setting switches off which part of this, and what `unwatch()` undoes, stands in `spantail.process`.
"""

from __future__ import annotations

import atexit
from typing import TYPE_CHECKING, Final

from spantail.process.background import SignalSafeCall
from spantail.process.children import ChildrenExit
from spantail.process.sigterm import SigtermHandler

if TYPE_CHECKING:
    from collections.abc import Callable

SIGTERM_TIMEOUT_S: Final = 2.0
EXIT_TIMEOUT_S: Final = 5.0


class ProcessExit:
    """Calls `flush(timeout_s)` on SIGTERM and `shutdown(timeout_s)` at every other end; both must not raise."""

    def __init__(self, flush: Callable[[float], object], shutdown: Callable[[float], object]) -> None:
        self._flush = flush
        self._shutdown = shutdown
        self._children = ChildrenExit(self._at_exit, lambda: flush(SIGTERM_TIMEOUT_S))
        self._sigterm = SigtermHandler(self._flush_in_background)

    def watch(self, *, exit_hooks: bool = True, handle_sigterm: bool = True, patch_signal: bool = True) -> None:
        """Begin to watch for the end of the process; call it again only after `unwatch()`.

        Args:
            exit_hooks: Whether to act at every end but SIGTERM.
            handle_sigterm: Whether to act on SIGTERM.
            patch_signal: Whether `signal.signal` may be wrapped for it, see `SigtermHandler`.
        """
        if exit_hooks:
            atexit.unregister(self._at_exit)  # of a handle that is still being shut down
            atexit.register(self._at_exit)
            self._children.watch()
        if handle_sigterm:
            self._sigterm.install(patch=patch_signal)

    def unwatch(self) -> None:
        """Leave the end of the process alone again; safe to call twice."""
        atexit.unregister(self._at_exit)
        self._children.unwatch()
        self._sigterm.remove()

    def _at_exit(self) -> None:
        self._shutdown(EXIT_TIMEOUT_S)

    def _flush_in_background(self) -> None:
        """Flush in a thread of its own: the interrupted main thread may hold any lock, also one of `threading`."""
        flushing = SignalSafeCall(lambda: self._flush(SIGTERM_TIMEOUT_S))
        try:
            flushing.start()
        except RuntimeError:  # no more threads
            return
        flushing.wait(SIGTERM_TIMEOUT_S + 0.25)
