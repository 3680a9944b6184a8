"""Operations as runs: queued and direct, seen while they wait, cancelled, limited in time, run again."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from redis.asyncio import Redis

from spantail.setup.provider import new_provider
from spantail_exporters.model import keys
from spantail_service.errors import ConflictError, InputRefusedError, RunNotFoundError
from spantail_service.jobs.queue.identity import root_span_id, wait_span_id
from spantail_service.jobs.runners.recovery import Recovery
from spantail_service.reaper import Reaper, Timing
from tests.support.runs.live_runs import StoredRun, fold
from tests.support.waiting import eventually_async
from tests.support.work.jobs import BEGUN, GO, Step, opened_jobs, operation_of, operations_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from pydantic import BaseModel

    from spantail_service.jobs.enqueue import QueuedRun
    from spantail_service.jobs.parts import Jobs
    from spantail_service.operations.base import Tools

pytestmark = pytest.mark.anyio


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as client:
        yield client


async def queued(jobs: Jobs, redis: Redis, name: str = "step", given: Step | None = None, **options: Any) -> QueuedRun:
    return await jobs.enqueuer.enqueue(operations_in(redis)[name], given or Step(), **options)


async def until(ask: Callable[[], Awaitable[Any]]) -> Any:
    """What `ask` answers, once that is something true."""
    return await eventually_async(ask, 20)


async def over(jobs: Jobs, item_id: str) -> Any:
    """An item, once it is over."""

    async def is_over() -> Any:
        item = await jobs.queue.get(item_id)
        return item if item is not None and item.is_over else None

    return await until(is_over)


async def settled(redis_url: str, run_id: str) -> StoredRun:
    """The run, once nothing more is expected of it."""

    def is_over() -> bool:
        meta = StoredRun(redis_url, run_id).meta
        return meta.get("expected") == meta.get("next") is not None

    await eventually_async(is_over, 20, what=f"{run_id} has settled")
    run = StoredRun(redis_url, run_id)  # once more: its parts were read one after the other
    assert fold(run.events) == run.spans
    return run


async def begun(redis: Redis, name: str = "one") -> None:
    lists: Any = redis

    async def is_there() -> bool:
        return name.encode() in await lists.lrange(BEGUN, 0, -1)

    await until(is_there)


async def test_a_queued_run_can_be_seen_and_cancelled_while_it_waits(redis: Redis, redis_url: str) -> None:
    async with opened_jobs(redis_url, concurrency=0) as jobs:
        one = await queued(jobs, redis, session_id="s")
        assert one.status == "queued"
        run = StoredRun(redis_url, one.run_id)
        root, wait = run.spans[root_span_id(one.run_id)], run.spans[wait_span_id(one.run_id)]
        assert (root["kind"], root["status"], root["name"]) == ("operation", "running", "step")
        assert (wait["kind"], wait["status"], wait["parent_id"]) == ("queue", "running", root["span_id"])
        assert wait["start"] == root["start"]
        assert "runner" not in root
        assert root["attributes"]["spantail.session.id"] == "s"
        assert [(layer["name"], layer["status"]) for layer in run.layers] == [
            ("before", "pending"), ("after", "pending"),
        ]  # fmt: skip
        assert (run.meta["status"], run.meta["state"], run.meta["operation"]) == ("queued", "queued", "step")
        state = await jobs.states.get(one.run_id)
        assert state is not None
        assert (state["item"], state["status"], state["session_id"]) == (one.item_id, "queued", "s")
        assert await jobs.control.cancel(one.run_id)
        assert not await jobs.control.cancel(one.run_id)
    run = await settled(redis_url, one.run_id)
    assert run.meta["status"] == "cancelled"
    assert {span["status"] for span in run.spans.values()} == {"cancelled"}


async def test_a_queued_run_is_run_under_the_ids_that_it_had(redis: Redis, redis_url: str) -> None:
    request = trace.SpanContext(0xABC, 0xDEF, is_remote=False, trace_flags=trace.TraceFlags(1))
    async with opened_jobs(redis_url) as jobs:
        one = await queued(jobs, redis, links=[request])
        run = await settled(redis_url, one.run_id)
        state = await jobs.states.get(one.run_id)
        item = await over(jobs, one.item_id)
    root, wait = run.spans[root_span_id(one.run_id)], run.spans[wait_span_id(one.run_id)]
    assert (root["status"], wait["status"], root["runner"]) == ("ok", "ok", wait["runner"])
    (link,) = root["links"]
    assert link["span_id"] == f"{0xDEF:016x}"
    assert state is not None
    assert root["start"] == wait["start"] == item.queued == state["created"]
    assert wait["end"] <= min(span["start"] for span in run.spans.values() if span["kind"] == "layer")
    assert (item.status, item.result, state["result"]) == ("succeeded", b'{"name":"one"}', {"name": "one"})
    assert (run.meta["status"], state["status"], state["item"]) == ("completed", "completed", one.item_id)
    assert {span["kind"] for span in run.spans.values()} == {"operation", "queue", "layer"}


async def test_a_short_run_settles_once(redis: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its root could end before its state is there: for a moment nothing more would be expected of it."""
    async with opened_jobs(redis_url) as jobs:
        write, too_early = jobs.states.write, []

        async def late(state: dict[str, Any]) -> None:
            if state["status"] == "running":
                for _ in range(10):  # as long as spans take to be delivered, and longer
                    await asyncio.sleep(0.05)
                    too_early.append("expected" in StoredRun(redis_url, state["run_id"]).meta)
            await write(state)

        monkeypatch.setattr(jobs.states, "write", late)
        one = await jobs.queue.enqueue("step", b"{}")
        run = await settled(redis_url, one.run_id)
    assert run.meta["status"] == "completed"
    assert not any(too_early)


