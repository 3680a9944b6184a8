"""SIGTERM where nobody handles it: something is done first, then the default action of the signal follows.

The handler never replaces one of the application: it takes the place of the default action only. Where the
application (or a server such as uvicorn) holds the signal, `signal.signal` is wrapped, so that the handler is put in
place when the default action would be restored. The exit status stays that of a process ended by SIGTERM. What
changes: Python runs handlers between two of its instructions, so SIGTERM waits for a call into C to return.
"""

from __future__ import annotations

import logging
import signal
import threading
from typing import TYPE_CHECKING, Any, Final

from spantail.process.patches import Patch

if TYPE_CHECKING:
    from collections.abc import Callable

_logger: Final = logging.getLogger("spantail")
_set_signal: Final = signal.signal  # which a handler may call whatever `signal.signal` is by then


class SigtermHandler:
    """Takes the place of SIGTERM's default action from `install()` to `remove()`.

    Args:
        before_end: Called when the signal comes, on the main thread, which it interrupted at any point: it must not
            wait without a limit for any lock, and must not raise.
    """

    def __init__(self, before_end: Callable[[], None]) -> None:
        self._before_end = before_end
        self._handler = self._handle  # one object: bound methods are made anew at each look
        self._installed = False
        self._patch: Patch | None = None

    def install(self, *, patch: bool = True) -> None:
        """Take the place of the default action, or, with `patch`, wait until the application restores that."""
        if self._installed or threading.current_thread() is not threading.main_thread():
            return  # Python lets only the main thread set handlers
        self._installed = True
        present = signal.getsignal(signal.SIGTERM)
        if present == signal.SIG_DFL:
            _set_signal(signal.SIGTERM, self._handler)
        elif callable(present) and present != self._handler and patch:
            self._patch = Patch(signal, "signal", self._not_the_default)

    def remove(self) -> None:
        """Give the signal back; a handler that the application has set stays. Safe to call twice."""
        if not self._installed:
            return
        self._installed = False
        if self._patch is not None:
            self._patch.undo()
            self._patch = None
        if signal.getsignal(signal.SIGTERM) is not self._handler:
            return
        try:
            _set_signal(signal.SIGTERM, signal.SIG_DFL)
        except ValueError:
            _logger.info("the handler of SIGTERM stays: only the main thread can remove it; the signal works as before")

    def _not_the_default(self, set_signal: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap `signal.signal` so that our handler is set in the place of the default action.

        uvicorn holds SIGTERM while it loads the application, shuts down properly when it comes, restores what
        was there before, and raises it again: with the default action, no line of Python would run any more.
        """

        def wrapper(signalnum: Any, handler: Any) -> Any:
            default = isinstance(handler, int) and handler == signal.SIG_DFL
            if default and signalnum == signal.SIGTERM and self._installed:
                handler = self._handler
            return set_signal(signalnum, handler)

        return wrapper

    def _handle(self, signalnum: int, frame: object) -> None:
        del frame
        _set_signal(signalnum, signal.SIG_DFL)  # a second one ends the process at once
        if self._installed:
            self._before_end()
        signal.raise_signal(signal.Signals(signalnum))
        # only reached where the system drops the signal, as it does for process 1 of a container
        _set_signal(signalnum, self._handler)
