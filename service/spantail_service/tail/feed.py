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
from spantail_service.storage.run_writes import now_us
from spantail_service.tail.frame import Frame, FrameHeader, newest_time_us, numbered
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
"""Viewers get no error while Redis is away for less than this."""

VANISHED_GRACE_S = 15.0
"""Nor while a run is gone for less than this: after Redis was emptied, writers send what they still hold again."""

_FIRST_READ_S = 1.0  # the first read waits so long for the subscription, and is made without it then
_RETRY_S = 0.25  # between reads while Redis does not answer
_UNSUBSCRIBED_S = 0.5  # between reads while no wake-ups come
_KEPT_FRAMES = 4


class Watcher(Protocol):
    """Somebody who follows the run."""

    def call(self, *, heartbeat: bool) -> None:
        """Something may have changed; with `heartbeat` the watcher hears of it even if nothing has."""


class Feed:
    """A run that is watched. Its task alone reads what is new; viewers take frames from memory.

    A frame is taken in three steps: a wake-up says that the run has changed (`wake`), the task reads what is new from
    Redis (`_catch_up`), viewers are called and take their next frame (`frame_in_memory`).

    Args:
        run_id: The run.
        reader: Reads its tail.
        wakeups: Says when the run has changed.
        memory: What the events of all feeds take together.
        grown: Called after events came into memory.
        lag: Told how many seconds ago the newest event happened that was read, of those that came since it was opened.
    """

    def __init__(
        self,
        run_id: str,
        reader: RunReader,
        wakeups: WakeUps,
        memory: Memory,
        *,
        grown: Callable[[], None],
        lag: Callable[[float], None] = lambda _seconds: None,
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
        self._lag = lag
        self._has_caught_up = False
        self._header: FrameHeader | None = None
        self._frames: dict[tuple[int, int, bool], Frame] = {}
        self._failure: Exception | None = None
        self._failing_since = 0.0
        # Wake-ups so far, and how many of them had come when the last complete read began.
        self._wake_ups = 1
        self._wake_ups_read = 0
        self._subscribed = False
        self._woken = asyncio.Event()
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []
        self._loading = asyncio.Lock()
        self._loop = asyncio.get_running_loop()
        self._called_at = self._loop.time()
        self._task: asyncio.Task[None] | None = None

    def open(self, since: int) -> None:
        """Subscribe, then read from `since` on; `current` waits for it."""
        self.window.clear(since)
        self._task = asyncio.create_task(self._run(), name=f"spantail-feed-{self.run_id}")

    async def aclose(self) -> None:
        """End the viewers, stop reading and forget the events."""
        self.close()
        await cancel(self._task)
        self.window.clear(0)

    # What wake-ups call (`wakeups.Target`).

    def subscribed(self) -> None:
        """Wake-ups come from here on; what changed before has to be looked up."""
        self._subscribed = True
        self.wake()

    def wake(self) -> None:
        """The run has changed."""
        self._wake_ups += 1
        self._woken.set()

    def lost(self) -> None:
        """No wake-ups come until `subscribed` is called again."""
        self._subscribed = False
        self._woken.set()

    def close(self) -> None:
        """End the viewers: the process is about to stop, or nobody is left."""
        self.closed = True
        self._woken.set()
        self._call_viewers(heartbeat=False)

    # What viewers take.

    @property
    def is_current(self) -> bool:
        """Whether memory has all that is known to have happened."""
        return self._wake_ups_read == self._wake_ups and self._subscribed and not self.closed

    @property
    def header(self) -> FrameHeader | None:
        """What frames say of the run now; None before the first read."""
        return self._header

    def trouble(self) -> Exception | None:
        """Why reading has failed for too long to go on waiting; None while it may still pass."""
        failure = self._failure
        if failure is None:
            return None
        grace_s = VANISHED_GRACE_S if isinstance(failure, DomainError) else GRACE_S
        return failure if self._loop.time() - self._failing_since >= grace_s else None

    async def current(self) -> None:
        """Wait until every change that was known of before this call has been read, or the feed is closed.

        Raises:
            DomainError: the run is not there (any more).
            RedisError: Redis does not answer.
        """
        if self.is_current or self.closed:
            return
        if not self._subscribed and self._wake_ups_read > 0:
            self.wake()  # no wake-ups come: look now
        done = self._loop.create_future()
        self._waiters.append((self._wake_ups, done))
        await done

    def frame_in_memory(self, since: int, limit: int, epoch: str | None) -> Frame | None:
        """The frame that begins at `since`; None when that is before what is in memory."""
        header = self._header
        if header is None:
            return None
        reset = is_reset(header.meta, since, epoch)
        if reset:
            since = header.meta.first_index
        window = self.window
        if not window.start <= since <= window.end:
            return None
        end = min(since + limit, window.end)
        key = (since, end, reset)
        frame = self._frames.get(key)
        if frame is None:
            frame = header.frame(window.slice(since, limit), since, reset=reset)
            if len(self._frames) >= _KEPT_FRAMES:
                del self._frames[next(iter(self._frames))]
            self._frames[key] = frame
        return frame

    async def load_back(self, since: int, most: int) -> None:
        """Load what is stored from `since` on in front of the window, while all feeds hold less than `most` bytes.

        Whoever waits for the same finds it done.

        Raises:
            DomainError, RedisError: as `current` does.
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
                    return  # trimmed meanwhile, or too large
                self.window.prepend(logs)
                self._frames.clear()

    # The task that reads.

    async def _run(self) -> None:
        channel = keys.channel(self.run_id)
        try:
            await self._wakeups.add(channel, self)
            if not self._subscribed:
                await self._pause(_FIRST_READ_S)
            while not self.closed:
                wake_ups = self._wake_ups
                self._woken.clear()
                try:
                    await self._catch_up()
                except Exception as error:  # noqa: BLE001 - whatever it is: a feed that died would leave viewers waiting
                    self._fail(error)
                    await asyncio.sleep(_RETRY_S)
                    continue
                self._failure = None
                self._wake_ups_read = wake_ups
                self._answer()
                await self._pause(HEARTBEAT_S if self._subscribed else _UNSUBSCRIBED_S)
        finally:
            self.closed = True
            self._answer()
            await self._wakeups.remove(channel, self)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()

    async def _catch_up(self) -> None:
        changed = False
        while True:
            page = await self._reader.page(self.run_id, self.window.end, MAX_EVENTS)
            if page.entries and self._has_caught_up and (time_us := newest_time_us(page.entries[-1][2])):
                self._lag(max(now_us() - time_us, 0) / 1e6)
            changed |= self._take(page)
            if self.window.end >= page.meta.next_index:
                break
        self._has_caught_up = True
        if changed:
            self._call_viewers(heartbeat=False)
        elif self._loop.time() - self._called_at >= HEARTBEAT_S:
            self._frames.clear()
            self._call_viewers(heartbeat=True)

    def _take(self, page: Page) -> bool:
        """Take in what was read; True when a viewer would see a difference."""
        meta, window = page.meta, self.window
        header = FrameHeader(self.run_id, meta, page.layers)
        changed = not header.says_the_same(self._header)
        opening = self._header is None
        other_epoch = self._header is not None and self._header.meta.epoch not in (None, meta.epoch)
        if other_epoch or not meta.first_index <= window.end <= meta.next_index:
            # The run was stored anew, its end was lost, or more came than we could follow: the events in memory are no
            # part of it, or there is a gap behind them.
            window.clear(meta.next_index if opening else meta.first_index)
            changed = True
        if page.entries and page.entries[0][0] <= window.end:  # else the window was cleared since
            window.append(numbered(page.entries, window.end))
            self._grown()
            changed = True
        window.drop_before(meta.first_index)
        if changed:
            self._header = header
            self._frames.clear()
        return changed

    def _fail(self, error: Exception) -> None:
        if self._failure is None:
            self._failing_since = self._loop.time()
            is_known = isinstance(error, DomainError | RedisError | OSError)
            level = logging.INFO if is_known else logging.ERROR
            logger.log(level, "run %s cannot be read: %r", self.run_id, error, exc_info=not is_known)
        self._failure = error
        self._wake_ups += 1  # nothing in memory is known to be current
        self._answer(error)
        if self.trouble() is not None:
            self._call_viewers(heartbeat=False)

    def _answer(self, error: Exception | None = None) -> None:
        """Let those go on whose changes have been read, or everybody when reading failed."""
        waiting = []
        for wake_ups, done in self._waiters:
            if done.done():
                continue
            if error is not None:
                done.set_exception(error)
            elif wake_ups <= self._wake_ups_read or self.closed:
                done.set_result(None)
            else:
                waiting.append((wake_ups, done))
        self._waiters = waiting

    def _call_viewers(self, *, heartbeat: bool) -> None:
        self._called_at = self._loop.time()
        for viewer in self.viewers:
            viewer.call(heartbeat=heartbeat)
