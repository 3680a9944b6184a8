"""How many bytes of requests are held at a time: what is above it has to come again."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class BusyError(Exception):
    """The budget is used up just now; the sender may try again in a moment."""


class Hold:
    """The bytes of one request."""

    __slots__ = ("_budget", "taken")

    def __init__(self, budget: ByteBudget) -> None:
        self._budget = budget
        self.taken = 0

    def take(self, size: int) -> None:
        """Count bytes that have arrived.

        Raises:
            BusyError: together with those of all other requests they are too many.
        """
        if self._budget.held and self._budget.held + size > self._budget.limit:
            raise BusyError
        self.taken += size
        self._budget.held += size


class ByteBudget:
    """At most `limit` bytes of request bodies, as they were sent; one that comes alone is taken whatever its size."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0

    @contextmanager
    def hold(self) -> Iterator[Hold]:
        """Hold the bytes of one request until the block ends."""
        hold = Hold(self)
        try:
            yield hold
        finally:
            self.held -= hold.taken
