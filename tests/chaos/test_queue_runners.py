"""Runners as processes: killed, paused for longer than their lease, stopped; and two of them in one trace."""

from __future__ import annotations

import signal
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from redis.asyncio import Redis

from spantail_service.jobs.queue.identity import root_span_id
from spantail_service.reaper import Reaper, Timing
from tests.chaos.processes import STOP_S, Helper
from tests.support.runs.live_runs import StoredRun
from tests.support.waiting import eventually_async
from tests.support.work.jobs import BEGUN, DONE, GO, Step, opened_jobs, operations_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from spantail_service.jobs.parts import Jobs

pytestmark = pytest.mark.anyio

LEASE_S = 1.0
SOON_S = 40.0


@contextmanager
def runner(url: str, concurrency: int = 2) -> Iterator[Helper]:
    helper = Helper("queue_runner", url, LEASE_S, concurrency)
    try:
        helper.says("ready")
        yield helper
    finally:
        helper.close()


@asynccontextmanager
async def watcher(url: str) -> AsyncIterator[tuple[Jobs, Any]]:
    """What queues items and looks after them, and takes none itself."""
    async with Redis.from_url(url) as redis, opened_jobs(url, concurrency=0) as jobs:
        yield jobs, redis


async def until(ask: Callable[[], Awaitable[Any]], what: str) -> Any:
    return await eventually_async(ask, SOON_S, what=what)


async def in_list(redis: Any, name: str, count: int, entry: str = "one") -> None:
    async def is_there() -> Any:
        return (await redis.lrange(name, 0, -1)).count(entry.encode()) >= count

    await until(is_there, f"{entry} is in {name}")


async def succeeded(jobs: Jobs, item_id: str) -> Any:
    async def is_so() -> Any:
        item = await jobs.queue.get(item_id)
        return item if item is not None and item.status == "succeeded" else None

    return await until(is_so, f"{item_id} has succeeded")


async def test_an_item_of_a_killed_runner_is_run_again_and_the_old_run_keeps_what_it_did(new_redis_url: str) -> None:
    async with watcher(new_redis_url) as (jobs, redis):
        with runner(new_redis_url) as first:
            one = await jobs.enqueuer.enqueue(operations_in(redis)["step"], Step(hold=True))
            await in_list(redis, BEGUN, 1)
            await until(lambda: _has_spans(new_redis_url, one.run_id, 4), "root, wait and two layers")
            first.kill()
            with runner(new_redis_url):
                await in_list(redis, BEGUN, 2)
                await redis.set(GO, 1)
                item = await succeeded(jobs, one.item_id)
        # As the service's own reaper does it, which waits for longer.
        await redis.delete(*[key async for key in redis.scan_iter("runner:*") if b":about" not in key])
        async with Reaper(new_redis_url, timing=Timing(lease_s=1, sweep_s=0.1)):
            await until(lambda: _is_settled(new_redis_url, one.run_id), "the old run has settled")
        state = await jobs.states.get(one.run_id)
    assert item.earlier_runs == (one.run_id,)
    assert item.attempts == 2
    old, new = StoredRun(new_redis_url, one.run_id), StoredRun(new_redis_url, item.run_id)
    assert state is not None
    assert (state["status"], state["retried_as"], old.meta["status"]) == ("abandoned", item.run_id, "abandoned")
    statuses = sorted((span["name"], span["status"]) for span in old.spans.values())
    assert statuses == [
        ("after", "abandoned"), ("before", "ok"), ("step", "abandoned"), ("waiting in the queue", "ok"),
    ]  # fmt: skip
    (link,) = new.spans[root_span_id(item.run_id)]["links"]
    assert link["span_id"] == root_span_id(one.run_id)
    assert new.meta["status"] == "completed"


async def _has_spans(url: str, run_id: str, count: int) -> bool:
    return len(StoredRun(url, run_id).spans) == count


async def _is_settled(url: str, run_id: str) -> bool:
    return "expected" in StoredRun(url, run_id).meta


