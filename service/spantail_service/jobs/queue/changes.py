"""Changes of the job queue, as they happen: one reader for all who watch it in this process.

A message on the queue's channel wakes the reader, and once a second it looks at the version all the same: the poll is
the truth. What it reads is encoded once, and every watcher gets the same bytes. A slow watcher skips what came
meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

from spantail_exporters.model import keys
from spantail_exporters.redis.errors import will_be_back
from spantail_service.bounds.cancel import cancel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from spantail_service.jobs.queue.frame import QueueFrame, QueueFrames
    from spantail_service.jobs.queue.job_queue import JobQueue
    from spantail_service.storage.wakeups import Listener, WakeUps

logger = logging.getLogger(__name__)

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
        self._wakeups = wakeups
        self._watchers: set[QueueWatcher] = set()
        self._task: asyncio.Task[None] | None = None
        self._latest: QueueFrame | None = None
        self._reading = asyncio.Lock()
        self._read_at = 0.0  # when Redis last answered, by the loop's clock
        self._closed = False

    @property
    def watchers(self) -> int:
        """How many follow the queue at the moment."""
        return len(self._watchers)

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
        if self._closed or len(self._watchers) >= MAX_WATCHERS:
            yield None
            return
        watcher = QueueWatcher()
        if first is not None:
            watcher.show(first)
        self._watchers.add(watcher)
        try:
            if self._task is None or self._task.done():
                self._task = asyncio.create_task(self._run(), name="spantail-queue-changes")
            yield watcher
        finally:
            self._watchers.discard(watcher)

    def stop_waiting(self) -> None:
        """Close every watcher and take no more: the process is about to stop."""
        self._closed = True
        for watcher in self._watchers:
            watcher.close()

    async def close(self) -> None:
        """Stop for good."""
        self.stop_waiting()
        await cancel(self._task)

    async def _run(self) -> None:
        """Read while somebody watches."""
        loop = asyncio.get_running_loop()
        self._read_at = loop.time()
        while self._watchers and not self._closed:
            try:
                async with self._wakeups.listen(keys.QUEUE_CHANNEL) as listener:
                    await self._follow(listener)
            except Exception as error:
                if will_be_back(error):
                    logger.info("changes of the queue: Redis cannot be used at the moment: %s", error)
                else:
                    logger.exception("changes of the queue: a reading failed")
                if loop.time() - self._read_at > _LOST_S:
                    for watcher in self._watchers:
                        watcher.close(lost=True)
                await asyncio.sleep(_AGAIN_S)

    async def _follow(self, listener: Listener | None) -> None:
        shown: int | None = None
        loop = asyncio.get_running_loop()
        while self._watchers and not self._closed:
            began = loop.time()
            frame = await self.frame(shown)
            self._read_at = loop.time()
            if frame is not None:
                shown = frame.version
                for watcher in self._watchers:
                    watcher.show(frame)
            await asyncio.sleep(max(_LEAST_S, _SHARE * (self._read_at - began)))
            if listener is None:  # as many listen as may: ask instead
                await asyncio.sleep(_POLL_S)
            else:
                await listener.wait(_POLL_S)
