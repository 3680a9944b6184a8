"""The lease as it is shipped, twelve seconds: who is paused, or frozen, for less and for more than that.

All stories are told at once, each with a Redis of its own: together they take as long as the longest of them.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
import redis

from spantail_exporters.model import keys
from spantail_exporters.model.heartbeat import BEAT_S, LEASE_S
from spantail_service.reaper import Reaper
from spantail_service.storage.run_writes import now_us
from tests.chaos.processes import BusyApp
from tests.chaos.test_reaper import assert_abandoned, assert_nothing_abandoned, assert_whole, frozen, lease_left_s
from tests.integration.service.harness import spantail_process
from tests.support.redis.servers import NEW, running_redis
from tests.support.waiting import eventually_async

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.integration.service.harness import Service
    from tests.support.redis.servers import RedisServer

SHORT_S = 8.0
LONG_S = 16.0
SOON_S = 60.0  # a machine that is busy with other tests may interrupt a reaper's series again and again
STEP_S = 0.1  # so that no tail is trimmed in the time that this takes


async def until(predicate: Callable[[], object], what: str) -> None:
    await eventually_async(predicate, SOON_S, interval_s=0.05, what=what)


async def passed(since: float, seconds: float) -> None:
    """Until so much time has passed: here it is the very thing that is waited for."""
    await until(lambda: time.monotonic() >= since + seconds, f"{seconds:g} s have passed")


async def may_act(reaper: Reaper, sweeps: int = 3) -> None:
    """Until the reaper had its chance."""
    begin = reaper.sweeps
    await until(lambda: reaper.sweeps >= begin + sweeps and reaper.waited_s >= LEASE_S, "it may act")


def heard_us(url: str, runner: str) -> int:
    """When the heartbeat was sent that Redis holds."""
    with redis.Redis.from_url(url) as client:
        return int(client.get(keys.runner(runner)) or 0)


def reaper_of(url: str) -> object:
    with redis.Redis.from_url(url) as client:
        return client.get(keys.REAPER_LEASE)


async def ends_well(app: BusyApp) -> None:
    await asyncio.to_thread(app.end)
    for run in app.runs:
        assert_whole(run)
        assert run.meta["status"] == "completed"
        assert run.drops() == {}


async def paused_processes(server: RedisServer, short: BusyApp, long: BusyApp) -> None:
    """Eight seconds are no death; sixteen are taken for one, and that is put right."""
    async with Reaper(server.url) as reaper:
        await may_act(reaper)
        with frozen(long.process.pid):
            begin = time.monotonic()
            last_us = heard_us(server.url, long.runner)
            assert last_us
            with frozen(short.process.pid):
                # from its last heartbeat on: a busy machine may have kept it from the next one before this pause
                await until(lambda: lease_left_s(server.url, short.runner) <= LEASE_S - SHORT_S, "it is long silent")
            await until(lambda: long.has_settled, "the one that is still paused is abandoned")
            assert now_us() - last_us > LEASE_S * 1_000_000, "not before its lease was over"
            for run in long.runs:
                assert_abandoned(run, long.runner)
            await passed(begin, LONG_S)
        await until(lambda: set(long.meta("status")) == {"running"}, "its runs are back")
        for run in long.runs:
            assert {"operation_revived", "layer_revived"} <= set(run.names())
            assert "expected" not in run.meta
            assert int(run.meta["corrected"]) >= 2
        await may_act(reaper)
        assert_nothing_abandoned(short)
        await asyncio.gather(ends_well(short), ends_well(long))
        for run in long.runs:
            assert run.meta["abandoned"] == "0"


async def frozen_redis(server: RedisServer, app: BusyApp) -> None:
    async with Reaper(server.url) as reaper:
        await may_act(reaper)
        with frozen(server.pid):
            await passed(time.monotonic(), LONG_S)
        begin = reaper.sweeps
        await until(lambda: reaper.sweeps >= begin + 3, "the reaper is at work again")
        await until(lambda: lease_left_s(server.url, app.runner) > 0, "the application is back")
        await until(lambda: reaper.sweeps >= begin + 6, "the reaper goes on")
        assert_nothing_abandoned(app)
        await ends_well(app)


async def frozen_service(server: RedisServer, app: BusyApp, service: Service) -> None:
    """The application is silent while the service is frozen, and back before the service has waited for it."""
    await until(lambda: reaper_of(server.url), "the service acts")
    await passed(time.monotonic(), LEASE_S + 2 * BEAT_S)
    with frozen(app.process.pid):
        with frozen(service.process.pid):
            await passed(time.monotonic(), LONG_S)
            assert lease_left_s(server.url, app.runner) < 0, "its lease is over"
            assert not reaper_of(server.url)
        await until(lambda: reaper_of(server.url), "the service is at work again")
        await passed(time.monotonic(), 2 * BEAT_S)
    await until(lambda: lease_left_s(server.url, app.runner) > 0, "the application is back")
    await passed(time.monotonic(), 2 * BEAT_S)
    assert_nothing_abandoned(app)
    await ends_well(app)


@pytest.mark.slow
async def test_the_lease_as_it_is_shipped(tmp_path: Path) -> None:
    with ExitStack() as stack:
        first, second, third = (stack.enter_context(running_redis(NEW, tmp_path / name)) for name in "abc")
        apps = []
        for server in (first, first, second, third):
            apps.append(BusyApp(server.url, LEASE_S, BEAT_S, STEP_S))
            stack.callback(apps[-1].close)
        settings = {"SPANTAIL_REDIS_URL": third.url, "SPANTAIL_PORT": "0"}
        service = stack.enter_context(spantail_process("serve", cwd=tmp_path, **settings))
        for app in apps:
            app.says("busy")
        service.await_ready()
        async with asyncio.TaskGroup() as stories:
            stories.create_task(paused_processes(first, apps[0], apps[1]))
            stories.create_task(frozen_redis(second, apps[2]))
            stories.create_task(frozen_service(third, apps[3], service))
        assert service.stop() == 0