async def test_the_same_item_is_one_run(redis: Redis, redis_url: str) -> None:
    async with opened_jobs(redis_url, concurrency=0) as jobs:
        first = await queued(jobs, redis, item_id="mine")
        second = await queued(jobs, redis, item_id="mine")
        assert (second.item_id, second.run_id) == ("mine", first.run_id)
        assert len(StoredRun(redis_url, first.run_id).events) == 2
        with pytest.raises(InputRefusedError, match="priority"):
            await queued(jobs, redis, priority="urgent")


async def test_a_run_that_fails_says_why_everywhere(redis: Redis, redis_url: str) -> None:
    async with opened_jobs(redis_url) as jobs:
        one = await queued(jobs, redis, "fail")
        run = await settled(redis_url, one.run_id)
        item = await over(jobs, one.item_id)
        state = await jobs.states.get(one.run_id)
    assert state is not None
    assert run.meta["status"] == state["status"] == item.status == "failed"
    assert state["error"]["message"] == "one cannot be done"
    assert item.error == "OperationError: one cannot be done"
    assert "Traceback" in run.spans[root_span_id(one.run_id)]["error"]["traceback"]


async def test_an_item_that_this_runner_cannot_run_fails_with_the_reason(redis: Redis, redis_url: str) -> None:
    async with opened_jobs(redis_url) as jobs:
        unknown = await jobs.queue.enqueue("no-such", b"{}")
        wrong = await jobs.queue.enqueue("step", b'{"nmae":"one"}')
        for one, reason in ((unknown, "no operation 'no-such'"), (wrong, "nmae")):
            run = await settled(redis_url, one.run_id)
            item = await over(jobs, one.item_id)
            assert item.status == run.meta["status"] == "failed"
            assert reason in item.error
            assert reason in run.spans[root_span_id(one.run_id)]["error"]["message"]


