"""What goes to Redis at once is bounded in bytes: packing it holds the event loop up (pure)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final, TypeVar

from spantail_exporters.model.changes import NO_SOURCES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from spantail_exporters.model.changes import Change

CHUNK_BYTES: Final = 1_048_576

_Item = TypeVar("_Item")


def size_of(change: Change) -> int:
    """The bytes that it brings to Redis, about."""
    return sum(map(len, change.events)) + len(change.state)


def sizes() -> Callable[[Change], int]:
    """As `size_of`, of changes one after another: what they come from is brought once."""
    last: Mapping[str, bytes] = NO_SOURCES

    def size(change: Change) -> int:
        nonlocal last
        if change.sources is last:
            return size_of(change)
        last = change.sources
        return size_of(change) + sum(map(len, last.values()))

    return size


def chunks(items: Iterable[_Item], size_of: Callable[[_Item], int], most: int = sys.maxsize) -> Iterator[list[_Item]]:
    """``items`` in their order; a piece ends with the one that makes it ``CHUNK_BYTES``, or ``most`` items."""
    piece: list[_Item] = []
    size = 0
    for item in items:
        piece.append(item)
        size += size_of(item)
        if size >= CHUNK_BYTES or len(piece) >= most:
            yield piece
            piece, size = [], 0
    if piece:
        yield piece
