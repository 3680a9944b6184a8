"""One watched run in one process: a task that reads it, and what it has read, for every viewer."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from redis.exceptions import RedisError

from spantail_exporters.model import keys
from spantail_service.bounds.cancel import cancel
from spantail_service.errors import DomainError
from spantail_service.tail.frame import Frame, FrameHeader, numbered
from spantail_service.tail.reader import MAX_EVENTS, Page, is_reset
from spantail_service.tail.window import Memory, Window, newest_within

if TYPE_CHECKING:
    from collections.abc import Callable

    from spantail_service.storage.wakeups import WakeUps
    from spantail_service.tail.reader import RunReader

logger = logging.getLogger(__name__)

HEARTBEAT_S = 5.0
"""A viewer hears something at least so often; the run is read anew for it, for time alone changes its status."""

GRACE_S = 5.0
"""Viewers are not told of a Redis that is away for less, …"""

VANISHED_GRACE_S = 15.0
"""… nor of a run that is gone for less: after Redis was emptied its writers tell it again."""

_FIRST_READ_S = 1.0  # the first read waits so long for the subscription, and is made without it then
_RETRY_S = 0.25  # between reads while Redis does not answer
_UNTOLD_S = 0.5  # between reads while changes are not told
_KEPT_FRAMES = 4


class Watcher(Protocol):
    """Somebody who follows the run."""

    def call(self, *, heartbeat: bool) -> None:
        """Something may have changed; with `heartbeat` the watcher hears of it even if nothing has."""


class Feed:
    """A run that is watched. Its task alone reads what is new; viewers take frames from memory.

    ``grown`` is called after events came into memory.
    """

    def __init__(
        self, run_id: str, reader: RunReader, wakeups: WakeUps, memory: Memory, grown: Callable[[], None]
    ) -> None:
        self.run_id = run_id
        self.viewers: set[Watcher] = set()
        self.used = True
        """Somebody polled since the hub looked last."""
        self.window = Window(memory)
        self.closed = False
        self._reader = reader
        self._wakeups = wakeups
        self._memory = memory
        self._grown = grown
        self._header: FrameHeader | None = None
        self._frames: dict[tuple[int, int, bool], Frame] = {}
        self._failure: Exception | None = None
        self._failing_since = 0.0
        # Changes that were told, and how many of them had been told when the last complete read began.
        self._told = 1
        self._read = 0
        self._subscribed = False
        self._bell = asyncio.Event()
        self._joiners: list[tuple[int, asyncio.Future[None]]] = []
        self._loading = asyncio.Lock()
        self._loop = asyncio.get_running_loop()
        self._spoken = self._loop.time()
        self._task: asyncio.Task[None] | None = None

    # ------------------------------------------------------------------------------------------- what the hub does

    def open(self, since: int) -> None:
        """Subscribe, then read from ``since`` on; :meth:`current` waits for it."""
        self.window.clear(since)
        self._task = asyncio.create_task(self._run(), name=f"spantail-feed-{self.run_id}")

    async def aclose(self) -> None:
        """Send the viewers home, stop reading and forget the events."""
        self.close()
        await cancel(self._task)
        self.window.clear(0)

    # ------------------------------------------------------------------------------------- what wake-ups tell us

    def stands(self) -> None:
        """Changes are told from here on: what was before must be read."""
        self._subscribed = True
        self.wake()

    def wake(self) -> None:
        """The run has changed."""
        self._told += 1
        self._bell.set()

    def lost(self) -> None:
        """Changes are not told."""
        self._subscribed = False
        self._bell.set()

    def close(self) -> None:
        """Send the viewers home: the process is about to stop, or nobody is left."""
        self.closed = True
        self._bell.set()
        self._call_viewers(heartbeat=False)

    # ------------------------------------------------------------------------------------------ what viewers take

    @property
    def is_current(self) -> bool:
        """Whether memory has all that is known to have happened."""
        return self._read == self._told and self._subscribed and not self.closed

    @property
    def header(self) -> FrameHeader | None:
        """Where the run stands; ``None`` before the first read."""
        return self._header

    def trouble(self) -> Exception | None:
        """Why there is nothing to wait for any more, once it has lasted; ``None`` while there is hope."""
        failure = self._failure
        if failure is None:
            return None
        grace_s = VANISHED_GRACE_S if isinstance(failure, DomainError) else GRACE_S
        return failure if self._loop.time() - self._failing_since >= grace_s else None

    async def current(self) -> None:
        """Wait until everything that was told before this call has been read, or the feed is closed.

        Raises:
            DomainError: the run is not there (any more).
            RedisError: Redis does not answer.
        """
        if self.is_current or self.closed:
            return
        if not self._subscribed and self._read > 0:
            self.wake()  # changes are not told: look now
        done = self._loop.create_future()
        self._joiners.append((self._told, done))
        await done

    def frame_in_memory(self, since: int, limit: int, epoch: str | None) -> Frame | None:
        """The frame for a reader's place; ``None`` when it begins before what is in memory."""
        standing = self._header
        if standing is None:
            return None
        reset = is_reset(standing.meta, since, epoch)
        if reset:
            since = standing.meta.first_index
        window = self.window
        if not window.start <= since <= window.end:
            return None
        end = min(since + limit, window.end)
        key = (since, end, reset)
        frame = self._frames.get(key)
        if frame is None:
            frame = standing.frame(window.slice(since, limit), since, reset=reset)
            if len(self._frames) >= _KEPT_FRAMES:
                del self._frames[next(iter(self._frames))]
            self._frames[key] = frame
        return frame

    async def load_back(self, since: int, most: int) -> None:
        """Load what is stored from ``since`` on in front of the window, while all feeds hold less than ``most`` bytes.

        Who waits for the same finds it done. Raises as :meth:`current` does.
        """
        async with self._loading:
            while self._header is not None and self.window.start > since and self._memory.held < most:
                start, epoch = self.window.start, self._header.meta.epoch
                first = max(since, start - MAX_EVENTS, self._header.meta.first_index)
                if first >= start:
                    return
                page = await self._reader.page(self.run_id, first, start - first, newest=True)
                if page.meta.epoch != epoch or self.window.start != start or self._header.meta.epoch != epoch:
                    continue  # the window moved while we read
                # others have loaded meanwhile
                logs = newest_within(most - self._memory.held, numbered(page.entries, first, start))
                if not logs:
                    return  # trimmed meanwhile, or no room
                self.window.prepend(logs)
                self._frames.clear()

    # ------------------------------------------------------------------------------------------------- the task

    async def _run(self) -> None:
        channel = keys.channel(self.run_id)
        try:
            await self._wakeups.add(channel, self)
            if not self._subscribed:
                await self._pause(_FIRST_READ_S)
            while not self.closed:
                told = self._told
                self._bell.clear()
                try:
                    await self._catch_up()
                except Exception as error:  # noqa: BLE001 - whatever it is: a feed that died would leave viewers waiting
                    self._fail(error)
                    await asyncio.sleep(_RETRY_S)
                    continue
                self._failure = None
                self._read = told
                self._answer()
                await self._pause(HEARTBEAT_S if self._subscribed else _UNTOLD_S)
        finally:
            self.closed = True
            self._answer()
            await self._wakeups.remove(channel, self)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._bell.wait()

    async def _catch_up(self) -> None:
        changed = False
        while True:
            page = await self._reader.page(self.run_id, self.window.end, MAX_EVENTS)
            changed |= self._take(page)
            if self.window.end >= page.meta.next_index:
                break
        if changed:
            self._call_viewers(heartbeat=False)
        elif self._loop.time() - self._spoken >= HEARTBEAT_S:
            self._frames.clear()
            self._call_viewers(heartbeat=True)

    def _take(self, page: Page) -> bool:
        """Take in what was read; True when a viewer would see a difference."""
        meta, window = page.meta, self.window
        standing = FrameHeader(self.run_id, meta, page.layers)
        changed = not standing.says_the_same(self._header)
        opening = self._header is None
        other_epoch = self._header is not None and self._header.meta.epoch not in (None, meta.epoch)
        if other_epoch or not meta.first_index <= window.end <= meta.next_index:
            # Another life of the run, one whose end was lost, or one that ran away from us: the events in memory
            # are no part of it, or do not lead up to it.
            window.clear(meta.next_index if opening else meta.first_index)
            changed = True
        if page.entries and page.entries[0][0] <= window.end:  # else it was read for a place we have left
            window.append(numbered(page.entries, window.end))
            self._grown()
            changed = True
        window.drop_before(meta.first_index)
        if changed:
            self._header = standing
            self._frames.clear()
        return changed

    def _fail(self, error: Exception) -> None:
        if self._failure is None:
            self._failing_since = self._loop.time()
            is_known = isinstance(error, DomainError | RedisError | OSError)
            level = logging.INFO if is_known else logging.ERROR
            logger.log(level, "run %s cannot be read: %r", self.run_id, error, exc_info=not is_known)
        self._failure = error
        self._told += 1  # nothing in memory is known to be current
        self._answer(error)
        if self.trouble() is not None:
            self._call_viewers(heartbeat=False)

    def _answer(self, error: Exception | None = None) -> None:
        """Let those go on whose changes have been read, or everybody when reading failed."""
        waiting = []
        for told, done in self._joiners:
            if done.done():
                continue
            if error is not None:
                done.set_exception(error)
            elif told <= self._read or self.closed:
                done.set_result(None)
            else:
                waiting.append((told, done))
        self._joiners = waiting

    def _call_viewers(self, *, heartbeat: bool) -> None:
        self._spoken = self._loop.time()
        for viewer in self.viewers:
            viewer.call(heartbeat=heartbeat)