@pytest.mark.parametrize(
    ("is_foreign", "reason"), [(True, "was not made by spantail.configure()"), (False, "is sampling off")]
)
async def test_a_run_that_nobody_could_see_fails_with_the_reason(
    redis: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch, is_foreign: bool, reason: str
) -> None:
    async with opened_jobs(redis_url) as jobs:
        monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_on" if is_foreign else "always_off")
        provider = TracerProvider(shutdown_on_exit=False) if is_foreign else new_provider({}, os.environ)
        monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
        one = await queued(jobs, redis)
        item = await over(jobs, one.item_id)
        run = await settled(redis_url, one.run_id)
        provider.shutdown()
    assert run.meta["status"] == item.status == "failed"
    assert reason in item.error
    assert reason in run.spans[root_span_id(one.run_id)]["error"]["message"]


@pytest.mark.parametrize("is_queued", [True, False])
async def test_a_time_limit_fails_the_run_with_that_reason(redis: Redis, redis_url: str, is_queued: bool) -> None:
    async with opened_jobs(redis_url) as jobs:
        op = operations_in(redis)["stuck"]
        run_id = (await (jobs.enqueuer.enqueue if is_queued else jobs.launcher.start)(op, Step())).run_id
        run = await settled(redis_url, run_id)
        state = await jobs.states.get(run_id)
    assert state is not None
    assert state["error"] == {
        "type": "TimeLimitError", "message": "stuck was stopped after 0.05 s, its time limit",
    }  # fmt: skip
    assert run.meta["status"] == "failed"
    statuses = {span["kind"]: span["status"] for span in run.spans.values()}
    assert (statuses["operation"], statuses["phase"]) == ("error", "cancelled")


@pytest.mark.parametrize("is_queued", [True, False])
async def test_a_run_is_cancelled_from_another_process(redis: Redis, redis_url: str, is_queued: bool) -> None:
    async with opened_jobs(redis_url) as jobs, opened_jobs(redis_url, concurrency=0, runner_id="other:1:2") as other:
        op, given = operations_in(redis)["step"], Step(hold=True)
        run_id = (await (jobs.enqueuer.enqueue if is_queued else jobs.launcher.start)(op, given)).run_id
        await begun(redis)
        owner = keys.run_owner(run_id)
        await until(lambda: redis.exists(owner))
        assert len(other.active) == 0
        assert await other.control.cancel(run_id)
        run = await settled(redis_url, run_id)
        await until(lambda: _none(redis, owner))
        assert not await other.control.cancel(run_id), "it is over"
        assert not await other.control.cancel("f" * 32)
    assert run.meta["status"] == "cancelled"


async def _none(redis: Redis, key: str) -> bool:
    return not await redis.exists(key)


async def test_a_run_that_is_cancelled_twice_ends_after_its_work(redis: Redis, redis_url: str) -> None:
    """Who cancels it is impatient; and its runner hears of it with every renewal of the lease."""
    working, stopping, go, stopped = (asyncio.Event() for _ in range(4))

    async def slow(_: Step, __: Tools) -> dict[str, Any]:
        working.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopping.set()
            while not go.is_set():
                with suppress(asyncio.CancelledError):
                    await go.wait()
            stopped.set()
        return {}

    async with opened_jobs(redis_url) as jobs:
        one = await jobs.launcher.start(operation_of("slow", slow), Step())
        (active,) = jobs.active
        await working.wait()
        assert await jobs.control.cancel(one.run_id)
        await stopping.wait()
        assert await jobs.control.cancel(one.run_id)
        await asyncio.wait([active.task], timeout=0.3)
        assert not active.run.is_over, "its work goes on"
        go.set()
        run = await settled(redis_url, one.run_id)
        assert stopped.is_set()
    assert run.meta["status"] == "cancelled"


async def test_a_run_of_a_dead_process_cannot_be_cancelled(redis: Redis, redis_url: str) -> None:
    async with opened_jobs(redis_url, concurrency=0) as jobs:
        await jobs.states.write({"run_id": "a" * 32, "operation": "step", "status": "running"})
        assert not await jobs.control.cancel("a" * 32)


