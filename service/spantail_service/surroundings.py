"""What stands around a service before it serves, and after: its Redis, the demo world, signals that stop it.

Nothing in here is heavy: a supervisor of workers has this too, and not the service itself.
"""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, Self

from spantail_service.storage.binary import EmbeddedRedisError
from spantail_service.storage.embedded import EmbeddedRedis
from spantail_service.web.listener import CannotServeError

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AsyncExitStack

    from spantail_service.settings import Settings

_STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Announce(Protocol):
    """Called once the service is ready."""

    def __call__(self, url: str, redis: str, *, live_url: str | None, otlp_grpc: str | None, demo_data: bool) -> None:
        """Take the page's URL, what Redis is used, where OTLP/gRPC is, and whether operations work on demo data.

        `live_url` is the embedded Redis' own, for applications on this machine; it holds no secret.
        """


class Prepared(NamedTuple):
    """What a service starts with."""

    settings: Settings
    """Those given, with the address of the Redis and of the demo world."""
    redis: str
    """What Redis is used, for people."""
    live_url: str | None
    """The embedded Redis' own URL, for applications on this machine."""


async def prepare(settings: Settings, stack: AsyncExitStack) -> Prepared:
    """Start what the settings do not name: a Redis, and the demo world where one is wanted.

    Args:
        settings: As they were given.
        stack: Where it is stopped again.

    Raises:
        CannotServeError: No Redis could be started.
    """
    if settings.storage.redis_url is None:
        settings, redis = await _start_redis(settings, stack)
        live_url = settings.storage.redis_url
    else:
        redis = settings.storage.shown_redis_url
        live_url = None  # whoever has given it knows it, and it may hold a password
    if settings.demo:
        from spantail_service.demo.in_service import start_demo_world  # only a demo pays for it

        settings = await start_demo_world(settings, stack)
    return Prepared(settings, redis, live_url)


async def _start_redis(settings: Settings, stack: AsyncExitStack) -> tuple[Settings, str]:
    folder = settings.server.data_dir / "redis"
    server = EmbeddedRedis(folder)
    # Registered first: a start that is cut short is cleaned up too; stopping what never ran is allowed.
    stack.push_async_callback(asyncio.to_thread, server.stop)
    try:
        url = await asyncio.to_thread(server.start)
    except EmbeddedRedisError as error:
        raise CannotServeError(str(error)) from None
    return settings.replaced(redis_url=url), f"embedded {_name_of(server)}, data in {folder}"


def _name_of(server: EmbeddedRedis) -> str:
    binary = server.running_binary
    return f"{binary.name} {'.'.join(map(str, binary.version))}" if binary else "Redis"


class StopSignals:
    """Turns SIGINT and SIGTERM into a request to stop, from the first moment to the last.

    Args:
        with_parent: The process is a child, whose parent says when it stops: Ctrl-C, which comes to both, is left to
            the parent.
    """

    def __init__(self, *, with_parent: bool = False) -> None:
        self._with_parent = with_parent
        self._stop: Callable[[], None] | None = None
        self._asked = False

    def pass_on_to(self, stop: Callable[[], None]) -> None:
        """Call `stop` when a signal comes, each time, or at once if one has come already."""
        self._stop = stop
        if self._asked:
            stop()

    def ask(self) -> None:
        """Do as a signal does."""
        self._asked = True
        if self._stop is not None:
            self._stop()

    def __enter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for number in _STOP_SIGNALS:
            is_parents = self._with_parent and number == signal.SIGINT
            loop.add_signal_handler(number, (lambda: None) if is_parents else self.ask)
        return self

    def __exit__(self, *_: object) -> None:
        loop = asyncio.get_running_loop()
        for number in _STOP_SIGNALS:
            loop.remove_signal_handler(number)
