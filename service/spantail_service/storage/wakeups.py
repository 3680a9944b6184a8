"""Waking those who wait for a run to change: one Redis subscription for a whole process."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Protocol

from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import TimeoutError as RedisTimeoutError

from spantail_service.bounds.cancel import cancel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from redis.asyncio import Redis
    from redis.asyncio.client import PubSub

logger = logging.getLogger(__name__)

_IDLE_S = 1.0
_SILENCE_S = 4.0  # pings stay unanswered for so long: Redis, or the way to it, hangs
_BACKOFF_S = (0.1, 0.25, 0.5, 1.0, 2.0)


class Target(Protocol):
    """Whoever wants to hear of one channel. None of the calls waits."""

    def subscribed(self) -> None:
        """Every change from here on wakes; what changed before has to be looked up now."""

    def wake(self) -> None:
        """Something changed."""

    def lost(self) -> None:
        """Changes do not wake until the next `subscribed`."""

    def close(self) -> None:
        """The process is about to stop: nothing wakes any more."""


class Listener:
    """Somebody who waits for one channel."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self._closed = False

    def subscribed(self) -> None:
        """Wake: what changed before woke nobody."""
        self._changed.set()

    def wake(self) -> None:
        """Let the next or the present `wait` return."""
        self._changed.set()

    def lost(self) -> None:
        """Do nothing yet: the next subscription wakes."""

    def close(self) -> None:
        """Wake for the last time: no `wait` holds after this."""
        self._closed = True
        self._changed.set()

    async def wait(self, timeout_s: float) -> bool:
        """Wait for a change; False after `timeout_s` or when the process is about to stop.

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
    """One pub/sub connection that serves every target of the process.

    It is opened with the first target and closed when there has been none for some seconds. A lost or hanging
    connection is opened anew, and every target hears of it (`lost`, `subscribed`), for it may have missed a message.
    """

    def __init__(self, redis: Redis, max_listeners: int) -> None:
        self._redis = redis
        self._max = max_listeners
        self._count = 0
        self._targets: dict[str, set[Target]] = {}
        self._unconfirmed: Counter[str] = Counter()  # subscribe commands that Redis has not answered yet
        self._subscribed: set[str] = set()
        self._pubsub: PubSub | None = None
        self._task: asyncio.Task[None] | None = None
        # One command at a time: an unsubscribe must not overtake the subscribe of somebody who came after it.
        self._commands = asyncio.Lock()
        self._closed = False
        self._renew = False

    @asynccontextmanager
    async def listen(self, channel: str) -> AsyncIterator[Listener | None]:
        """Register for `channel`; `None` when there are too many listeners, or the process stops.

        The listener is woken once as soon as the subscription is made, so that no change is lost between what the
        caller read before and the first message.
        """
        if self._closed or self._count >= self._max:
            yield None
            return
        listener = Listener()
        self._count += 1
        try:
            await self.add(channel, listener)
            yield listener
        finally:
            self._count -= 1
            await self.remove(channel, listener)

    async def add(self, channel: str, target: Target) -> None:
        """Wake `target` when something is published on `channel`; `Target.subscribed` is called first."""
        if self._closed:
            target.close()
            return
        others = self._targets.setdefault(channel, set())
        others.add(target)
        if channel in self._subscribed:
            target.subscribed()
        elif len(others) == 1:
            await self._subscribe(channel)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="spantail-wakeups")

    async def remove(self, channel: str, target: Target) -> None:
        """Do not wake `target` any more."""
        others = self._targets.get(channel)
        if others is None:
            return
        others.discard(target)
        if not others:
            del self._targets[channel]
            await self._unsubscribe(channel)

    def stop_waiting(self) -> None:
        """Close every target and take no more: the process is about to stop."""
        self._closed = True
        for target in self._everybody():
            target.close()

    async def close(self) -> None:
        """Stop for good and give the connection back."""
        self.stop_waiting()
        await cancel(self._task)

    def _everybody(self) -> list[Target]:
        return [target for targets in self._targets.values() for target in targets]

    async def _subscribe(self, channel: str) -> None:
        async with self._commanding():
            if self._pubsub is not None and channel in self._targets:
                self._unconfirmed[channel] += 1
                await self._pubsub.subscribe(channel)

    async def _unsubscribe(self, channel: str) -> None:
        async with self._commanding():
            if self._pubsub is not None and channel not in self._targets:
                self._subscribed.discard(channel)
                await self._pubsub.unsubscribe(channel)

    @asynccontextmanager
    async def _commanding(self) -> AsyncIterator[None]:
        """One command at a time. Where one is broken off, by whatever it is, nobody knows what Redis will answer: the
        task opens another connection and subscribes to everything anew.
        """
        try:
            async with self._commands:
                yield
        except BaseException as error:
            self._renew = True
            if not isinstance(error, Exception):
                raise  # a caller was cancelled; others may wait for the same channel
            # The connection broke under us, and redis-py has no one error for that (an AttributeError of its
            # own among them).
            logger.info("wake-ups: the connection is renewed: %r", error)

    async def _run(self) -> None:
        failures = 0
        while self._targets and not self._closed:
            pubsub = self._redis.pubsub()
            delay_s = 0.0
            try:
                async with _without_retries(pubsub):
                    async with self._commands:
                        self._renew = False
                        await self._subscribe_all(pubsub)
                        self._pubsub = pubsub
                        # Once more, for those who came meanwhile; a second time does no harm.
                        await self._subscribe_all(pubsub)
                    failures = 0
                    await self._relay(pubsub)
            except Exception as error:  # noqa: BLE001 - whatever it is, they still wait
                delay_s = _BACKOFF_S[min(failures, len(_BACKOFF_S) - 1)]
                failures += 1
                logger.warning("no wake-ups from Redis, trying again in %.1f s: %r", delay_s, error)
            finally:
                # Taken away before it is closed: nobody may send a command on a connection that is going.
                self._pubsub = None
                self._subscribed.clear()
                self._unconfirmed.clear()
                for target in self._everybody():
                    target.lost()
                async with self._commands:
                    with suppress(Exception):
                        await pubsub.aclose()  # type: ignore[no-untyped-call]
            await asyncio.sleep(delay_s)

    async def _subscribe_all(self, pubsub: PubSub) -> None:
        channels = list(self._targets)
        if channels:
            self._unconfirmed.update(channels)
            await pubsub.subscribe(*channels)

    async def _relay(self, pubsub: PubSub) -> None:
        loop = asyncio.get_running_loop()
        heard = loop.time()
        while not self._renew and not self._closed:
            message = await pubsub.get_message(timeout=_IDLE_S)
            if message is None:
                if not self._targets:
                    return
                # A frozen Redis, or a way that swallows packets, ends no connection: only silence shows it.
                if loop.time() - heard > _SILENCE_S:
                    raise RedisTimeoutError("the subscription gets no answer")
                async with self._commands:
                    await pubsub.ping()
                continue
            heard = loop.time()
            if message["type"] == "message":
                for target in self._targets.get(message["channel"].decode(), ()):
                    target.wake()
            elif message["type"] == "subscribe":
                self._confirm(message["channel"].decode())

    def _confirm(self, channel: str) -> None:
        self._unconfirmed[channel] -= 1
        # An answer to an earlier subscribe, with an unsubscribe behind it, says nothing of the present.
        if self._unconfirmed[channel] > 0:
            return
        del self._unconfirmed[channel]
        targets = self._targets.get(channel)
        if targets:
            self._subscribed.add(channel)
            for target in targets:
                target.subscribed()


@asynccontextmanager
async def _without_retries(pubsub: PubSub) -> AsyncIterator[None]:
    """Connect, and have every cut raised: redis-py would subscribe again by itself, and nobody knew what was missed."""
    await pubsub.connect()  # type: ignore[no-untyped-call]
    connection: Any = pubsub.connection
    retry, connection.retry = connection.retry, Retry(NoBackoff(), 0)
    try:
        yield
    finally:
        connection.retry = retry  # it goes back to those of all other commands
