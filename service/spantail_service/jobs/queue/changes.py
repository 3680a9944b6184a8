"""Changes of the job queue, as they happen: one reader for all who watch it in this process.

A message on the queue's channel wakes the reader, and once a second it looks at the version all the same, since a
message may be lost. What it reads is encoded once, and every watcher gets the same bytes. A slow watcher skips what
came meanwhile.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

from spantail_exporters.model import keys
from spantail_service.storage.watching import Watching

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from spantail_service.jobs.queue.frame import QueueFrame, QueueFrames
    from spantail_service.jobs.queue.job_queue import JobQueue
    from spantail_service.storage.wakeups import Listener, WakeUps

MAX_WATCHERS: Final = 1_000
"""Watchers of the queue in one process; one more is refused."""

_LEAST_S: Final = 0.1  # between two readings, however much happens, …
_SHARE: Final = 4  # … and so many times what a reading took: a long queue may not keep the process busy
_POLL_S: Final = 1.0
_AGAIN_S: Final = 0.5
_LOST_S: Final = 3.0  # Redis has been away for so long: who watches should know


class QueueWatcher:
    """Somebody who watches the queue."""

    def __init__(self) -> None:
        self._frame: QueueFrame | None = None
        self._changed = asyncio.Event()
        self.closed = False
        self.is_lost = False
        """Closed because Redis is away."""
        self.has_left = False
        """Closed because nobody listens any more."""

    def show(self, frame: QueueFrame) -> None:
        """Have the next `next` return this; one that was not taken yet is passed over."""
        if self._frame is None or self._frame.version != frame.version:
            self._frame = frame
            self._changed.set()

    def close(self, *, lost: bool = False) -> None:
        """The process is about to stop, or Redis is `lost`."""
        self.closed = True
        self.is_lost = lost
        self._changed.set()

    def leave(self) -> None:
        """Nobody listens any more."""
        self.has_left = True
        self.close()

    async def next(self, timeout_s: float) -> QueueFrame | None:
        """The latest frame, if one came since the last call; None when none came for so long, or at the end."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._changed.wait()
        if self.closed or not self._changed.is_set():
            return None
        self._changed.clear()
        return self._frame


class QueueChanges:
    """Reads the queue, and shows it to its watchers.

    Args:
        queue: What is read.
        frames: Makes JSON of it.
        wakeups: Says when something changes.
    """

    def __init__(self, queue: JobQueue, frames: QueueFrames, wakeups: WakeUps) -> None:
        self._queue = queue
        self._frames = frames
        self._latest: QueueFrame | None = None
        self._reading = asyncio.Lock()
        self._read_at = 0.0  # when Redis last answered, by the loop's clock
        self._watching = Watching[QueueWatcher](
            wakeups,
            keys.QUEUE_CHANNEL,
            "changes of the queue",
            self._follow,
            again_s=_AGAIN_S,
            most=MAX_WATCHERS,
            failed=self._failed,
        )

    @property
    def watchers(self) -> int:
        """How many follow the queue at the moment."""
        return len(self._watching.watchers)

    async def frame(self, known: int | None = None) -> QueueFrame | None:
        """The queue as it is; None where its version is the `known` one.

        Raises:
            redis.exceptions.RedisError: Redis cannot be reached.
        """
        version = await self._queue.version()
        if version == known:
            return None
        async with self._reading:  # whoever asks meanwhile gets what one of them reads
            if self._latest is None or self._latest.version != version:
                self._latest = self._frames.of(await self._queue.overview())
            return self._latest

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[QueueWatcher | None]:
        """A watcher, which is shown the queue at once; None when there are too many, or the process stops.

        Raises:
            redis.exceptions.RedisError: Redis cannot be reached.
        """
        first = await self.frame()
        if self._watching.is_full():
            yield None
            return
        watcher = QueueWatcher()
        if first is not None:
            watcher.show(first)
        with self._watching.added(watcher):
            if not self._watching.is_read:
                self._read_at = asyncio.get_running_loop().time()
            self._watching.read()
            yield watcher

    def stop_waiting(self) -> None:
        """Close every watcher and take no more: the process is about to stop."""
        self._watching.stop_waiting()

    async def close(self) -> None:
        """Stop for good."""
        await self._watching.close()

    def _failed(self) -> None:
        if asyncio.get_running_loop().time() - self._read_at > _LOST_S:
            for watcher in self._watching.watchers:
                watcher.close(lost=True)

    async def _follow(self, listener: Listener | None) -> None:
        shown: int | None = None
        loop = asyncio.get_running_loop()
        while self._watching.goes_on:
            began = loop.time()
            frame = await self.frame(shown)
            self._read_at = loop.time()
            if frame is not None:
                shown = frame.version
                for watcher in self._watching.watchers:
                    watcher.show(frame)
            await asyncio.sleep(max(_LEAST_S, _SHARE * (self._read_at - began)))
            if listener is None:  # as many listen as may: ask instead
                await asyncio.sleep(_POLL_S)
            else:
                await listener.wait(_POLL_S)