async def test_a_retry_is_a_linked_run(redis: Redis, redis_url: str) -> None:
    async with opened_jobs(redis_url) as jobs:
        direct = (await jobs.launcher.start(operations_in(redis)["fail"], Step())).run_id
        by_queue = await queued(jobs, redis, "fail")
        for run_id in (direct, by_queue.run_id):
            old = await settled(redis_url, run_id)
            await eventually_async(lambda: len(jobs.active) == 0)
            again = await jobs.retry.retry(run_id)
            assert (again.retry_of, again.run_id != run_id) == (run_id, True)
            new = await settled(redis_url, again.run_id)
            root = next(span for span in new.spans.values() if span["parent_id"] is None)
            (link,) = root["links"]
            assert link["span_id"] == old.meta["root"]
            state, old_state = await jobs.states.get(again.run_id), await jobs.states.get(run_id)
            assert state is not None
            assert old_state is not None
            assert (state["retry_of"], old_state["retried_as"]) == (run_id, again.run_id)
            assert old_state["status"] == "failed"
        item = await jobs.queue.get(by_queue.item_id)
    assert item is not None
    assert item.earlier_runs == (by_queue.run_id,)


async def test_what_cannot_be_retried_says_why(redis: Redis, redis_url: str) -> None:
    async with opened_jobs(redis_url) as jobs:
        secret = Step(note="Authorization: Bearer sk-verysecret0123456789abcdef")
        run_id = (await jobs.launcher.start(operations_in(redis)["step"], secret)).run_id
        await settled(redis_url, run_id)
        with pytest.raises(ConflictError, match="secret") as refused:
            await jobs.retry.retry(run_id)
        assert refused.value.kind == "input-redacted"
        with pytest.raises(RunNotFoundError):
            await jobs.retry.retry("f" * 32)
        held = (await jobs.launcher.start(operations_in(redis)["step"], Step(hold=True))).run_id
        with pytest.raises(ConflictError, match="not ended"):
            await jobs.retry.retry(held)
        await redis.set(GO, 1)
        await settled(redis_url, held)
        state = await jobs.states.get(held)
        assert state is not None
        await jobs.states.write({**state, "operation": "gone"})
        with pytest.raises(ConflictError, match="no operation"):
            await jobs.retry.retry(held)


async def _claimed(jobs: Jobs, redis: Redis, **options: Any) -> Any:
    """An item that a runner has claimed, and that died."""
    await queued(jobs, redis, item_id="one", **options)
    (item,) = (await jobs.queue.claim("dead:1:1", 1_000)).items
    await redis.zadd("queue:lease", {"one": 1})
    return item


def _recovery(jobs: Jobs) -> Recovery:
    return Recovery(jobs.queue, jobs.states, jobs.enqueuer, lease_s=0.0)


@pytest.mark.parametrize(
    ("status", "more"),
    [("completed", {"result": {"n": 1}}), ("failed", {"error": {"type": "E", "message": "no"}}), ("cancelled", {})],
)
async def test_an_item_whose_run_had_ended_is_finished_and_not_run_again(
    redis: Redis, redis_url: str, status: str, more: dict[str, Any]
) -> None:
    async with opened_jobs(redis_url, concurrency=0) as jobs:
        item = await _claimed(jobs, redis)
        await jobs.states.write({"run_id": item.run_id, "operation": "step", "status": status, **more})
        await _recovery(jobs).sweep()
        final = await over(jobs, "one")
    assert final.status == {"completed": "succeeded"}.get(status, status)
    assert (final.result or b"") == (b'{"n":1}' if more.get("result") else b"")
    assert final.error == ("E: no" if "error" in more else "")


