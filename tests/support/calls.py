"""A plain function as a call of delivery: one that only the waiter can make, for it may hang."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from spantail_exporters.redis.call import Call

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Waiting(Call[T]):
    """Asked and answered in `finish`, which returns what `function` returns, or raises what it raises."""

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function

    must_wait = True

    def go_on(self) -> bool:
        return False

    def finish(self) -> T:
        return self._function()
