"""The queue and its runs on a real cluster of three nodes, named as a cluster or by one of its nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from spantail_exporters.model import keys
from spantail_service.jobs.runners.recovery import Recovery
from spantail_service.storage.connect import connect
from tests.support.runs.live_runs import StoredRun
from tests.support.waiting import eventually_async
from tests.support.work.jobs import GO, Step, opened_jobs, operations_in

if TYPE_CHECKING:
    from tests.support.redis.faults import Cluster

pytestmark = [pytest.mark.anyio, pytest.mark.xdist_group("redis-cluster")]


async def test_queued_run_cancelled_taken_back_and_done(three_nodes: Cluster, cluster_url: str) -> None:
    redis = connect(cluster_url, max_connections=4, timeout_s=5)
    async with opened_jobs(cluster_url, concurrency=0) as jobs:
        op = operations_in(redis)["step"]
        first = await jobs.enqueuer.enqueue(op, Step(name="first"))
        gone = await jobs.enqueuer.enqueue(op, Step(name="gone"))
        assert await jobs.control.cancel(gone.run_id)
        (item,) = (await jobs.queue.claim("dead:1:1", 1_000)).items
        assert item.id == first.item_id
        holder = three_nodes.holder_of(three_nodes.slot_of("{queue}:lease"))
        holder.change(lambda client: client.zadd("{queue}:lease", {item.id: 1}))
        await Recovery(jobs.queue, jobs.states, jobs.enqueuer, lease_s=0.0).sweep()

        async def is_back() -> Any:
            return (await jobs.queue.overview()).pending == 1

        await eventually_async(is_back, 20)
        assert {one.priority for one in (await jobs.queue.overview()).items} == {"normal"}
    await redis.set(GO, 1)
    async with opened_jobs(cluster_url) as jobs:

        async def is_over() -> Any:
            found = await jobs.queue.get(first.item_id)
            return found if found is not None and found.is_over else None

        done: Any = await eventually_async(is_over, 20)
        assert done.status == "succeeded"
        assert done.earlier_runs == (first.run_id,)
    for run_id, status in ((first.run_id, "abandoned"), (gone.run_id, "cancelled"), (done.run_id, "completed")):
        node = three_nodes.holder_of(three_nodes.slot_of(keys.run_keys(run_id).meta))
        assert StoredRun(node.url, run_id).meta["status"] == status
    await redis.aclose()