async def test_an_item_of_a_dead_runner_runs_again_as_a_linked_run(redis: Redis, redis_url: str) -> None:
    async with opened_jobs(redis_url, concurrency=0, queue_lease_s=1) as jobs:
        item = await _claimed(jobs, redis)
        await until(lambda: _run_again(jobs, item.run_id))
        old = await settled(redis_url, item.run_id)
        state = await jobs.states.get(item.run_id)
        again = await jobs.queue.get("one")
        assert state is not None
        assert again is not None
        assert again.earlier_runs == (item.run_id,)
        assert (state["status"], state["retried_as"]) == ("abandoned", again.run_id)
        assert {span["status"] for span in old.spans.values()} == {"abandoned"}
        new = StoredRun(redis_url, again.run_id)
    (link,) = new.spans[root_span_id(again.run_id)]["links"]
    assert link["span_id"] == root_span_id(item.run_id)
    assert new.meta["status"] == "queued"
    async with opened_jobs(redis_url):
        assert (await settled(redis_url, again.run_id)).meta["status"] == "completed"


async def _run_again(jobs: Jobs, run_id: str) -> bool:
    state = await jobs.states.get(run_id)
    return state is not None and state["status"] == "abandoned" and "retried_as" in state


async def test_the_reaper_leaves_waiting_runs_alone(redis: Redis, redis_url: str) -> None:
    async with opened_jobs(redis_url, concurrency=0) as jobs:
        one = await queued(jobs, redis)
        timing = Timing(lease_s=0.3, sweep_s=0.05, silent_s=0.1)
        async with Reaper(redis_url, timing=timing) as reaper:
            await eventually_async(lambda: reaper.waited_s > 1.5, 20)
    run = StoredRun(redis_url, one.run_id)
    assert {span["status"] for span in run.spans.values()} == {"running"}
    assert run.meta["status"] == "queued"


async def test_who_runs_what_is_known(redis: Redis, redis_url: str) -> None:
    async with opened_jobs(redis_url, concurrency=3) as jobs:
        one = await queued(jobs, redis, given=Step(hold=True))
        await begun(redis)

        async def running() -> Any:
            (info,) = await jobs.runners.all()
            return info if info.running else None

        info = await until(running)
        assert (info.kind, info.alive, info.draining, info.concurrency) == ("runner", True, False, 3)
        (running_item,) = info.running
        assert running_item[:3] == (one.run_id, "step", one.item_id)
        assert await redis.get(keys.run_owner(one.run_id)) == info.id.encode()
        await redis.set(GO, 1)
        await settled(redis_url, one.run_id)
    assert await redis.zcard(keys.RUNNERS) == 0, "who leaves says goodbye"


async def test_a_runner_lives_whatever_its_clock_says(redis: Redis, redis_url: str) -> None:
    async with opened_jobs(redis_url, concurrency=0) as jobs:
        (own,) = await until(jobs.runners.all)
        about: Any = await redis.get(keys.about_runner(own.id))
        for runner_id, silent_s in (("slow:1:1", 0), ("dead:1:1", 60)):
            await redis.set(keys.about_runner(runner_id), about, ex=3_600 - silent_s)
        hours = 3_600_000_000
        behind = {"slow:1:1": own.last_seen - 2 * hours, "dead:1:1": own.last_seen + hours}
        await redis.zadd(keys.RUNNERS, {**behind, "forgotten:1:1": own.last_seen})
        alive = {one.id: one.alive for one in await jobs.runners.all()}
        assert alive == {own.id: True, "slow:1:1": True, "dead:1:1": False}
        assert await redis.zscore(keys.RUNNERS, "forgotten:1:1") is None


