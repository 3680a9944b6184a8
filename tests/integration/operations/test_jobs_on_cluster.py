"""The job store on a real cluster of three nodes, named as a cluster or by one of its nodes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from spantail_exporters.model import keys
from spantail_service.operations.job_store import JobStore
from spantail_service.storage.connect import connect
from tests.integration.operations.test_job_store import OTHER_RUN, RUN, a_job, goes_on, ids

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from redis.asyncio import Redis

    from tests.support.redis.faults import Cluster

pytestmark = [pytest.mark.anyio, pytest.mark.xdist_group("redis-cluster")]


@pytest.fixture
async def redis(cluster_url: str) -> AsyncIterator[Redis]:
    async with connect(cluster_url, max_connections=8, timeout_s=5) as client:
        yield client


async def test_postings_are_kept_and_bounded(redis: Redis) -> None:
    store = JobStore(redis, size=2)
    await store.put([a_job(1), a_job(2)])
    assert await store.get("job-1") == a_job(1)
    await store.put([a_job(3)])
    assert [await store.get(f"job-{n}") for n in (1, 2, 3)] == [a_job(1), None, a_job(3)]


async def test_runs_whose_data_is_in_other_slots_share_the_imports(three_nodes: Cluster, redis: Redis) -> None:
    slots = {three_nodes.slot_of(keys.run_keys(run_id).meta) for run_id in (RUN, OTHER_RUN)}
    assert len(slots | {three_nodes.slot_of(keys.JOBS_IMPORTS)}) == 3
    for run_id in (RUN, OTHER_RUN):
        await goes_on(redis, run_id)
    store, jobs = JobStore(redis, size=100), [a_job(number) for number in range(40)]
    mine, theirs = await asyncio.gather(store.admit(jobs, RUN), store.admit(jobs[::-1], OTHER_RUN))
    assert sorted(ids(mine.new + theirs.new)) == sorted(ids(jobs))
    (first, *_) = mine.new or theirs.new
    owner, other = (RUN, OTHER_RUN) if mine.new else (OTHER_RUN, RUN)
    assert await store.finish(first.id, owner)
    await goes_on(redis, owner, "abandoned")
    left = await store.admit(jobs, other)
    assert ids(left.known) == [first.id]
    assert len(left.new) == len(jobs) - 1, "what the dead run did not import is new again"
