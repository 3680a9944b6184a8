"""A conversation with Redis: commands and replies one after the other, without waiting as far as possible."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from redis.exceptions import AskError
from redis.exceptions import ConnectionError as RedisConnectionError

from spantail_exporters.redis.call import Call
from spantail_exporters.redis.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from spantail_exporters.redis.client import Client
    from spantail_exporters.redis.request import Command, Request

T = TypeVar("T")


class Exchange(Call[T]):
    """`steps` yields commands, is sent their replies, and returns what came of it.

    What cannot reach Redis is thrown into it as `Unavailable`, which it may raise itself as well. Commands may be sent
    twice. One thread at a time: whoever began it may look now and then (`go_on`), or leave the rest to a thread that
    waits (`finish`).
    """

    def __init__(self, client: Client, steps: Generator[Sequence[Command], list[Any], T]) -> None:
        self._client = client
        self._steps = steps
        self._commands: Sequence[Command] | None = None
        self._request: Request | None = None
        self._result: T
        self._over = False

    def go_on(self) -> bool:
        """Ask, and look for replies, as far as that needs no waiting; true when all is said. Raises `Unavailable`."""
        if self._commands is None and not self._over:
            self._next()
        while not self._over and not self.must_wait:
            try:
                if self._request is None:
                    self._request = self._client.begin(self._commands or ())
                    self.must_wait = self._request is None
                elif self._request.go_on():
                    self._take(self._request.replies)
                else:
                    break
            except RedisConnectionError as error:
                self._fail(error)
        return self._over

    def finish(self) -> T:
        """Say the rest, waiting, and return what came of it. Raises `Unavailable`."""
        if self._commands is None and not self._over:
            self._next()
        while not self._over:
            try:
                if self._request is not None:
                    self._take(self._request.wait())
                else:
                    self._next(self._client.execute(self._commands or ()))
            except RedisConnectionError as error:
                self._fail(error)
        return self._result

    def _take(self, replies: list[Any]) -> None:
        if any(isinstance(reply, AskError) for reply in replies):
            self._request = None
            self.must_wait = True  # this is a node of a cluster, as it turns out: `execute` finds the others
        else:
            self._next(replies)

    def _next(self, replies: list[Any] | None = None) -> None:
        self._request = None
        try:
            self._commands = next(self._steps) if replies is None else self._steps.send(replies)
        except StopIteration as end:
            self._over, self._result = True, end.value

    def _fail(self, error: Exception) -> None:
        self._request = None
        trouble = Unavailable(str(error))
        trouble.__cause__ = error
        self._steps.throw(trouble)
        raise trouble  # a conversation that went on regardless would have to be asked again
