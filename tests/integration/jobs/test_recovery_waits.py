"""Recovery takes nothing from runners that could not renew their leases, because Redis stood still."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from spantail_service.jobs.queue.job_queue import JobQueue
from spantail_service.jobs.runners.recovery import Recovery
from spantail_service.jobs.states import RunStates
from spantail_service.storage.connect import connect
from spantail_service.storage.liveness import Interrupted, clock
from spantail_service.storage.run_writes import RunStore
from tests.support.redis.faults import FaultyRedis, faulty_redis
from tests.support.waiting import eventually_async

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from spantail_service.jobs.queue.item import QueueItem

LEASE_S = 1.0
PAUSE_S = 2.5  # longer than the lease, and than the gap after which a pause is noticed


class Nobody:
    """Shows nothing: these items have no runs."""

    async def show(self, item: QueueItem) -> None:
        """Do nothing."""

    async def show_abandoned(self, item: QueueItem, reason: str, next_run_id: str) -> None:
        """Do nothing."""


@pytest.fixture
def faulty(tmp_path: Path) -> Iterator[FaultyRedis]:
    with faulty_redis(tmp_path) as server:
        yield server


async def test_a_redis_that_stood_still_costs_nobody_an_item(faulty: FaultyRedis) -> None:
    redis = connect(faulty.url, max_connections=4, timeout_s=10.0)
    queue = JobQueue(redis)
    recovery = Recovery(queue, RunStates(redis, RunStore(redis)), Nobody(), lease_s=LEASE_S)  # type: ignore[arg-type]
    try:
        await queue.enqueue("step", b"{}", item_id="one")
        (item,) = (await queue.claim("alive:1:1", LEASE_S)).items

        async def has_waited() -> Any:
            assert await recovery.sweep() == 0
            assert await queue.renew([item], LEASE_S) == [True]
            return recovery.waited_s >= LEASE_S

        await eventually_async(has_waited)
        with faulty.hanging():
            late = asyncio.create_task(recovery.sweep())
            until = clock() + PAUSE_S
            await eventually_async(lambda: clock() > until)
        with pytest.raises(Interrupted):
            await late
        assert [one.id for one in (await queue.expired()).items] == ["one"], "the pause was long enough"
        assert await recovery.sweep() == 0, "it would have been taken"
        assert await queue.renew([item], LEASE_S) == [True]
        await queue.succeed(item)
        assert (await queue.overview()).pending == 0
    finally:
        await queue.close()
        await redis.aclose()


async def test_an_item_is_taken_once_its_runner_had_the_time_of_a_lease(faulty: FaultyRedis) -> None:
    redis = connect(faulty.url, max_connections=4, timeout_s=10.0)
    queue = JobQueue(redis)
    recovery = Recovery(queue, RunStates(redis, RunStore(redis)), Nobody(), lease_s=LEASE_S)  # type: ignore[arg-type]
    try:
        await queue.enqueue("step", b"{}", item_id="one")
        await queue.claim("dead:1:1", LEASE_S)
        started = clock()

        async def is_taken() -> Any:
            return await recovery.sweep()

        await eventually_async(is_taken)
        assert clock() - started >= LEASE_S
        assert (await queue.overview()).pending == 1
    finally:
        await queue.close()
        await redis.aclose()
