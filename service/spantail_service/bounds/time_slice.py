"""Long work on the event loop in time slices: others go on in between, however much there is to do."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

_Item = TypeVar("_Item")
_SLICE_S: Final = 0.005

LARGE_BYTES: Final = 262_144
"""A single item that is larger takes longer than a time slice to read, and cannot be read in parts."""

LARGE: Final[Any] = object()
"""Stands among items and says: the next one is larger than `LARGE_BYTES`. It has the type of what it stands among."""
_END: Final[Any] = object()


class TimeSlice:
    """How long work may go on before others get their time. Begins when it is made, and anew after each `pause`."""

    __slots__ = ("_end",)

    def __init__(self) -> None:
        self._end = perf_counter() + _SLICE_S

    @property
    def is_over(self) -> bool:
        """Whether it is time to let others go on. Ask this first: `pause` costs more."""
        return perf_counter() > self._end

    async def pause(self) -> None:
        """Let the others go on, and begin the next slice."""
        await asyncio.sleep(0)
        self._end = perf_counter() + _SLICE_S


async def in_slices(items: Iterator[_Item | None], one_large: asyncio.Lock) -> AsyncIterator[_Item]:
    """Give out `items` one by one, with a pause after each time slice.

    None among them stands for work that has brought no item yet, and is left out. An item that follows `LARGE` is made
    on a thread. Only one of these is made at a time: a thread holds the interpreter for as long as a single call into C
    takes, and several would hold it one after another.

    Args:
        items: The work, item by item.
        one_large: The lock that all work of this process on large items shares.
    """
    time_slice = TimeSlice()
    for step in items:
        item = step
        if item is LARGE:
            async with one_large:
                item = await asyncio.to_thread(next, items, _END)
        if item is not None and item is not _END:
            yield item
        if time_slice.is_over:
            await time_slice.pause()