async def test_the_word_of_a_runner_that_slept_longer_than_its_lease_is_refused(new_redis_url: str) -> None:
    async with watcher(new_redis_url) as (jobs, redis):
        with runner(new_redis_url) as sleeper:
            one = await jobs.enqueuer.enqueue(operations_in(redis)["step"], Step(hold=True))
            await in_list(redis, BEGUN, 1)
            sleeper.pause()
            with runner(new_redis_url):
                await in_list(redis, BEGUN, 2)
                await redis.set(GO, 1)
                item = await succeeded(jobs, one.item_id)
                sleeper.resume()

                async def has_ended() -> Any:
                    run = StoredRun(new_redis_url, one.run_id)
                    return run.meta["open"] == "0"

                await until(has_ended, "the sleeper has seen that it lost the item")
        final = await jobs.queue.get(one.item_id)
        state = await jobs.states.get(one.run_id)
    assert final is not None
    assert state is not None
    assert final == item, "what the sleeper said changed nothing"
    assert (state["status"], state["retried_as"]) == ("abandoned", item.run_id)
    assert StoredRun(new_redis_url, one.run_id).meta["status"] == "abandoned"


async def test_a_stop_hands_back_what_is_not_done(new_redis_url: str) -> None:
    async with watcher(new_redis_url) as (jobs, redis):
        with runner(new_redis_url) as first:
            one = await jobs.enqueuer.enqueue(operations_in(redis)["step"], Step(hold=True))
            await in_list(redis, BEGUN, 1)
            first.process.send_signal(signal.SIGTERM)
            first.says("stopped")
            assert first.process.wait(STOP_S) == 0
        item = await jobs.queue.get(one.item_id)
        assert item is not None
        assert (item.status, item.attempts, item.earlier_runs) == ("pending", 0, (one.run_id,))
        old = StoredRun(new_redis_url, one.run_id)
        assert (old.meta["status"], old.meta["open"]) == ("cancelled", "0")
        await redis.set(GO, 1)
        with runner(new_redis_url):
            await succeeded(jobs, one.item_id)
        assert await redis.llen(DONE) == 1


async def test_many_items_and_runners_that_die_lose_nothing(new_redis_url: str) -> None:
    """Two of three runners are killed in the middle: each item ends in one success."""
    async with watcher(new_redis_url) as (jobs, redis):
        op = operations_in(redis)["step"]
        with runner(new_redis_url) as one, runner(new_redis_url) as two, runner(new_redis_url):
            queued = [await jobs.enqueuer.enqueue(op, Step(name=f"s{n}"), max_attempts=9) for n in range(60)]
            await in_list(redis, DONE, 1, "s5")
            one.kill()
            await in_list(redis, DONE, 1, "s20")
            two.kill()
            items = [await succeeded(jobs, each.item_id) for each in queued]
        overview = await jobs.queue.overview()
    assert len({item.run_id for item in items}) == 60
    assert (overview.pending, overview.running, overview.failed) == (0, 0, 0)
    assert {StoredRun(new_redis_url, item.run_id).meta["state"] for item in items} == {"completed"}


async def test_two_runners_in_one_trace_are_one_tree(new_redis_url: str) -> None:
    """What two processes do of one run, by the trace context that one hands to the other, hangs in one tree."""
    async with watcher(new_redis_url) as (jobs, redis):
        with runner(new_redis_url, 1), runner(new_redis_url, 1):
            one = await jobs.enqueuer.enqueue(operations_in(redis)["both"], Step())
            await succeeded(jobs, one.item_id)
            await until(lambda: _is_settled(new_redis_url, one.run_id), "the run has settled")
    run = StoredRun(new_redis_url, one.run_id)
    spans = run.spans.values()
    assert len({span["runner"] for span in spans}) == 2
    roots = [span for span in spans if span["parent_id"] not in run.spans]
    assert [span["span_id"] for span in roots] == [root_span_id(one.run_id)]
    part = next(span for span in spans if span["name"] == "part of another")
    assert run.spans[part["parent_id"]]["name"] == "both"
    assert part["runner"] != run.spans[part["parent_id"]]["runner"]
