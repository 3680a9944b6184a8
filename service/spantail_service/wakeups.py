"""Waking those who wait for a run to change: one Redis subscription for a whole process."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

    from redis.asyncio import Redis
    from redis.asyncio.client import PubSub

logger = logging.getLogger(__name__)

_IDLE_S = 1.0
_BACKOFF_S = (0.1, 0.25, 0.5, 1.0, 2.0)


class Listener:
    """Somebody who waits for one channel."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self._closed = False

    def wake(self) -> None:
        """Let the next or the present :meth:`wait` return."""
        self._changed.set()

    def close(self) -> None:
        """Wake for the last time: no :meth:`wait` holds after this."""
        self._closed = True
        self._changed.set()

    async def wait(self, timeout_s: float) -> bool:
        """Wait for a change; False after ``timeout_s`` or when the process is about to stop.

        A change between two calls is not lost: the second returns at once.
        """
        if self._closed or timeout_s <= 0:
            return False
        try:
            async with asyncio.timeout(timeout_s):
                await self._changed.wait()
        except TimeoutError:
            return False
        self._changed.clear()
        return not self._closed


class WakeUps:
    """One pub/sub connection that serves every listener of the process.

    It is opened with the first listener and closed when there has been none for some seconds. A lost
    connection is opened anew, and every listener is woken then, for it may have missed a message.
    """

    def __init__(self, redis: Redis, max_listeners: int) -> None:
        self._redis = redis
        self._max = max_listeners
        self._count = 0
        self._listeners: dict[str, set[Listener]] = {}
        self._pubsub: PubSub | None = None
        self._task: asyncio.Task[None] | None = None
        # One command at a time: an unsubscribe must not overtake the subscribe of somebody who came after it.
        self._commands = asyncio.Lock()
        self._closed = False
        self._renew = False

    @asynccontextmanager
    async def listen(self, channel: str) -> AsyncIterator[Listener | None]:
        """Register for ``channel``; ``None`` when there are too many listeners, or the process stops.

        The listener is woken once as soon as the subscription stands, so that nothing falls between what the
        caller read before and the first message.
        """
        if self._closed or self._count >= self._max:
            yield None
            return
        listener = Listener()
        self._count += 1
        others = self._listeners.setdefault(channel, set())
        others.add(listener)
        try:
            if len(others) > 1:
                listener.wake()  # the channel is subscribed already, or the task is about to
            else:
                await self._subscribe(channel)
            if self._task is None or self._task.done():
                self._task = asyncio.create_task(self._run(), name="spantail-wakeups")
            yield listener
        finally:
            self._count -= 1
            others.discard(listener)
            if not others and self._listeners.get(channel) is others:
                del self._listeners[channel]
                await self._unsubscribe(channel)

    def stop_waiting(self) -> None:
        """Send every listener home and take no more: the process is about to stop."""
        self._closed = True
        for listeners in self._listeners.values():
            for listener in listeners:
                listener.close()

    async def close(self) -> None:
        """Stop for good and give the connection back."""
        self.stop_waiting()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _subscribe(self, channel: str) -> None:
        async with self._commands:
            if self._pubsub is not None and channel in self._listeners:
                await self._command(self._pubsub.subscribe(channel))

    async def _unsubscribe(self, channel: str) -> None:
        async with self._commands:
            if self._pubsub is not None and channel not in self._listeners:
                await self._command(self._pubsub.unsubscribe(channel))

    async def _command(self, command: Awaitable[object]) -> None:
        try:
            await command
        except Exception as error:  # noqa: BLE001
            # The connection broke under us, and redis-py has no one error for that (an AttributeError of its
            # own among them). The task opens another and subscribes to everything anew.
            logger.info("wake-ups: the connection is renewed: %r", error)
            self._renew = True

    async def _run(self) -> None:
        failures = 0
        while self._listeners:
            pubsub = self._redis.pubsub()
            delay_s = 0.0
            try:
                async with self._commands:
                    self._renew = False
                    await pubsub.subscribe(*self._listeners)
                    self._pubsub = pubsub
                    # Once more, for those who came meanwhile; a second time does no harm.
                    await pubsub.subscribe(*self._listeners)
                failures = 0
                await self._relay(pubsub)
            except Exception as error:  # noqa: BLE001 - as above; whatever it is, they still wait
                delay_s = _BACKOFF_S[min(failures, len(_BACKOFF_S) - 1)]
                failures += 1
                logger.warning("no wake-ups from Redis, trying again in %.1f s: %r", delay_s, error)
            finally:
                # Taken away before it is closed: nobody may send a command on a connection that is going.
                self._pubsub = None
                async with self._commands:
                    with suppress(Exception):
                        await pubsub.aclose()  # type: ignore[no-untyped-call]
            await asyncio.sleep(delay_s)

    async def _relay(self, pubsub: PubSub) -> None:
        while not self._renew:
            message = await pubsub.get_message(timeout=_IDLE_S)
            if message is None:
                if not self._listeners:
                    return
                continue
            # A confirmed subscription wakes too: what changed before it stood was not published to us.
            if message["type"] in ("message", "subscribe"):
                for listener in self._listeners.get(message["channel"].decode(), ()):
                    listener.wake()
