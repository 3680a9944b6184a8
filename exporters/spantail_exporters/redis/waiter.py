"""The thread that waits for Redis, so that the worker need not.

It carries out one call at a time and knows nothing of what it carries. A Redis that hangs holds up this thread alone:
the worker sees that no answer comes, and puts what is under way on disk.
"""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from opentelemetry.context import attach, set_value

from spantail_exporters.worker.thread import block_sigpipe

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Call(Protocol[T_co]):
    """What can be asked (`Exchange`)."""

    def go_on(self) -> bool:
        """Ask, and look for the answer, as far as that needs no waiting; true when it is there."""

    @property
    def must_wait(self) -> bool:
        """Whether only `finish` leads on."""

    def finish(self) -> T_co:
        """Return the answer, waiting for it where it is not there."""


class Answer(Generic[T]):
    """The answer to come to a call: looked for by who asked, or waited for by the courier, which then calls `wake`."""

    def __init__(self, call: Call[T], courier: Courier, wake: Callable[[], object]) -> None:
        self._call = call
        self._courier = courier
        self._wake = wake
        self._future: Future[T] | None = None
        self.look()

    def look(self) -> None:
        """Do what can be done for it without waiting."""
        if self._future is None:
            try:
                if self._call.go_on():
                    self._future = Future()
                    self._future.set_result(self._call.finish())
                elif self._call.must_wait:
                    self.leave()
            except Exception as error:
                self._future = Future()
                self._future.set_exception(error)

    def done(self) -> bool:
        """Whether it is there."""
        return self._future is not None and self._future.done()

    def result(self) -> T:
        """Return it once it is `done`, or raise what went wrong."""
        if self._future is None:
            raise RuntimeError("no answer has come yet")
        return self._future.result(0)

    def leave(self) -> None:
        """Have the courier wait for it: who asked has nothing else to do."""
        if self._future is None:
            self._future = self._courier.ask(self._call.finish)
            self._future.add_done_callback(lambda _: self._wake())


class Courier:
    """Carries out calls one after the other on a thread of its own, which starts with the first call."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def ask(self, call: Callable[[], T]) -> Future[T]:
        """Return the answer to come; it holds what `call` returns, or the exception that it raised."""
        answer: Future[T] = Future()
        if self._thread is None:
            thread = threading.Thread(target=self._run, name="spantail-courier", daemon=True)
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
