"""How many bytes of requests are held at a time: more senders than that are told to come again."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class BusyError(Exception):
    """There is no room for this request just now; the sender may try again in a moment."""


class Hold:
    """The bytes of one request."""

    __slots__ = ("_room", "taken")

    def __init__(self, room: ByteBudget) -> None:
        self._room = room
        self.taken = 0

    def take(self, size: int) -> None:
        """Count bytes that have arrived.

        Raises:
            BusyError: together with those of all other requests they are too many.
        """
        if self._room.held and self._room.held + size > self._room.limit:
            raise BusyError
        self.taken += size
        self._room.held += size


class ByteBudget:
    """At most ``limit`` bytes of request bodies, as they were sent; a single request always finds room."""

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
