"""Chunks: what goes to Redis at once is bounded in bytes, for packing it holds the event loop up (pure)."""

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
    """About how many bytes a change sends to Redis."""
    events = change.events
    return (len(events[0]) if len(events) == 1 else sum(map(len, events))) + len(change.state)


def sizes() -> Callable[[Change], int]:
    """As `size_of`, for changes that follow one another: sources that several of them share count once."""
    last: Mapping[str, bytes] = NO_SOURCES

    def size(change: Change) -> int:
        nonlocal last
        if change.sources is last:
            return size_of(change)
        last = change.sources
        return size_of(change) + sum(map(len, last.values()))

    return size


def chunks(items: Iterable[_Item], size_of: Callable[[_Item], int], most: int = sys.maxsize) -> Iterator[list[_Item]]:
    """`items` in their order; a chunk ends with the item that makes it `CHUNK_BYTES` large, or `most` items long."""
    chunk: list[_Item] = []
    size = 0
    for item in items:
        chunk.append(item)
        size += size_of(item)
        if size >= CHUNK_BYTES or len(chunk) >= most:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
