"""A call of Redis whose answer is looked for now and then, or waited for on another thread."""

from __future__ import annotations

from abc import ABC, abstractmethod
from concurrent.futures import Future
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from spantail_exporters.redis.waiter import Waiter

T = TypeVar("T")


class Call(ABC, Generic[T]):
    """Used by one thread at a time: whoever has begun it looks for the answer, or leaves the rest to the waiter."""

    _future: Future[T] | None = None  # the answer, once it is there or the waiter waits for it

    must_wait = False
    """Whether only `finish` leads on."""

    @abstractmethod
    def go_on(self) -> bool:
        """Ask, and look for the answer, as far as that needs no waiting; true when it is there."""

    @abstractmethod
    def finish(self) -> T:
        """Return the answer, waiting for it where it is not there, or raise what went wrong."""

    def begin(self, waiter: Waiter, wake: Callable[[], object]) -> None:
        """Ask.

        Args:
            waiter: Waits for the answer where that cannot be done otherwise, or when it is asked to.
            wake: Called on the waiter's thread when an answer is there that it waited for.
        """
        self._waiter, self._wake = waiter, wake
        self.look()

    def look(self) -> None:
        """Do what can be done for it without waiting."""
        if self._future is None:
            try:
                if self.go_on():
                    self._future = Future()
                    self._future.set_result(self.finish())
                elif self.must_wait:
                    self.leave()
            except Exception as error:
                self._future = Future()
                self._future.set_exception(error)

    @property
    def done(self) -> bool:
        """Whether the answer is there."""
        return self._future is not None and self._future.done()

    def result(self) -> T:
        """Return the answer once it is there, or raise what went wrong."""
        if self._future is None:
            raise RuntimeError("no answer has come yet")
        return self._future.result(0)

    def leave(self) -> None:
        """Have the waiter wait for the answer: who asked has nothing else to do."""
        if self._future is None:
            self._future = self._waiter.ask(self.finish)
            self._future.add_done_callback(lambda _: self._wake())
