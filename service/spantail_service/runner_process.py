"""One runner from start to stop: a process that works on the queue, without any HTTP in it."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final

import spantail
from spantail import pricing
from spantail_service.event_loop import loop_factory
from spantail_service.jobs.work import open_work
from spantail_service.service_name import service_name
from spantail_service.storage.connect import connect
from spantail_service.storage.wakeups import WakeUps

if TYPE_CHECKING:
    from collections.abc import Callable

    from spantail_service.jobs.parts import Jobs
    from spantail_service.settings import Settings

_FLUSH_S: Final = 5.0
_WAITERS: Final = 16


def run_runner(settings: Settings, *, announce: Callable[[str], None], with_parent: bool = False) -> None:
    """Work on the queue until SIGTERM or SIGINT; then end what was begun, or hand it back.

    Args:
        settings: As for the service.
        announce: Called with the runner's id once it takes items.
        with_parent: It is a child of a service: it ends when its standard input does, and leaves Ctrl-C to its parent.

    Raises:
        ValueError: `settings` name no Redis.
    """
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_work(settings, announce, with_parent=with_parent))


async def _work(settings: Settings, announce: Callable[[str], None], *, with_parent: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, (lambda: None) if with_parent and number == signal.SIGINT else stop.set)
    if with_parent:
        await _stop_with_parent(stop)
    async with AsyncExitStack() as stack:
        jobs, runner_id = await _open(settings, stack)
        announce(runner_id)
        await stop.wait()
        await jobs.drain(settings.jobs.runner_drain_s)


async def _open(settings: Settings, stack: AsyncExitStack) -> tuple[Jobs, str]:
    """Make every part. What is entered first is closed last: Redis and the span pipeline outlive the runs."""
    redis_url = settings.storage.redis_url
    if redis_url is None:
        raise ValueError("a runner needs the Redis of the service: set SPANTAIL_REDIS_URL")
    redis = connect(
        redis_url, max_connections=settings.storage.redis_connections, timeout_s=settings.storage.redis_timeout_s
    )
    stack.push_async_callback(redis.aclose)
    pricing.preload()  # else the first LLM call to end would wait for it, with the event loop
    telemetry = spantail.configure(service_name(), redis_url=redis_url)
    stack.push_async_callback(asyncio.to_thread, telemetry.shutdown, _FLUSH_S)
    wakeups = WakeUps(redis, _WAITERS)
    stack.push_async_callback(wakeups.close)
    sink = telemetry.sink
    work = await stack.enter_async_context(
        open_work(settings, redis, wakeups, sink, kind="runner", concurrency=settings.jobs.runner_concurrency)
    )
    return work.jobs, sink.runner_id if sink is not None else ""


class _UntilEnd(asyncio.Protocol):
    """Sets an event when its stream ends."""

    def __init__(self, ended: asyncio.Event) -> None:
        self._ended = ended

    def connection_lost(self, exc: Exception | None) -> None:
        """The other side is gone, however it ended."""
        del exc
        self._ended.set()


async def _stop_with_parent(stop: asyncio.Event) -> None:
    await asyncio.get_running_loop().connect_read_pipe(lambda: _UntilEnd(stop), sys.stdin)
