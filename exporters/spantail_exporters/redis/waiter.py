"""The thread that waits for Redis, so that the worker need not.

It carries out one call at a time and knows nothing of what it carries. A Redis that hangs holds up this thread alone:
the worker sees that no answer comes, and puts what is under way on disk.
"""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

from opentelemetry.context import attach, set_value

from spantail_exporters.worker.thread import block_sigpipe

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Waiter:
    """Carries out calls one after the other on a thread of its own, which starts with the first call."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def ask(self, call: Callable[[], T]) -> Future[T]:
        """Return the answer to come; it holds what `call` returns, or the exception that it raised."""
        answer: Future[T] = Future()
        if self._thread is None:
            thread = threading.Thread(target=self._run, name="spantail-waiter", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the interpreter is shutting down: whoever asks has to wait
                _carry(call, answer)
                return answer
            self._thread = thread
        self._calls.put((call, answer))
        return answer

    def close(self, timeout_s: float) -> bool:
        """Stop after the calls that were asked for; False when that took more than `timeout_s`."""
        thread = self._thread
        if thread is None:
            return True
        self._calls.put(None)
        thread.join(timeout_s)
        return not thread.is_alive()

    def _run(self) -> None:
        attach(set_value("suppress_instrumentation", True))  # what delivery does must not be traced itself
        block_sigpipe()
        while (asked := self._calls.get()) is not None:
            _carry(*asked)
            del asked  # the batches of the last call are not kept while there is nothing to do


def _carry(call: Callable[[], T], answer: Future[T]) -> None:
    try:
        answer.set_result(call())
    except BaseException as error:  # it belongs to whoever asked
        answer.set_exception(error)
