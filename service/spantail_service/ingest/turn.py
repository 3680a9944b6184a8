"""Work on the event loop in turns: others go on in between, however large a single piece is."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

_Item = TypeVar("_Item")
_TURN_S: Final = 0.005


class Turn:
    """Begins when it is made, and anew when it is given up."""

    __slots__ = ("_end",)

    def __init__(self) -> None:
        self._end = perf_counter() + _TURN_S

    @property
    def is_over(self) -> bool:
        """Whether it is time to let others go on. To be asked before :meth:`give`, which costs more."""
        return perf_counter() > self._end

    async def give(self) -> None:
        """Let the others go on."""
        await asyncio.sleep(0)
        self._end = perf_counter() + _TURN_S


async def in_turns(items: Iterator[_Item | None]) -> AsyncIterator[_Item]:
    """``items`` but for None, which stands for work that has brought none yet."""
    turn = Turn()
    for item in items:
        if item is not None:
            yield item
        if turn.is_over:
            await turn.give()
