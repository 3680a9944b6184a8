"""What work costs: in CPU time of this thread, which other programs on the machine do not change."""

from __future__ import annotations

import asyncio
import gc
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


def cpu_s(work: Callable[[], object]) -> float:
    """Seconds of CPU time that `work` takes; the least of three times."""

    def once() -> float:
        begun = time.thread_time()
        work()
        return time.thread_time() - begun

    return min(once() for _ in range(3))


class Turns:
    """How the event loop's thread spends its CPU time."""

    total_s = 0.0
    longest_s = 0.0
    """… without letting others go on."""


@asynccontextmanager
async def watched_turns() -> AsyncIterator[Turns]:
    """Look at each turn of the event loop in the block.

    What the process holds by then is left out of garbage collections in the block, as the service does with what lives
    as long as it: else a collection of all that the tests before have left counts as somebody's turn.
    """
    turns = Turns()
    gc.freeze()

    async def watch() -> None:
        last = time.thread_time()
        while True:
            await asyncio.sleep(0.001)
            now = time.thread_time()
            turns.total_s += now - last
            turns.longest_s = max(turns.longest_s, now - last)
            last = now

    watching = asyncio.create_task(watch())
    await asyncio.sleep(0)
    try:
        yield turns
        await asyncio.sleep(0.002)
    finally:
        watching.cancel()
        await asyncio.wait({watching})
        gc.unfreeze()
