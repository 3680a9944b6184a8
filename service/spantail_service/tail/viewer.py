"""A viewer of a run: an index in its tail that moves on as fast as its connection takes frames."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from spantail_service.errors import DomainError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from spantail_service.tail.feed import Feed
    from spantail_service.tail.frame import Frame, FrameHeader

_AGAIN_S = 0.5


class Stopping(Exception):
    """The process is about to stop: follow the run elsewhere."""


class Left(Exception):
    """The client is gone."""


class Viewer:
    """A reader of one run: a cursor (`since`, `epoch`) and no events, so a slow one takes no memory.

    It asks for the next frame when its connection has taken the one before. All that came meanwhile is one frame then.
    A viewer that falls behind what is stored gets `reset`, as a poll does.
    """

    def __init__(
        self,
        feed: Feed,
        since: int,
        epoch: str | None,
        limit: int,
        frame_of: Callable[[Feed, int, int, str | None], Awaitable[Frame]],
    ) -> None:
        self.since = since
        self.epoch = epoch
        self._limit = limit
        self._feed = feed
        self._frame_of = frame_of
        self._sent: FrameHeader | None = None
        self._due = True  # the first frame goes out whatever is in it
        self._called = False
        self._left = False
        self._woken: asyncio.Future[None] | None = None

    def call(self, *, heartbeat: bool) -> None:
        """Something may have changed. With `heartbeat` the next frame goes out also if nothing has."""
        self._due |= heartbeat
        self._called = True
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)

    def leave(self) -> None:
        """The client is gone: end the present or the next wait."""
        self._left = True
        self.call(heartbeat=False)

    async def next(self) -> Frame:
        """Wait for the next frame worth sending and take it.

        Raises:
            Left: after `leave`.
            Stopping: the process stops.
            DomainError: the run is gone for good.
            RedisError: Redis has not answered for some time.
        """
        while True:
            self._called = False
            if self._left:
                raise Left
            if self._feed.closed:
                raise Stopping
            trouble = self._feed.trouble()
            if trouble is not None:
                raise trouble if isinstance(trouble, DomainError | RedisError) else RedisConnectionError(str(trouble))
            frame = await self._take()
            if frame is not None and (
                self._due or frame.events or frame.reset or not frame.header.says_the_same(self._sent)
            ):
                self.since, self.epoch, self._sent, self._due = frame.next_index, frame.epoch, frame.header, False
                return frame
            await self._wait()

    async def wait_for_events(self, frame: Frame, timeout_s: float) -> Frame:
        """As a long poll does: hold `frame` back while it has nothing new, for `timeout_s` seconds at most."""
        self._due, self._sent = False, frame.header
        try:
            async with asyncio.timeout(timeout_s):
                while not (frame.events or frame.reset or frame.settled):
                    frame = await self.next()
        except (TimeoutError, Stopping):
            pass
        return frame

    async def _take(self) -> Frame | None:
        # The common case makes no task switch: a thousand viewers would make a thousand.
        frame = self._feed.frame_in_memory(self.since, self._limit, self.epoch)
        if frame is not None:
            return frame
        try:
            return await self._frame_of(self._feed, self.since, self._limit, self.epoch)
        except (DomainError, RedisError, OSError):
            # The feed meets the same failure, and reports it when it has lasted for some time (`trouble`).
            await asyncio.sleep(_AGAIN_S)
            return None

    async def _wait(self) -> None:
        if self._called:
            return
        self._woken = asyncio.get_running_loop().create_future()
        try:
            await self._woken
        finally:
            self._woken = None
