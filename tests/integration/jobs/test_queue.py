"""The job queue on real servers: order, leases, tokens, retries, history; and any order of steps against a model."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from redis.asyncio import Redis

from spantail_service.jobs.queue.item import FINAL, PRIORITIES, QueueItem
from spantail_service.jobs.queue.job_queue import JobQueue

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from spantail_service.jobs.queue.answers import Recovered

pytestmark = pytest.mark.anyio


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def queue(redis: Redis) -> JobQueue:
    return JobQueue(redis)


async def _expire(redis: Redis, item_id: str) -> None:
    await redis.zadd("queue:lease", {item_id: 1})


async def _recover(queue: JobQueue) -> list[Recovered]:
    return await queue.recover((await queue.expired()).items)


async def test_first_come_first_served_within_a_priority(queue: JobQueue) -> None:
    for number, priority in enumerate(("low", "normal", "high", "normal", "high", "low")):
        await queue.enqueue("search", b"{}", item_id=f"{number}{priority}", priority=priority)
    items = (await queue.claim("runner", 10, 10)).items
    assert [item.id for item in items] == ["2high", "4high", "1normal", "3normal", "0low", "5low"]
    assert {item.priority for item in items} == set(PRIORITIES)


async def test_an_item_says_everything_that_was_given(queue: JobQueue) -> None:
    given = b'{"title":"\xc3\xa4"}'
    links = ("00-1-2-01", "00-3-4-01")
    queued = await queue.enqueue(
        "search", given, max_attempts=2, run_id="a" * 32, links=links, session_id="s", budget_usd=0.25
    )
    (item,) = (await queue.claim("host:1:2", 10)).items
    assert (item.id, item.operation, item.input, item.max_attempts) == (queued.item_id, "search", given, 2)
    assert (item.run_id, item.runner, item.attempts) == ("a" * 32, "host:1:2", 1)
    assert (item.links, item.session_id, item.budget_usd) == (links, "s", 0.25)
    assert item.started is not None
    assert item.enqueued == item.queued == queued.queued <= item.started
    assert await queue.get(queued.item_id) == item
    assert await queue.get("another") is None


async def test_the_same_id_is_taken_in_once(queue: JobQueue) -> None:
    first, second = [await queue.enqueue("search", b"{}", item_id="one") for _ in range(2)]
    assert second == first._replace(is_new=False)
    assert len(first.run_id) == 32
    assert len((await queue.claim("runner", 10, 10)).items) == 1


async def test_wrong_values_are_refused_by_name(queue: JobQueue) -> None:
    with pytest.raises(ValueError, match="high, normal, low"):
        await queue.enqueue("search", b"{}", priority="urgent")
    with pytest.raises(ValueError, match="max_attempts"):
        await queue.enqueue("search", b"{}", max_attempts=0)
    assert await queue.version() == 0


async def test_a_delayed_item_comes_when_it_is_due(queue: JobQueue, redis: Redis) -> None:
    await queue.enqueue("search", b"{}", item_id="later", delay_s=60)
    claims = await queue.claim("runner", 10)
    assert claims.items == []
    assert claims.next_due_s is not None
    assert 50 < claims.next_due_s <= 60
    await redis.zadd("queue:delayed", {"later": 1})
    assert [item.id for item in (await queue.claim("runner", 10)).items] == ["later"]


async def test_a_token_that_is_not_the_present_one_is_refused(queue: JobQueue, redis: Redis) -> None:
    """A runner that slept for longer than its lease may not write the result of an item that another one has."""
    await queue.enqueue("search", b"{}", item_id="one", run_id="1" * 32)
    (sleeper,) = (await queue.claim("sleeper", 10)).items
    await _expire(redis, "one")
    (taken,) = await _recover(queue)
    assert taken[:3] == ("one", "1" * 32, "pending")
    (other,) = (await queue.claim("other", 10)).items
    assert (other.earlier_runs, other.run_id, other.attempts) == (("1" * 32,), taken.next_run_id, 2)
    assert other.queued > other.enqueued
    assert await queue.renew([sleeper, other], 10) == [None, True]
    assert not await queue.succeed(sleeper, {"by": "sleeper"})
    assert not await queue.fail(sleeper, "late")
    assert not await queue.hand_back(sleeper)
    assert await queue.succeed(other, {"by": "other"})
    assert await queue.succeed(other, {"by": "other"}), "an answer may be lost, and the step repeated"
    assert not await queue.fail(other, "no")
    final = await queue.get("one")
    assert final is not None
    assert (final.status, final.result) == ("succeeded", b'{"by":"other"}')


async def test_a_lease_that_nobody_took_back_is_still_its_holders(queue: JobQueue, redis: Redis) -> None:
    await queue.enqueue("search", b"{}", item_id="one")
    (item,) = (await queue.claim("runner", 10)).items
    await _expire(redis, "one")
    expired = (await queue.expired()).items
    assert [one.id for one in expired] == ["one"]
    assert await queue.renew([item], 10) == [True]
    assert await queue.recover(expired) == await _recover(queue) == []


async def test_what_fails_too_often_is_given_up_with_its_last_error(queue: JobQueue, redis: Redis) -> None:
    await queue.enqueue("search", b"{}", item_id="one", max_attempts=2)
    (first,) = (await queue.claim("runner", 10)).items
    assert await queue.fail(first, "the provider is away", retry_in_s=60)
    (waiting,) = (await queue.overview()).items
    assert (waiting.status, waiting.error) == ("delayed", "the provider is away")
    await redis.zadd("queue:delayed", {"one": 1})
    await queue.claim("host:7:1", 10)
    await _expire(redis, "one")
    assert [one.became for one in await _recover(queue)] == ["failed"]
    final = await queue.get("one")
    assert final is not None
    assert (final.status, final.attempts) == ("failed", 2)
    assert "host:7:1" in final.error
    assert (await queue.overview()).failed == 1


async def test_a_failed_item_runs_again_on_request(queue: JobQueue) -> None:
    await queue.enqueue("search", b"{}", item_id="one", max_attempts=1, run_id="1" * 32)
    (item,) = (await queue.claim("runner", 10)).items
    assert not await queue.retry("one"), "it runs"
    assert await queue.fail(item, "no")
    run_id = await queue.retry("one")
    (again,) = (await queue.claim("runner", 10)).items
    assert (again.attempts, again.run_id, again.earlier_runs, again.error) == (1, run_id, ("1" * 32,), "")
    assert await queue.succeed(again)
    assert not await queue.retry("one"), "it succeeded"
    assert not await queue.retry("another")


async def test_an_item_remembers_its_latest_runs(queue: JobQueue) -> None:
    runs = [(await queue.enqueue("search", b"{}", item_id="one")).run_id]
    for _ in range(55):
        assert await queue.cancel("one") == "cancelled"
        runs.append(await queue.retry("one"))
    item = await queue.get("one")
    assert item is not None
    assert [*item.earlier_runs, item.run_id] == runs[-51:]


async def test_a_deleted_item_keeps_nobody_from_the_others(queue: JobQueue, redis: Redis) -> None:
    await queue.enqueue("search", b"{}", item_id="deleted", delay_s=60)
    await queue.enqueue("search", b"{}", item_id="deleted too")
    await queue.enqueue("search", b"{}", item_id="one")
    await redis.delete("queue:item:{deleted}", "queue:item:{deleted too}")
    await redis.zadd("queue:delayed", {"deleted": 1})
    assert [item.id for item in (await queue.claim("runner", 10)).items] == ["one"]
    assert not await redis.exists("queue:item:{deleted}")


async def test_an_item_that_is_handed_back_comes_first_and_has_lost_no_attempt(queue: JobQueue) -> None:
    for item_id in ("one", "two"):
        await queue.enqueue("search", b"{}", item_id=item_id, max_attempts=1)
    (item,) = (await queue.claim("runner", 10)).items
    run_id = await queue.hand_back(item)
    assert await queue.hand_back(item) == run_id, "an answer may be lost, and the step repeated"
    (again,) = (await queue.claim("other", 10)).items
    assert (again.id, again.run_id, again.earlier_runs, again.attempts) == ("one", run_id, (item.run_id,), 1)


async def test_cancelling(queue: JobQueue) -> None:
    await queue.enqueue("search", b"{}", item_id="waits")
    await queue.enqueue("search", b"{}", item_id="delayed", delay_s=60)
    assert await queue.cancel("waits") == "cancelled"
    assert await queue.cancel("delayed") == "cancelled"
    await queue.enqueue("search", b"{}", item_id="runs")
    (item,) = (await queue.claim("runner", 10)).items
    assert await queue.cancel("runs") == "cancelling"
    assert await queue.renew([item], 10) == [False]
    assert await queue.stopped(item)
    for item_id in ("waits", "delayed", "runs"):
        final = await queue.get(item_id)
        assert final is not None
        assert final.status == "cancelled"
        assert not await queue.cancel(item_id)


async def test_a_cancelled_item_of_a_dead_runner_does_not_come_back(queue: JobQueue, redis: Redis) -> None:
    await queue.enqueue("search", b"{}", item_id="one")
    await queue.claim("runner", 10)
    await queue.cancel("one")
    await _expire(redis, "one")
    assert [one.became for one in await _recover(queue)] == ["cancelled"]


async def test_history_holds_a_hundred_and_items_expire_a_week_after_their_end(queue: JobQueue, redis: Redis) -> None:
    for number in range(105):
        await queue.enqueue("search", b"{}", item_id=str(number))
    assert await redis.pttl("queue:item:{104}") == -1, "what waits does not expire"
    for item in (await queue.claim("runner", 10, 105)).items:
        await queue.succeed(item)
    assert await redis.llen("queue:history") == 100
    assert await redis.lindex("queue:history", 0) == b"104"
    assert 0 < await redis.pttl("queue:item:{104}") <= 7 * 86_400_000
    assert await redis.scard("queue:running") == await redis.zcard("queue:lease") == 0


async def test_position_and_version(queue: JobQueue) -> None:
    for number, priority in enumerate(("normal", "high", "normal", "low")):
        await queue.enqueue("search", b"{}", item_id=str(number), priority=priority)
    before = await queue.version()
    items = [await queue.get(str(number)) for number in range(4)]
    assert [await queue.position(item) for item in items if item] == [1, 0, 2, 3]
    await queue.claim("runner", 10)
    assert [await queue.position(item) for item in items if item] == [0, None, 1, 2]
    assert await queue.version() > before


async def test_changes_are_published(queue: JobQueue, redis: Redis) -> None:
    async with redis.pubsub() as listener:
        await listener.subscribe("queue:events")
        await queue.enqueue("search", b"{}", item_id="one")
        while (message := await listener.get_message(timeout=5)) is None or message["type"] != "message":
            pass
        assert message["data"] == b"%d pending one" % await queue.version()


async def test_a_queue_that_was_lost_has_no_version_that_somebody_may_remember(queue: JobQueue, redis: Redis) -> None:
    await queue.enqueue("search", b"{}", item_id="one")
    before = await queue.version()
    assert before > 1_700_000_000_000, "it begins with the clock"
    await queue.enqueue("search", b"{}", item_id="two")
    assert await queue.version() == before + 1


async def test_a_server_that_forgot_the_scripts(queue: JobQueue, redis: Redis) -> None:
    await queue.enqueue("search", b"{}", item_id="one")
    await redis.script_flush()
    assert len((await queue.claim("runner", 10)).items) == 1


async def test_many_claim_at_once_and_each_item_goes_to_one(queue: JobQueue) -> None:
    for number in range(200):
        await queue.enqueue("search", b"{}", item_id=str(number))
    claims = await asyncio.gather(*(queue.claim(f"runner{number}", 10, 3) for number in range(80)))
    taken = [item.id for one in claims for item in one.items]
    assert len(taken) == len(set(taken)) == 200


# ------------------------------------------------------------------------------------------------ any order of steps


class _Model:
    """The queue as plain data."""

    def __init__(self) -> None:
        self.lines: dict[str, deque[str]] = {priority: deque() for priority in PRIORITIES}
        self.status: dict[str, str] = {}
        self.priority: dict[str, str] = {}
        self.attempts: dict[str, int] = {}
        self.most: dict[str, int] = {}
        self.delayed: list[str] = []
        self.held: dict[str, QueueItem] = {}
        self.stale: list[QueueItem] = []
        self.cancelling: set[str] = set()
        self.successes: dict[str, int] = {}
        self.runs: dict[str, list[str]] = {}

    def let_go(self, item_id: str) -> None:
        self.stale.append(self.held.pop(item_id))

    def end(self, item_id: str, status: str) -> None:
        self.status[item_id] = status
        self.cancelling.discard(item_id)

    def wait(self, item_id: str, *, in_front: bool = False) -> None:
        self.status[item_id] = "pending"
        line = self.lines[self.priority[item_id]]
        line.appendleft(item_id) if in_front else line.append(item_id)

    @property
    def next(self) -> str | None:
        return next((line[0] for line in self.lines.values() if line), None)


class _Steps(RuleBasedStateMachine):
    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.redis = Redis.from_url(self.url)
        self.queue = JobQueue(self.redis)
        self.model = _Model()

    def do(self, step: Any) -> Any:
        return self.runner.run(step)

    def teardown(self) -> None:
        self.do(self.redis.aclose())
        self.runner.close()

    @initialize()
    def empty(self) -> None:
        self.do(self.redis.flushall())

    @rule(priority=st.sampled_from(PRIORITIES), is_delayed=st.booleans(), most=st.integers(1, 3))
    def enqueue(self, priority: str, is_delayed: bool, most: int) -> None:
        item_id = str(len(self.model.status))
        model = self.model
        model.priority[item_id], model.most[item_id], model.attempts[item_id] = priority, most, 0
        queued = self.do(
            self.queue.enqueue(
                "work", b"{}", item_id=item_id, priority=priority, delay_s=99 if is_delayed else 0, max_attempts=most
            )
        )
        model.runs[item_id] = [queued.run_id]
        if is_delayed:
            model.status[item_id] = "delayed"
            model.delayed.append(item_id)
        else:
            model.wait(item_id)

    @precondition(lambda self: self.model.delayed)
    @rule(data=st.data())
    def a_delayed_one_becomes_due(self, data: st.DataObject) -> None:
        item_id = data.draw(st.sampled_from(self.model.delayed))
        self.do(self.redis.zadd("queue:delayed", {item_id: 1}))
        self.model.delayed.remove(item_id)
        self.model.wait(item_id)
        self.claim()

    @rule()
    def claim(self) -> None:
        expected = self.model.next
        items = self.do(self.queue.claim("runner", 1_000)).items
        assert [item.id for item in items] == ([] if expected is None else [expected])
        for item in items:
            self.model.lines[item.priority].popleft()
            self.model.status[item.id] = "running"
            self.model.attempts[item.id] += 1
            self.model.held[item.id] = item
            assert item.attempts == self.model.attempts[item.id]
            assert [*item.earlier_runs, item.run_id] == self.model.runs[item.id]

    def _held(self, data: st.DataObject) -> QueueItem:
        return data.draw(st.sampled_from(sorted(self.model.held.values())))

    @precondition(lambda self: self.model.held)
    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        item = self._held(data)
        assert self.do(self.queue.renew([item], 1_000)) == [item.id not in self.model.cancelling]

    @precondition(lambda self: self.model.held)
    @rule(data=st.data())
    def succeed(self, data: st.DataObject) -> None:
        item = self._held(data)
        assert self.do(self.queue.succeed(item, {"n": 1}))
        self.model.let_go(item.id)
        self.model.end(item.id, "succeeded")
        self.model.successes[item.id] = self.model.successes.get(item.id, 0) + 1

    @precondition(lambda self: self.model.held)
    @rule(data=st.data(), again=st.sampled_from([None, 0, 99]))
    def fail(self, data: st.DataObject, again: float | None) -> None:
        model, item = self.model, self._held(data)
        assert self.do(self.queue.fail(item, "no", retry_in_s=again))
        model.let_go(item.id)
        if again is None:
            model.end(item.id, "failed")
        elif item.id in model.cancelling:
            model.end(item.id, "cancelled")
        elif model.attempts[item.id] >= model.most[item.id]:
            model.end(item.id, "failed")
        else:
            self.learn_run(item.id)
            if again:
                model.status[item.id] = "delayed"
                model.delayed.append(item.id)
            else:
                model.wait(item.id)

    def learn_run(self, item_id: str) -> None:
        item = self.do(self.queue.get(item_id))
        assert item.run_id not in self.model.runs[item_id]
        self.model.runs[item_id].append(item.run_id)

    @precondition(lambda self: self.model.held)
    @rule(data=st.data())
    def hand_back(self, data: st.DataObject) -> None:
        model, item = self.model, self._held(data)
        run_id = self.do(self.queue.hand_back(item))
        model.let_go(item.id)
        assert bool(run_id) == (item.id not in model.cancelling)
        if run_id:
            model.runs[item.id].append(run_id)
            model.attempts[item.id] -= 1
            model.wait(item.id, in_front=True)
        else:
            model.end(item.id, "cancelled")

    @precondition(lambda self: self.model.held)
    @rule(data=st.data())
    def a_runner_dies(self, data: st.DataObject) -> None:
        model, item = self.model, self._held(data)
        self.do(self.redis.zadd("queue:lease", {item.id: 1}))
        (taken,) = self.do(_recover(self.queue))
        assert taken.id == item.id
        model.let_go(item.id)
        if item.id in model.cancelling:
            model.end(item.id, "cancelled")
        elif model.attempts[item.id] >= model.most[item.id]:
            model.end(item.id, "failed")
        else:
            model.runs[item.id].append(taken.next_run_id)
            model.wait(item.id, in_front=True)
        assert taken.became == model.status[item.id]

    @precondition(lambda self: self.model.stale)
    @rule(data=st.data())
    def one_that_was_taken_for_dead_speaks(self, data: st.DataObject) -> None:
        item = data.draw(st.sampled_from(self.model.stale))
        assert self.do(self.queue.renew([item], 1_000)) == [None]
        self.do(self.queue.stopped(item))  # True only where this very attempt had ended so

    @precondition(lambda self: self.model.status)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        model = self.model
        item_id = data.draw(st.sampled_from(sorted(model.status)))
        status = model.status[item_id]
        said = "" if status in FINAL else "cancelling" if status == "running" else "cancelled"
        assert self.do(self.queue.cancel(item_id)) == said
        if status == "pending":
            model.lines[model.priority[item_id]].remove(item_id)
            model.end(item_id, "cancelled")
        elif status == "delayed":
            model.delayed.remove(item_id)
            model.end(item_id, "cancelled")
        elif status == "running":
            model.cancelling.add(item_id)

    @precondition(lambda self: self.model.status)
    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        model = self.model
        item_id = data.draw(st.sampled_from(sorted(model.status)))
        may = model.status[item_id] in {"failed", "cancelled"}
        run_id = self.do(self.queue.retry(item_id))
        assert bool(run_id) == may
        if may:
            model.attempts[item_id] = 0
            model.runs[item_id].append(run_id)
            model.wait(item_id)

    @invariant()
    def every_item_is_in_one_place(self) -> None:
        model = self.model
        overview = self.do(self.queue.overview(limit=1_000))
        assert {item.id: str(item.status) for item in overview.items} == model.status
        assert overview.pending == sum(map(len, model.lines.values()))
        assert overview.running == len(model.held)
        assert overview.delayed == len(model.delayed)
        assert overview.failed == sum(status == "failed" for status in model.status.values())
        assert all(count == 1 for count in model.successes.values())
        running = self.do(self.redis.smembers("queue:running"))
        leased = self.do(self.redis.zrange("queue:lease", 0, -1))
        assert {one.decode() for one in running} == {one.decode() for one in leased} == set(model.held)


def test_any_order_of_steps(redis_url: str) -> None:
    class Steps(_Steps):
        url = redis_url

    run_state_machine_as_test(Steps, settings=settings(max_examples=20, stateful_step_count=40))
