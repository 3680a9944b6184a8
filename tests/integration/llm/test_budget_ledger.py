"""The ledger of budgets on real servers: all scopes or none, settled once, freed when a holder dies, in any order."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from spantail_service.llm.budget.ledger import BudgetLedger, BudgetState, Met, Reservation
from spantail_service.llm.budget.scopes import Scope, Spending, scope_of
from spantail_service.storage.connect import connect
from tests.support.redis.faults import redis_cluster

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.anyio

RUN = "0af7651916cd43dd8448eb211c80319c"
DAY = Scope("day", "day:2026-11-30")
LEASE_S = 60.0


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def ledger(redis: Redis) -> BudgetLedger:
    return BudgetLedger(redis, {"day": 1_000})


def _wanted(nano: int, *scopes: Scope) -> Reservation:
    return Reservation(uuid.uuid4().hex, nano, scopes or (DAY,))


async def _one(ledger: BudgetLedger, scope: Scope = DAY) -> BudgetState:
    (state,) = await ledger.read([scope])
    return state


async def _die(redis: Redis, reserved: Reservation) -> None:
    """Have the lease of a reservation end, as it does when its holder renews it no more."""
    for scope in reserved.scopes:
        await redis.zadd(f"budget:{{{scope.name}}}:held", {f"{reserved.id} {reserved.nano}": 1}, xx=True)


async def test_reserve_and_settle(ledger: BudgetLedger, redis: Redis) -> None:
    call = _wanted(600)
    assert await ledger.reserve(call, LEASE_S) == [BudgetState("day:2026-11-30", 1_000, 0, 600, 1)]
    refused = await ledger.reserve(_wanted(401), LEASE_S)
    assert refused == Met(BudgetState("day:2026-11-30", 1_000, 0, 600, 1, refused=True), "day:2026-11-30")
    assert await ledger.settle(call, 250)
    assert await _one(ledger) == BudgetState("day:2026-11-30", 1_000, 250, 0, 0, refused=True)
    assert isinstance(await ledger.reserve(_wanted(750), LEASE_S), list)
    stored: Any = await redis.hgetall("budget:{day:2026-11-30}")
    assert stored == {b"spent": b"250", b"reserved": b"750", b"refused": b"1000"}


async def test_each_step_may_be_repeated(ledger: BudgetLedger) -> None:
    call = _wanted(600)
    for _ in range(3):
        assert isinstance(await ledger.reserve(call, LEASE_S), list)
    assert (await _one(ledger)).reserved_nano == 600
    assert await ledger.settle(call, 100)
    assert not await ledger.settle(call, 100)
    assert await ledger.renew(call, LEASE_S) is None
    assert isinstance(await ledger.reserve(call, LEASE_S), list)  # late, and without effect
    assert await _one(ledger) == BudgetState("day:2026-11-30", 1_000, 100, 0, 0)


async def test_all_scopes_or_none(ledger: BudgetLedger) -> None:
    scopes = Spending(RUN, "job-search", "a session", budget_nano=500).scopes()
    assert [scope.name.partition(":")[0] for scope in scopes] == ["run", "session", "operation", "day"]
    first = _wanted(400, *scopes)
    states = await ledger.reserve(first, LEASE_S)
    assert isinstance(states, list)
    assert [state.limit_nano for state in states] == [500, None, None, 1_000]
    refused = await ledger.reserve(_wanted(200, *scopes), LEASE_S)
    assert isinstance(refused, Met)
    assert refused.scope == f"run:{RUN}"
    await ledger.set_limit(scope_of("operation:job-search"), 450)
    refused = await ledger.reserve(_wanted(60, *scopes[1:]), LEASE_S)
    assert isinstance(refused, Met)
    assert refused.scope == "operation:job-search"
    assert {state.reserved_nano for state in await ledger.read(scopes)} == {400}
    await ledger.settle(first, 333)
    assert {state.spent_nano for state in await ledger.read(scopes)} == {333}


async def test_what_a_dead_holder_reserved_is_free_again(ledger: BudgetLedger, redis: Redis) -> None:
    other = Scope("operation", "operation:x")
    dead = _wanted(900, DAY, other)
    await ledger.reserve(dead, LEASE_S)
    await _die(redis, dead)
    assert isinstance(await ledger.reserve(_wanted(900), LEASE_S), list)
    assert await _one(ledger) == BudgetState("day:2026-11-30", 1_000, 0, 900, 1)
    assert await _one(ledger, other) == BudgetState("operation:x", None, 0, 0, 0)


async def test_a_holder_that_was_thought_dead_still_books_what_it_spent(ledger: BudgetLedger, redis: Redis) -> None:
    slow = _wanted(900)
    await ledger.reserve(slow, LEASE_S)
    await _die(redis, slow)
    assert (await _one(ledger)).reserved_nano == 0
    assert await ledger.settle(slow, 700)
    assert await _one(ledger) == BudgetState("day:2026-11-30", 1_000, 700, 0, 0)


async def test_a_renewal_makes_a_freed_reservation_again(ledger: BudgetLedger, redis: Redis) -> None:
    slow = _wanted(900)
    await ledger.reserve(slow, LEASE_S)
    await _die(redis, slow)
    assert (await _one(ledger)).reserved_nano == 0
    assert await ledger.renew(slow, LEASE_S) is None
    assert await _one(ledger) == BudgetState("day:2026-11-30", 1_000, 0, 900, 1)


async def test_a_renewal_says_when_a_limit_is_met(ledger: BudgetLedger) -> None:
    call = _wanted(900)
    await ledger.reserve(call, LEASE_S)
    await ledger.set_limit(DAY, 500)
    assert await ledger.renew(call, LEASE_S) == BudgetState("day:2026-11-30", 500, 0, 900, 1)


async def test_calls_of_unknown_cost(redis: Redis) -> None:
    free = BudgetLedger(redis, {})
    assert isinstance(await free.reserve(_wanted(0), LEASE_S, "refuse"), list)
    limited = BudgetLedger(redis, {"day": 1_000})
    assert await limited.reserve(_wanted(0), LEASE_S, "refuse") == Met(None, "day:2026-11-30")
    allowed = _wanted(0)
    assert isinstance(await limited.reserve(allowed, LEASE_S, "allow"), list)
    await limited.settle(allowed, 1_000)
    refused = await limited.reserve(_wanted(0), LEASE_S, "allow")
    assert isinstance(refused, Met)
    assert refused.state is not None
    assert "nothing is left" in str(refused.state.exceeded())


async def test_a_limit_of_its_own_goes_before_the_default(ledger: BudgetLedger) -> None:
    assert (await ledger.set_limit(DAY, 50)).limit_nano == 50
    assert isinstance(await ledger.reserve(_wanted(51), LEASE_S), Met)
    assert (await ledger.set_limit(DAY, None)).limit_nano == 1_000
    assert isinstance(await ledger.reserve(_wanted(51), LEASE_S), list)
    run = Scope("run", f"run:{RUN}", 10)
    assert isinstance(await ledger.reserve(_wanted(11, run), LEASE_S), Met)
    await ledger.set_limit(run, 20)  # more, for a run that is on its way
    assert isinstance(await ledger.reserve(_wanted(11, run), LEASE_S), list)
    assert (await _one(ledger, Scope("run", f"run:{RUN}"))).limit_nano == 20


async def test_amounts_beyond_what_a_double_holds_stay_exact(redis: Redis) -> None:
    ledger = BudgetLedger(redis, {})
    much, little = _wanted(10**15 - 1), _wanted(1)
    for _ in range(20):
        await ledger.settle(much._replace(id=uuid.uuid4().hex), 10**15 - 1)
    await ledger.settle(little, 1)
    stored: Any = await redis.hget("budget:{day:2026-11-30}", "spent")
    assert int(stored) == 20 * (10**15 - 1) + 1


async def test_what_is_kept_expires(ledger: BudgetLedger, redis: Redis) -> None:
    scopes = Spending(RUN, "job-search", "s").scopes()
    call = _wanted(1, *scopes)
    await ledger.reserve(call, LEASE_S)
    await ledger.settle(call, 1)
    left = {scope.kind: await redis.ttl(f"budget:{{{scope.name}}}") for scope in scopes}
    assert left.pop("operation") == -1
    assert {kind: -(-seconds // 86_400) for kind, seconds in left.items()} == {"run": 1, "session": 30, "day": 40}
    assert 0 < await redis.ttl(f"budget:settled:{call.id}") <= 3_600


async def test_the_list_has_the_latest_and_forgets_what_expired(ledger: BudgetLedger, redis: Redis) -> None:
    for number in range(120):
        call = _wanted(1, Scope("run", f"run:{number:032x}"), Scope("operation", "operation:job-search"))
        await ledger.reserve(call, LEASE_S)
    listed = [state.scope for state in await ledger.listed()]
    assert listed[0] == "operation:job-search"
    assert len(listed) == 101
    assert f"run:{0:032x}" not in listed
    await redis.delete(f"budget:{{run:{119:032x}}}")
    assert f"run:{119:032x}" not in [state.scope for state in await ledger.listed()]


class Plan(NamedTuple):
    """What one of many calls at the same time does."""

    nano: int
    share: float
    dies: bool  # its holder is gone before it settles
    late: bool  # … and comes back after its reservation was freed
    again: bool  # the answer to a step is lost, and it is repeated
    session: int


plans = st.lists(
    st.builds(
        Plan,
        st.integers(0, 1_000), st.floats(0, 1), st.booleans(), st.booleans(), st.booleans(), st.integers(0, 1),
    ),
    min_size=20,
    max_size=20,
)  # fmt: skip
limits = st.one_of(st.none(), st.integers(0, 8_000))


@given(plans=plans, limits_nano=st.tuples(limits, limits, limits))
@settings(
    max_examples=40,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_any_interleaving_stays_within_every_limit(
    redis: Redis, plans: list[Plan], limits_nano: tuple[int | None, int | None, int | None]
) -> None:
    await redis.flushdb()
    ledger = BudgetLedger(redis, {"session": limits_nano[0], "operation": limits_nano[1], "day": limits_nano[2]})
    sessions = [Scope("session", f"session:{number}") for number in range(2)]
    shared = (Scope("operation", "operation:o"), DAY)
    everything = [*sessions, *shared]
    booked = dict.fromkeys((scope.name for scope in everything), 0)
    is_late = False

    async def check() -> None:
        for state in await ledger.read(everything):
            assert state.reserved_nano >= 0
            if state.limit_nano is not None and not is_late:
                assert state.spent_nano + state.reserved_nano <= state.limit_nano, state

    async def one(plan: Plan) -> None:
        nonlocal is_late
        call = _wanted(plan.nano, sessions[plan.session], *shared)
        if isinstance(await ledger.reserve(call, LEASE_S), Met):
            return
        await check()
        if plan.again:
            assert isinstance(await ledger.reserve(call, LEASE_S), list)
        if plan.dies:
            await _die(redis, call)
            if not plan.late:
                return
            is_late = True  # what it spends was given to others meanwhile
        for _ in range(1 + plan.again):
            await ledger.settle(call, int(plan.nano * plan.share))
        for scope in call.scopes:
            booked[scope.name] += int(plan.nano * plan.share)
        await check()

    await asyncio.gather(*(one(plan) for plan in plans))
    states = await ledger.read(everything)
    assert {state.scope: state.spent_nano for state in states} == booked
    assert all(state.reserved_nano == 0 and state.held == 0 for state in states)


async def test_on_a_cluster_the_scopes_of_a_call_share_a_slot(tmp_path: Path) -> None:
    with redis_cluster(tmp_path) as cluster:
        client = connect(cluster.url, max_connections=4, timeout_s=5)
        try:
            for is_first in (True, False):  # that it is a cluster is noticed by a script, or asked for by the list
                ledger = BudgetLedger(client, {"day": 1_000})
                if not is_first:
                    assert await ledger.listed()
                call = _wanted(100, *Spending(RUN, "job-search", "s").scopes())
                assert isinstance(await ledger.reserve(call, LEASE_S), list)
                assert isinstance(await ledger.reserve(_wanted(1_000, *call.scopes), LEASE_S), Met)
                assert await ledger.settle(call, 50)
                assert not await ledger.settle(call, 50)
                spent = 50 if is_first else 100
                assert {state.spent_nano for state in await ledger.listed()} == {spent}
            fresh = BudgetLedger(client, {})  # of a service that holds no call itself
            assert len(await fresh.listed()) == 4
        finally:
            await client.aclose()