async def test_a_drained_runner_hands_back_what_it_cannot_end(redis: Redis, redis_url: str) -> None:
    async with opened_jobs(redis_url, concurrency=1) as jobs:
        one = await queued(jobs, redis, given=Step(hold=True), max_attempts=1)
        await begun(redis)
        await jobs.drain(0.05)
        item = await jobs.queue.get(one.item_id)
        assert item is not None
        assert (item.status, item.attempts, item.earlier_runs) == ("pending", 0, (one.run_id,))
        old = await settled(redis_url, one.run_id)
        state = await jobs.states.get(one.run_id)
        assert state is not None
        assert (state["status"], state["retried_as"], old.meta["status"]) == ("cancelled", item.run_id, "cancelled")
        assert StoredRun(redis_url, item.run_id).meta["status"] == "queued"
        two = await queued(jobs, redis)
        assert (await jobs.queue.get(two.item_id) or item).status == "pending", "it takes no more"
    await redis.set(GO, 1)
    async with opened_jobs(redis_url):
        assert (await settled(redis_url, item.run_id)).meta["status"] == "completed"
        assert (await settled(redis_url, two.run_id)).meta["status"] == "completed"


async def test_a_run_whose_cancel_was_not_shown_ends(redis: Redis, redis_url: str) -> None:
    """Whoever cancelled its item, or queued it again, died right after that."""
    async with opened_jobs(redis_url, concurrency=0) as jobs:
        waits = await queued(jobs, redis, "step", item_id="waits")
        cancelled = await queued(jobs, redis, "step", item_id="cancelled")
        again = await queued(jobs, redis, "step", item_id="again")
        assert await jobs.queue.cancel("cancelled") == "cancelled"
        assert await jobs.queue.cancel("again") == "cancelled"
        assert await jobs.queue.retry("again")
        recovery = Recovery(jobs.queue, jobs.states, jobs.enqueuer, lease_s=0.0)
        assert await recovery.look_at_queued() == 0, "it may be shown in a moment"
        assert await recovery.look_at_queued(at_least_s=0) == 2
        assert await recovery.look_at_queued(at_least_s=0) == 0
        for taken in (cancelled, again):
            run = await settled(redis_url, taken.run_id)
            assert (run.meta["status"], run.meta["open"]) == ("cancelled", "0")
        assert StoredRun(redis_url, waits.run_id).meta["status"] == "queued"


async def test_a_run_whose_runner_and_recovery_died_ends(redis: Redis, redis_url: str) -> None:
    """Its runner had not delivered anything of it; whoever took its item back died before that was shown."""
    async with opened_jobs(redis_url, concurrency=0) as jobs:
        item = await _claimed(jobs, redis)
        state = jobs.enqueuer.state_of(item, "running")
        await jobs.states.write(state)
        await redis.set(keys.run_owner(item.run_id), "dead:1:1")
        assert [one.became for one in await jobs.queue.recover((await jobs.queue.expired()).items)] == ["pending"]
        timing = Timing(lease_s=0.3, sweep_s=0.05)
        async with Reaper(redis_url, timing=timing) as reaper:
            await eventually_async(lambda: reaper.waited_s > 1.0, 20)
            assert StoredRun(redis_url, item.run_id).meta["status"] == "running", "it has an owner"
            await redis.delete(keys.run_owner(item.run_id))
            run = await settled(redis_url, item.run_id)
        assert run.meta["status"] == "abandoned"
        assert {span["status"] for span in run.spans.values()} == {"abandoned"}


@pytest.mark.parametrize("max_attempts", [1, 2])
async def test_a_queued_run_whose_runner_and_recovery_died_is_abandoned(
    redis: Redis, redis_url: str, max_attempts: int
) -> None:
    async with opened_jobs(redis_url, concurrency=0) as jobs:
        item = await _claimed(jobs, redis, max_attempts=max_attempts)
        (taken,) = await jobs.queue.recover((await jobs.queue.expired()).items)
        recovery = _recovery(jobs)
        assert await recovery.look_at_queued(at_least_s=0) == 1
        assert await recovery.look_at_queued(at_least_s=0) == 0
        run = await settled(redis_url, item.run_id)
        state = await jobs.states.get(item.run_id)
    assert state is not None
    assert (run.meta["status"], state["abandoned"]) == ("abandoned", {"reason": "lease_expired"})
    assert {span["status"] for span in run.spans.values()} == {"abandoned"}
    assert state.get("retried_as", "") == taken.next_run_id


