"""Work on the event loop in turns: others go on in between, however large a single piece is."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

_Item = TypeVar("_Item")
_SLICE_S: Final = 0.005

LARGE_BYTES: Final = 262_144
"""What is larger takes too long to read for the event loop, and cannot be read in parts."""


LARGE: Final[Any] = object()
"""Stands among items for: the next one is larger than that. It has the type of whatever it stands among."""
_END: Final[Any] = object()


class TimeSlice:
    """Begins when it is made, and anew when it is given up."""

    __slots__ = ("_end",)

    def __init__(self) -> None:
        self._end = perf_counter() + _SLICE_S

    @property
    def is_over(self) -> bool:
        """Whether it is time to let others go on. To be asked before :meth:`give`, which costs more."""
        return perf_counter() > self._end

    async def give(self) -> None:
        """Let the others go on."""
        await asyncio.sleep(0)
        self._end = perf_counter() + _SLICE_S


async def in_slices(items: Iterator[_Item | None], one_large: asyncio.Lock) -> AsyncIterator[_Item]:
    """``items`` but for None, which stands for work that has brought none yet.

    What comes after ``LARGE`` is made on a thread, and by ``one_large`` only one such at a time: a thread holds the
    interpreter for as long as a single call into C takes, and several would follow one another.
    """
    turn = TimeSlice()
    for step in items:
        item = step
        if item is LARGE:
            async with one_large:
                item = await asyncio.to_thread(next, items, _END)
        if item is not None and item is not _END:
            yield item
        if turn.is_over:
            await turn.give()
