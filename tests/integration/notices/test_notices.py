"""Notices on a real Redis, sent to a real webhook: once each, signed, tried again, given up."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from contextlib import closing, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from redis.asyncio import Redis

from spantail_exporters.model import keys
from spantail_service.jobs.queue.job_queue import JobQueue
from spantail_service.llm.budget.ledger import BudgetLedger, Reservation
from spantail_service.llm.budget.scopes import scope_of
from spantail_service.notices import notifier
from spantail_service.notices.conditions import Conditions
from spantail_service.notices.failed_runs import FailedRuns
from spantail_service.notices.notifier import Notifier
from spantail_service.notices.spend_window import SpendWindow
from spantail_service.notices.store import KEPT, NoticeStore, new_notice
from spantail_service.notices.webhook import Webhook
from spantail_service.runs.index import RunIndex
from tests.integration.service.harness import ROOT_SPAN, RUN, START, Writer
from tests.support.programs.webhook_receiver import Answer, WebhookReceiver, webhook_receiver
from tests.support.waiting import eventually_async

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

pytestmark = pytest.mark.anyio

SECRET = "a secret of at least 24 bytes"
START_US = 1_795_308_000_000_000
S = 1_000_000


class World:
    """A notifier, all that it looks at, and a clock that stands still until it is moved."""

    def __init__(self, redis: Redis, webhook: Webhook | None) -> None:
        self.redis = redis
        self.now_us = START_US
        self.store = NoticeStore(redis)
        self.ledger = BudgetLedger(redis, {})
        self.queue = JobQueue(redis)
        index = RunIndex(redis)
        conditions = Conditions(index, FailedRuns(redis, index), self.ledger, self.queue, SpendWindow(redis))
        self.notifier = Notifier(redis, self.store, conditions, webhook, clock=lambda: self.now_us)

    async def round(self) -> None:
        """What the notifier does every two seconds."""
        await self.notifier.look()
        await self.notifier.send()

    async def titles(self) -> list[str]:
        return [notice.title for notice in await self.store.recent()]


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with webhook_receiver() as found:
        yield found


@pytest.fixture
async def world(redis_url: str, receiver: WebhookReceiver) -> AsyncIterator[World]:
    async with Redis.from_url(redis_url) as redis:
        yield World(redis, Webhook(f"{receiver.url}/hook?key=1", SECRET, allow_private=True))


async def _meet(world: World, name: str = "session:s") -> None:
    """Have a call refused by a budget."""
    scope = scope_of(name)
    await world.ledger.set_limit(scope, 100)
    await world.ledger.reserve(Reservation("call", 101, (scope,)), 60)


async def test_a_notice_is_sent_once_and_signed(world: World, receiver: WebhookReceiver) -> None:
    await world.round()
    await _meet(world)
    for _ in range(3):
        await world.round()
    (sent,) = receiver.received
    assert sent.path == "/hook?key=1"
    body = json.loads(sent.body)
    assert body["type"] == "budget_met"
    assert body["data"]["title"] == "Budget met: session:s"
    assert body["data"]["id"] == sent.headers["webhook-id"]
    assert sent.headers["webhook-timestamp"] == str(START_US // S)
    assert sent.headers["host"] == receiver.url.removeprefix("http://")
    signed = f"{sent.headers['webhook-id']}.{sent.headers['webhook-timestamp']}.".encode() + sent.body
    expected = base64.b64encode(hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()).decode()
    assert sent.headers["webhook-signature"] == f"v1,{expected}"
    (notice,) = await world.store.recent()
    assert (notice.state, notice.tries) == ("sent", 1)
    delivery = (await world.store.deliveries())["budget_met"]
    assert (delivery.last_sent, delivery.pending, delivery.dead) == (START_US, 0, 0)


async def test_several_processes_send_each_notice_once(redis_url: str, receiver: WebhookReceiver) -> None:
    async with Redis.from_url(redis_url) as redis:
        worlds = [World(redis, Webhook(receiver.url, SECRET, allow_private=True)) for _ in range(4)]
        await worlds[0].round()
        for number in range(5):
            await _meet(worlds[0], f"session:{number}")
        await asyncio.gather(*(world.round() for world in worlds for _ in range(3)))
    ids = [sent.headers["webhook-id"] for sent in receiver.received]
    assert len(ids) == len(set(ids)) == 5


async def test_a_failure_is_tried_again_later_and_at_last_given_up(world: World, receiver: WebhookReceiver) -> None:
    await world.round()
    await _meet(world)
    receiver.answers += [Answer(500), Answer(429, {"retry-after": "60"}), *[Answer(503)] * 20]
    await world.round()
    assert len(receiver.received) == 1
    await world.round()
    assert len(receiver.received) == 1  # not before its time
    world.now_us += 5 * S
    await world.round()
    assert len(receiver.received) == 2
    world.now_us += 31 * S
    await world.round()
    assert len(receiver.received) == 2  # it was told to wait for longer
    for _ in range(20):
        world.now_us += 7_200 * S
        await world.round()
    assert len(receiver.received) == 8
    assert len({sent.headers["webhook-id"] for sent in receiver.received}) == 1
    (notice,) = await world.store.recent()
    assert notice.state == "dead"
    delivery = (await world.store.deliveries())["budget_met"]
    assert (delivery.dead, delivery.pending, delivery.last_error) == (1, 0, "the webhook answered 503")
    assert await world.redis.zcard(keys.NOTICES_DEAD) == 1


async def test_redirects_are_not_followed_and_gone_is_final(world: World, receiver: WebhookReceiver) -> None:
    await world.round()
    await _meet(world)
    receiver.answers += [Answer(307, {"location": f"{receiver.url}/elsewhere"}), Answer(410)]
    await world.round()
    assert (await world.store.deliveries())["budget_met"].last_error == (
        "the webhook answered 307, and redirects are not followed"
    )
    world.now_us += 5 * S
    await world.round()
    assert [sent.path for sent in receiver.received] == ["/hook?key=1"] * 2
    assert (await world.store.recent())[0].state == "dead"


async def test_a_private_address_is_refused(redis_url: str, receiver: WebhookReceiver) -> None:
    async with Redis.from_url(redis_url) as redis:
        world = World(redis, Webhook(receiver.url.replace("127.0.0.1", "localhost"), SECRET))
        await world.round()
        await _meet(world)
        await world.round()
        delivery = (await world.store.deliveries())["budget_met"]
    assert not receiver.received
    assert delivery.dead == 1
    assert "not of the public internet" in (delivery.last_error or "")


async def test_nobody_listens(redis_url: str) -> None:
    with webhook_receiver() as gone:
        url = gone.url
    async with Redis.from_url(redis_url) as redis:
        world = World(redis, Webhook(url, SECRET, allow_private=True))
        await world.round()
        await _meet(world)
        await world.round()
        delivery = (await world.store.deliveries())["budget_met"]
    assert (delivery.pending, delivery.dead) == (1, 0)
    assert "Connect" in (delivery.last_error or "")


async def test_an_answer_that_comes_byte_by_byte_is_not_waited_for(
    new_redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spantail_service.notices.webhook._TIMEOUT_S", 0.5)

    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nx: ")
        with closing(writer), suppress(OSError):
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.05)

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    async with server, Redis.from_url(new_redis_url) as redis, asyncio.timeout(20):
        port = server.sockets[0].getsockname()[1]
        world = World(redis, Webhook(f"http://127.0.0.1:{port}", SECRET, allow_private=True))
        await world.round()
        await _meet(world)
        await world.round()
        delivery = (await world.store.deliveries())["budget_met"]
    assert (delivery.pending, delivery.last_error) == (1, "the webhook did not answer in time")


@pytest.mark.parametrize("host", ["a..example", "a" * 64 + ".example"])
async def test_a_name_that_is_none_is_said_and_ends_no_round(new_redis_url: str, host: str) -> None:
    async with Redis.from_url(new_redis_url) as redis:
        world = World(redis, Webhook(f"http://{host}", SECRET))
        await world.round()
        await _meet(world)
        await world.round()
        delivery = (await world.store.deliveries())["budget_met"]
    assert delivery.pending == 1
    assert delivery.last_error


async def test_without_a_webhook_notices_are_kept_to_be_looked_at(redis_url: str) -> None:
    async with Redis.from_url(redis_url) as redis:
        world = World(redis, None)
        await world.round()
        await _meet(world)
        await world.round()
        (notice,) = await world.store.recent()
    assert notice.state == "unsent"


async def test_what_was_so_before_is_no_notice_and_neither_is_what_a_rule_that_is_off_is_about(world: World) -> None:
    await _meet(world, "session:before")
    await world.round()
    assert not await world.titles()
    await world.store.change("budget_met", {"enabled": False})
    await _meet(world, "session:off")
    await world.round()
    await world.store.change("budget_met", {"enabled": True})
    await _meet(world, "session:on")
    await world.round()
    assert await world.titles() == ["Budget met: session:on"]


async def test_a_failed_run(redis_url: str, world: World) -> None:
    await world.round()
    with Writer(redis_url) as writer:
        call = {"parent_id": ROOT_SPAN, "kind": "llm_call", "end": START + 4}
        writer.span(RUN, "a" * 16, **call, account="0 0 10 10 7000 langchain\n")
        writer.span(RUN, "b" * 16, **call, account="0 1 10 10 0 langchain\n")
        writer.span(RUN, end=START + 5, status="error", event="operation_error")
    await world.round()
    await world.round()
    (notice,) = await world.store.recent()
    assert notice.rule == "run_failed"
    assert notice.detail == "1 of 3 spans ended in error, 0.000007 USD spent and 1 call without a price."
    assert notice.title.startswith("Run failed: ")
    assert notice.run_id == RUN


async def test_a_run_that_began_long_ago_and_failed_now(redis_url: str, world: World) -> None:
    failed = {"status": "error", "event": "operation_error"}
    with Writer(redis_url) as writer:
        writer.span(RUN)
        for number in range(120):
            writer.span(f"{number + 1:032x}", start=START + number + 1, end=START + 500, **failed)
        await world.round()
        assert not await world.titles(), "they failed before the first look"
        writer.span(RUN, end=START + 600, **failed)
    await world.round()
    await world.round()
    assert [notice.run_id for notice in await world.store.recent()] == [RUN]


async def test_many_runs_that_fail_at_once_come_round_by_round(redis_url: str, world: World) -> None:
    await world.round()
    with Writer(redis_url) as writer:
        for number in range(50):
            writer.span(f"{number + 1:032x}", end=START + 5, status="error", event="operation_error")
    counts = []
    for _ in range(4):
        await world.round()
        counts.append(len(await world.titles()))
    assert counts == [20, 40, 50, 50]


async def test_another_process_goes_on_where_the_last_one_was(redis_url: str, world: World) -> None:
    await world.round()
    with Writer(redis_url) as writer:
        writer.span(RUN, end=START + 5, status="error", event="operation_error")
    async with Redis.from_url(redis_url) as redis:
        other = World(redis, None)
        await other.round()
        assert [notice.run_id for notice in await other.store.recent()] == [RUN]


async def test_a_pin_of_a_run_that_failed_long_ago_is_no_news(redis_url: str, world: World) -> None:
    with Writer(redis_url) as writer:
        writer.span(RUN, end=START + 5, status="error", event="operation_error")
    await world.redis.delete(keys.RUNS_CHANGES)  # others took its place
    await world.round()
    world.now_us = START + 8 * 86_400 * S
    await world.redis.xadd(keys.RUNS_CHANGES, {"run": RUN})
    await world.round()
    assert not await world.titles()


async def test_a_budget_that_is_nearly_met(world: World) -> None:
    await world.store.change("budget_met", {"threshold": 0.8})
    await world.round()
    scope = scope_of("day:2026-11-30")
    await world.ledger.set_limit(scope, 1_000)
    for number, cost in enumerate((700, 150)):
        call = Reservation(f"call {number}", cost, (scope,))
        await world.ledger.reserve(call, 60)
        await world.ledger.settle(call, cost)
        await world.round()
    assert await world.titles() == ["Budget nearly met: day:2026-11-30"]
    await world.ledger.set_limit(scope, 900)  # another limit is another matter
    await world.round()
    assert len(await world.titles()) == 2
    world.now_us += S
    await world.ledger.set_limit(scope, 850)  # nothing was refused, but nothing is left
    await world.round()
    assert (await world.titles())[0] == "Budget met: day:2026-11-30"


async def test_many_fallbacks(redis_url: str, world: World) -> None:
    world.now_us = START + 60 * S
    await world.round()
    with Writer(redis_url) as writer:
        writer.span(RUN)
        for number in range(20):
            fell_back = "claude_cli" if number % 2 else ""
            writer.span(
                RUN, f"{number + 1:016x}", parent_id=ROOT_SPAN, kind="llm_call", end=START + 5, backend="langchain",
                account=f"0 0 10 10 100 langchain\n{fell_back}",
            )  # fmt: skip
    await world.round()
    await world.round()
    (notice,) = await world.store.recent()
    assert notice.title == "Many fallbacks: 50% of calls"
    assert notice.detail == "10 of 20 LLM calls within 1 hour fell back to another backend."


async def test_a_backend_that_is_only_not_installed_is_no_matter(redis_url: str, world: World) -> None:
    world.now_us = START + 60 * S
    await world.round()
    with Writer(redis_url) as writer:
        writer.span(RUN)
        for number in range(20):
            writer.span(
                RUN, f"{number + 1:016x}", parent_id=ROOT_SPAN, kind="llm_call", end=START + 5, backend="langchain",
                account="0 0 10 10 100 langchain\nclaude_cli\n",
            )  # fmt: skip
        await world.round()
        assert not await world.titles()
        writer.span(
            RUN, "f" * 16, parent_id=ROOT_SPAN, kind="llm_call", end=START + 5, backend="langchain",
            account="0 0 10 10 100 langchain\nclaude_cli",
        )  # fmt: skip
    await world.round()  # it fails, and its open circuit is why the others went elsewhere
    assert await world.titles() == ["Many fallbacks: 100% of calls"]


async def _spend(redis: Redis, day: str, nano: int) -> None:
    await redis.hincrby(keys.spend_of_day(day), "langchain:nano", nano)


async def test_spend_within_a_rolling_window(world: World) -> None:
    world.now_us = 1_795_305_600_000_000 - 600 * S  # ten minutes before midnight, UTC
    today, tomorrow = _day(world.now_us), _day(world.now_us + 86_400 * S)
    await _spend(world.redis, today, 50 * 10**9)  # before anybody looked
    await world.store.change("spend_above", {"enabled": True, "threshold": 2, "window_s": 3_600})
    await world.round()
    assert not await world.titles()
    for minute in range(1, 30):
        world.now_us += 60 * S
        await _spend(world.redis, today if minute < 10 else tomorrow, 10**8)
        await world.round()
    assert await world.titles() == ["Spend above 2 USD"]
    detail = (await world.store.recent())[0].detail
    assert detail == "2.10 USD were spent within 1 hour, more than 2 USD."
    world.now_us += 3 * 3_600 * S
    await world.round()
    assert len(await world.titles()) == 1


def _day(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1e6, UTC).date().isoformat()


async def test_a_queue_that_is_stuck(world: World) -> None:
    await world.store.change("queue_stuck", {"threshold": 120})
    await world.queue.enqueue("job-search", b"{}", item_id="a")
    item = await world.queue.get("a")
    assert item is not None
    world.now_us = item.enqueued + 119 * S
    await world.round()
    assert not await world.titles()
    world.now_us += 2 * S
    first = world.now_us
    for passed_s in (0, 60, 3_599):  # an hour of the clock begins in between
        world.now_us = first + passed_s * S
        await world.round()
    (notice,) = await world.store.recent()
    assert notice.title == "The queue is stuck"
    assert notice.detail == "1 items wait, the first one for 2 minutes; 0 run."
    for passed_s in (3_600, 7_199):
        world.now_us = first + passed_s * S
        await world.round()
    assert await world.titles() == ["The queue is stuck"] * 2


async def test_old_notices_make_way(world: World) -> None:
    for number in range(KEPT + 50):
        notice = new_notice("run_failed", START_US + number * S, f"{number}", "")
        assert await world.store.add(notice, f"{number}", to_send=True)
    assert await world.redis.zcard(keys.NOTICES_PENDING) == KEPT
    assert await world.redis.hlen(keys.NOTICES) == KEPT
    assert (await world.store.recent(1))[0].title == f"{KEPT + 49}"


async def test_one_process_at_a_time_works(
    redis_url: str, receiver: WebhookReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []
    # As shipped it is for several rounds, here of 20 ms: a machine that stands still for longer would lose the lease.
    monkeypatch.setattr(notifier, "_LEASE_INTERVALS", 3_000)

    class Watched(NoticeStore):
        def __init__(self, redis: Redis, number: int) -> None:
            super().__init__(redis)
            self.number = number

        async def rules(self) -> Any:
            looked.append(self.number)
            return await super().rules()

    async with Redis.from_url(redis_url) as redis:
        world = World(redis, None)
        notifiers = [
            Notifier(redis, Watched(redis, number), world.notifier._conditions, None, interval_s=0.02)
            for number in range(3)
        ]
        async with notifiers[0], notifiers[1], notifiers[2]:
            await eventually_async(lambda: len(looked) >= 10)
    assert len(set(looked)) == 1