async def test_the_run_of_a_deleted_item_ends(redis: Redis, redis_url: str) -> None:
    async with opened_jobs(redis_url, concurrency=0) as jobs:
        one = await queued(jobs, redis, item_id="one")
        await redis.delete("queue:item:{one}")
        assert await _recovery(jobs).look_at_queued(at_least_s=0) == 1
        run = await settled(redis_url, one.run_id)
        state = await jobs.states.get(one.run_id)
    assert state is not None
    assert (run.meta["status"], state["error"]["message"]) == ("failed", "its item was deleted from the queue")


async def test_a_run_does_not_expire_while_it_waits(redis: Redis, redis_url: str) -> None:
    async with opened_jobs(redis_url, concurrency=0) as jobs:
        one = await queued(jobs, redis, delay_s=10 * 86_400)
        kept = [key for key in keys.run_keys(one.run_id) if await redis.exists(key)]
        for key in kept:
            await redis.expire(key, 3_600)
        await _recovery(jobs).look_at_queued()
        assert kept
        assert all([await redis.ttl(key) > 80_000 for key in kept])


async def test_a_run_whose_item_was_taken_ends_where_nothing_follows(redis: Redis, redis_url: str) -> None:
    """Its runner slept, its last attempt was given up, and with the runner's return the reaper had it run again."""
    async with opened_jobs(redis_url, concurrency=1, queue_lease_s=1) as jobs:
        one = await queued(jobs, redis, item_id="one", given=Step(hold=True), max_attempts=1)
        await begun(redis)

        async def is_taken() -> bool:  # it is renewed all the time
            await redis.zadd("queue:lease", {"one": 1})
            return bool(await jobs.queue.recover((await jobs.queue.expired()).items))

        await until(is_taken)
        run = await settled(redis_url, one.run_id)
        state = await jobs.states.get(one.run_id)
        item = await jobs.queue.get("one")
    assert item is not None
    assert state is not None
    assert (item.status, state["status"], state["abandoned"]) == ("failed", "abandoned", {"reason": "lease_expired"})
    assert run.meta["status"] == "abandoned"


async def test_an_item_that_was_just_claimed_is_cancelled(redis: Redis, redis_url: str) -> None:
    """Its runner has not said yet that the run is its own."""
    async with opened_jobs(redis_url, concurrency=0) as jobs:
        one = await queued(jobs, redis, item_id="one")
        (item,) = (await jobs.queue.claim("other:1:1", 1_000)).items
        assert await jobs.control.cancel(one.run_id)
        assert await jobs.queue.renew([item], 1_000) == [False]


async def test_an_operation_that_cannot_name_its_runs_is_queued_all_the_same(redis: Redis, redis_url: str) -> None:
    def name(_: BaseModel) -> str:
        raise KeyError("title")

    op = replace(operations_in(redis)["step"], name="unnamed", subject=name)
    async with opened_jobs(redis_url, concurrency=0, operations={"unnamed": op}) as jobs:
        one = await jobs.enqueuer.enqueue(op, Step())
    assert StoredRun(redis_url, one.run_id).spans[root_span_id(one.run_id)]["name"] == "step"


async def test_what_is_claimed_while_a_runner_drains_goes_back_at_once(redis: Redis, redis_url: str) -> None:
    async with opened_jobs(redis_url, concurrency=1) as jobs:
        runner = jobs.runner
        assert runner is not None
        runner._draining = True
        one = await queued(jobs, redis)
        await runner._claim(1)
        old = await settled(redis_url, one.run_id)
        item = await jobs.queue.get(one.item_id)
    assert item is not None
    assert (item.status, item.attempts, item.earlier_runs) == ("pending", 0, (one.run_id,))
    assert old.meta["status"] == "abandoned"
    assert StoredRun(redis_url, item.run_id).meta["status"] == "queued"
