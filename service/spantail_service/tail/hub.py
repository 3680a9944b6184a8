"""All watched runs of one process: one reader each, any number of viewers, bounded memory."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from spantail_service.bounds.cancel import cancel
from spantail_service.errors import TooManyViewersError
from spantail_service.tail.feed import Feed
from spantail_service.tail.reader import MAX_EVENTS
from spantail_service.tail.viewer import Viewer
from spantail_service.tail.window import Memory

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from spantail_service.storage.wakeups import WakeUps
    from spantail_service.tail.frame import Frame
    from spantail_service.tail.reader import RunReader

MAX_WAIT_S: Final = 30.0
"""The longest time that a long poll is held, in seconds."""

_TIDY_S = 5.0  # a run that nobody watched or polled for so long is dropped
_MAX_FEEDS = 2_000
_HISTORY_SHARE = 0.5  # of the memory: older events, which few want, must not push out the newest, which all want


class TailHub:
    """Follows the runs that somebody watches and hands out frames.

    A run is read by one task (`Feed`), woken by Redis; one viewer more costs no further read. It is dropped
    some seconds after the last viewer or poll. `cache_bytes` bounds the events held for all runs together; what
    is older than them is read from Redis, a page at a time. `lag` is told how old the newest event was that was read.
    """

    def __init__(
        self,
        reader: RunReader,
        wakeups: WakeUps,
        *,
        max_viewers: int,
        cache_bytes: int,
        lag: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        self._reader = reader
        self._lag = lag
        self._wakeups = wakeups
        self._max_viewers = max_viewers
        self._memory = Memory(cache_bytes)
        self._feeds: dict[str, Feed] = {}
        self._viewers = 0
        self._stopping = False
        self._tidier: asyncio.Task[None] | None = None

    @property
    def viewers(self) -> int:
        """How many long polls, event streams and WebSockets are held open."""
        return self._viewers

    @property
    def watched(self) -> int:
        """How many runs are followed."""
        return len(self._feeds)

    @property
    def cached_bytes(self) -> int:
        """How much memory the events take."""
        return self._memory.held

    def stop(self) -> None:
        """End every viewer and take no more: the process is about to stop."""
        self._stopping = True
        for feed in self._feeds.values():
            feed.close()

    async def close(self) -> None:
        """Stop for good."""
        self.stop()
        await cancel(self._tidier)
        await asyncio.gather(*(feed.aclose() for feed in self._feeds.values()))
        self._feeds.clear()

    def frame_in_memory(self, run_id: str, since: int, limit: int, epoch: str | None) -> Frame | None:
        """The answer to a poll, when it is known without asking anybody."""
        feed = self._feeds.get(run_id)
        if feed is None or not feed.is_current:
            return None
        feed.used = True
        return feed.frame_in_memory(since, limit, epoch)

    async def poll(self, run_id: str, since: int, limit: int, epoch: str | None) -> Frame:
        """The answer to a poll. A run that is polled and goes on is followed from then on.

        Raises:
            RunNotFoundError, RunExpiredError: there is no such run.
            RedisError: Redis does not answer.
        """
        if (feed := self._followed(run_id)) is not None:
            feed.used = True
            return await self._frame(feed, since, limit, epoch)
        frame = await self._reader.frame(run_id, since, limit, epoch)
        goes_on = frame.header.meta.expected is None
        # somebody else may have opened it meanwhile
        if goes_on and not self._followed(run_id) and len(self._feeds) < _MAX_FEEDS and not self._stopping:
            self._open(run_id, frame.next_index)
        return frame

    async def long_poll(self, run_id: str, since: int, limit: int, epoch: str | None, wait_s: float) -> Frame:
        """As `poll`, but an answer without events is held back until something changes.

        Comes back after `wait_s` seconds at the latest, at once when the run has settled, when too many wait, or
        when the process stops.
        """
        frame = await self.poll(run_id, since, limit, epoch)
        if frame.events or frame.reset or frame.settled or self._viewers >= self._max_viewers or self._stopping:
            return frame
        try:
            async with self.viewer(run_id, since, epoch, limit) as viewer:
                return await viewer.wait_for_events(frame, min(wait_s, MAX_WAIT_S))
        except TooManyViewersError:  # … since we looked
            return frame

    @asynccontextmanager
    async def viewer(
        self, run_id: str, since: int, epoch: str | None, limit: int = MAX_EVENTS
    ) -> AsyncIterator[Viewer]:
        """Follow a run: subscribed first, then read, so that nothing is missed in between.

        Raises:
            TooManyViewersError: this process holds as many as it may, or is about to stop.
            RunNotFoundError, RunExpiredError: there is no such run.
            RedisError: Redis does not answer.
        """
        if self._viewers >= self._max_viewers or self._stopping:
            raise TooManyViewersError
        self._viewers += 1
        feed = self._followed(run_id) or self._open(run_id, since)
        viewer = Viewer(feed, since, epoch, limit, self._frame)
        feed.viewers.add(viewer)  # from here on: a feed that somebody waits for is not dropped
        try:
            await self._wait_for(feed)
            yield viewer
        finally:
            feed.viewers.discard(viewer)
            feed.used = True
            self._viewers -= 1

    async def _wait_for(self, feed: Feed) -> None:
        try:
            await feed.current()
        except Exception:
            if feed.header is None:  # there is nothing to follow; whoever else waits for it gets the same error
                await self._drop(feed)
            raise
        if feed.closed:  # while the process stops, no feed stays open
            raise TooManyViewersError

    def _followed(self, run_id: str) -> Feed | None:
        feed = self._feeds.get(run_id)
        return None if feed is None or feed.closed else feed

    def _open(self, run_id: str, since: int) -> Feed:
        feed = self._feeds[run_id] = Feed(
            run_id, self._reader, self._wakeups, self._memory, grown=self._trim, lag=self._lag
        )
        feed.open(since)
        if self._tidier is None:
            self._tidier = asyncio.create_task(self._tidy(), name="spantail-tidy-feeds")
        return feed

    async def _drop(self, feed: Feed) -> None:
        if self._feeds.get(feed.run_id) is feed:
            del self._feeds[feed.run_id]
        await feed.aclose()

    async def _frame(self, feed: Feed, since: int, limit: int, epoch: str | None) -> Frame:
        await feed.current()
        frame = feed.frame_in_memory(since, limit, epoch)
        if frame is None and feed.header is not None and not feed.closed:
            most = int(self._memory.limit * _HISTORY_SHARE)
            if self._memory.held < most:
                await feed.load_back(max(since, feed.header.meta.first_index), most)
                frame = feed.frame_in_memory(since, limit, epoch)
        return frame or await self._reader.frame(feed.run_id, since, limit, epoch)

    def _trim(self) -> None:
        """Forget the older half of the largest window until what is held is within bounds."""
        while self._memory.held > self._memory.limit:
            largest = max((feed.window for feed in self._feeds.values()), key=lambda window: window.size, default=None)
            if largest is None or not largest.size:
                return  # a feed that is being dropped holds the rest
            largest.drop_older_half()

    async def _tidy(self) -> None:
        while not self._stopping:
            await asyncio.sleep(_TIDY_S)
            await self._drop_unused()

    async def _drop_unused(self) -> None:
        for feed in list(self._feeds.values()):
            if not feed.viewers and not feed.used:
                await self._drop(feed)
            feed.used = False
