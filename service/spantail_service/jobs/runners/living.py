"""The processes that run operations: who lives, and what each does."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

import orjson
from redis.exceptions import ResponseError

from spantail_exporters.model import keys
from spantail_exporters.model.heartbeat import BEAT_S, LEASE_S
from spantail_exporters.redis.errors import REDIS_UNREACHABLE, will_be_back
from spantail_service import __version__
from spantail_service.bounds.cancel import cancel
from spantail_service.storage.run_writes import now_us

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Literal

    from redis.asyncio import Redis

    from spantail_service.jobs.active import ActiveRuns

logger = logging.getLogger(__name__)

_REMEMBER_S: Final = 3_600
_FORGET_S: Final = _REMEMBER_S + 86_400  # clocks of machines differ by less than a day
_CLOSE_S: Final = 0.5


class RunningItem(NamedTuple):
    """A run that a process has under way."""

    run_id: str
    operation: str
    item_id: str
    """The item of the queue that it is a run of; empty where it was started directly."""
    since: int
    """When it was begun, in microseconds since the epoch."""


class RunnerInfo(NamedTuple):
    """What is known of a process that runs operations. Times are microseconds since the epoch."""

    id: str
    host: str
    pid: int
    kind: Literal["service", "runner"]
    version: str
    started: int
    last_seen: int
    alive: bool
    draining: bool
    """It takes no more items, and ends when it has none."""
    concurrency: int
    """How many items it takes at a time."""
    running: tuple[RunningItem, ...]
    load: tuple[float, float, float] | None
    """The load of its machine in the last minute, 5 and 15 minutes; None where the system does not say."""


class RunnerRegistry:
    """Knows the processes that ran operations in the last hour."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def all(self) -> list[RunnerInfo]:
        """Those that live, then those that died, each the latest first. Raises redis-py's errors."""
        seen: Any = await self._redis.zrange(keys.RUNNERS, 0, -1)
        pipe = self._redis.pipeline(transaction=False)
        for runner_id in seen:
            pipe.get(keys.about_runner(runner_id.decode()))
            pipe.pttl(keys.about_runner(runner_id.decode()))
        said = await pipe.execute() if seen else []
        gone = [runner_id for runner_id, about in zip(seen, said[::2], strict=True) if about is None]
        if gone:
            await self._redis.zrem(keys.RUNNERS, *gone)
        now = now_us()
        known = [
            # by how long it was said ago, which is Redis' clock: that of its machine may be another one
            _info(runner_id.decode(), _REMEMBER_S - left_ms / 1000, about, now)
            for runner_id, about, left_ms in zip(seen, said[::2], said[1::2], strict=True)
            if about is not None
        ]
        return sorted(known, key=lambda one: (one.alive, one.started), reverse=True)


class RunnerPresence:
    """Says once a second that this process is there and what it does, while its `async with` block lasts.

    Args:
        redis: Where it is said.
        runner_id: This process.
        active: What it runs.
        kind: `service` where it serves HTTP too.
        concurrency: How many items of the queue it takes at a time.
    """

    def __init__(
        self,
        redis: Redis,
        runner_id: str,
        active: ActiveRuns,
        *,
        kind: Literal["service", "runner"],
        concurrency: int,
    ) -> None:
        self._redis = redis
        self._runner_id = runner_id
        self._active = active
        self._kind = kind
        self._concurrency = concurrency
        self._started = now_us()
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self.draining = False
        """It takes no more items; it is said with the next heartbeat."""

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._beat(), name="spantail-runner-presence")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing = True
        await cancel(self._task)
        with suppress(*REDIS_UNREACHABLE, ResponseError, TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                await self._redis.zrem(keys.RUNNERS, self._runner_id)
                await self._redis.delete(keys.about_runner(self._runner_id))

    async def say(self) -> None:
        """Give one heartbeat. Raises redis-py's errors."""
        now = now_us()
        pipe = self._redis.pipeline(transaction=False)
        pipe.set(keys.about_runner(self._runner_id), orjson.dumps(self._about()), ex=_REMEMBER_S)
        pipe.zadd(keys.RUNNERS, {self._runner_id: now})
        pipe.zremrangebyscore(keys.RUNNERS, "-inf", now - _FORGET_S * 1_000_000)
        await pipe.execute()

    async def _beat(self) -> None:
        while not self._closing:
            try:
                await self.say()
            except Exception as error:  # whatever it is, it may pass
                logger.info("this runner cannot say that it is there: %r", error, exc_info=not will_be_back(error))
            await asyncio.sleep(BEAT_S)

    def _about(self) -> dict[str, Any]:
        return {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "kind": self._kind,
            "version": __version__,
            "started": self._started,
            "draining": self.draining,
            "concurrency": self._concurrency,
            "running": [(each.run_id, each.run.op.name, each.item_id, each.since) for each in self._active],
            "load": _load(),
        }


def _load() -> tuple[float, float, float] | None:
    try:
        return os.getloadavg()
    except (AttributeError, OSError):  # Windows has none
        return None


def _info(runner_id: str, silent_s: float, about: bytes, now: int) -> RunnerInfo:
    said: dict[str, Any] = orjson.loads(about)
    load: Iterable[float] | None = said.pop("load")
    running = tuple(RunningItem(*each) for each in said.pop("running"))
    is_alive = silent_s < LEASE_S
    return RunnerInfo(
        id=runner_id,
        last_seen=now - max(0, round(silent_s * 1e6)),
        alive=is_alive,
        running=running if is_alive else (),
        load=tuple(load) if load else None,  # type: ignore[arg-type]  # three numbers
        **said,
    )
