"""Those who watch one thing, and the one reader that serves them all, while there are any."""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from spantail_exporters.redis.errors import will_be_back
from spantail_service.bounds.cancel import cancel

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from spantail_service.storage.wakeups import Listener, WakeUps

logger = logging.getLogger(__name__)


class Closable(Protocol):
    """Somebody who watches, and can be told that it is over."""

    def close(self) -> None:
        """The process is about to stop."""


_Watcher = TypeVar("_Watcher", bound=Closable)


class Watching(Generic[_Watcher]):
    """The watchers of one thing in this process, and the task that reads it for them.

    Args:
        wakeups: Says when something changes.
        channel: Where it says so.
        what: What is watched, for the log.
        follow: Reads and shows what it reads while `goes_on`; None instead of a listener where as many listen as may.
        again_s: So long after a failure it is called again.
        most: One more watcher is refused.
        failed: Called after each failure.
    """

    def __init__(
        self,
        wakeups: WakeUps,
        channel: str,
        what: str,
        follow: Callable[[Listener | None], Awaitable[None]],
        *,
        again_s: float,
        most: int,
        failed: Callable[[], None] = lambda: None,
    ) -> None:
        self._wakeups = wakeups
        self._channel = channel
        self._what = what
        self._follow = follow
        self._again_s = again_s
        self._most = most
        self._failed = failed
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self.watchers: set[_Watcher] = set()

    def is_full(self) -> bool:
        """No watcher is taken: there are too many, or the process stops."""
        return self._closed or len(self.watchers) >= self._most

    @property
    def goes_on(self) -> bool:
        """Somebody watches, and the process does not stop."""
        return bool(self.watchers) and not self._closed

    @property
    def is_read(self) -> bool:
        """The task that reads is at work."""
        return self._task is not None and not self._task.done()

    @contextmanager
    def added(self, watcher: _Watcher) -> Iterator[None]:
        """`watcher` is one of them meanwhile."""
        self.watchers.add(watcher)
        try:
            yield
        finally:
            self.watchers.discard(watcher)

    def read(self) -> None:
        """Start the task that reads, unless it is at work."""
        if not self.is_read:
            self._task = asyncio.create_task(self._run(), name=f"spantail: {self._what}")

    def stop_waiting(self) -> None:
        """Close every watcher and take no more: the process is about to stop."""
        self._closed = True
        for watcher in self.watchers:
            watcher.close()

    async def close(self) -> None:
        """Stop for good."""
        self.stop_waiting()
        await cancel(self._task)

    async def _run(self) -> None:
        while self.goes_on:
            try:
                async with self._wakeups.listen(self._channel) as listener:
                    await self._follow(listener)
            except Exception as error:
                if will_be_back(error):
                    logger.info("%s: Redis cannot be used at the moment: %s", self._what, error)
                else:
                    logger.exception("%s: a reading failed", self._what)
                self._failed()
                await asyncio.sleep(self._again_s)
