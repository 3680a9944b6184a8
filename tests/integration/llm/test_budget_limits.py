"""The chain under budgets in Redis: what a run may spend, across calls, runs and processes that share the ledger."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal

import pytest
from redis.asyncio import Redis

from spantail import BudgetError, BudgetExceededError, WorstCaseUnknownError
from spantail_service.llm import (
    BackendError,
    ChainError,
    Completion,
    LlmChain,
    Message,
    OnText,
    Tier,
)
from spantail_service.llm.budget.ledger import BudgetLedger, BudgetState, Reservation
from spantail_service.llm.budget.limits import BudgetLimits
from spantail_service.llm.budget.scopes import scope_of, scopes_here
from tests.support.redis.faults import faulty_redis
from tests.support.waiting import eventually_async

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from spantail import LlmCall

pytestmark = pytest.mark.anyio

ASK: list[Message] = [{"role": "user", "content": "hi"}]
RUN = "0af7651916cd43dd8448eb211c80319c"
MODEL, INPUT_NANO, OUTPUT_NANO = "gpt-4o-mini", 150, 600
MAX_TOKENS = 1_000
WORST_NANO = 81 * INPUT_NANO + MAX_TOKENS * OUTPUT_NANO
"""Of `ASK`: a token for each of 17 bytes, and what is added around messages."""


class Asked:
    """A backend that takes its time, and uses what it is told."""

    provider = "openai"
    streams = False

    def __init__(
        self, *, model: str = MODEL, output_tokens: int | None = 100, error: BackendError | None = None
    ) -> None:
        self.name = "langchain"
        self.asked = 0
        self.go_on = asyncio.Event()
        self.go_on.set()
        self._model = model
        self._output_tokens = output_tokens
        self._error = error

    def model_for(self, tier: Tier) -> str:
        del tier
        return self._model

    async def prepare(self) -> None:
        """Nothing to prepare."""

    async def complete(
        self, messages: Sequence[Message], *, tier: Tier, max_tokens: int, call: LlmCall, on_text: OnText
    ) -> Completion:
        del messages, tier, max_tokens, on_text
        self.asked += 1
        await self.go_on.wait()
        if self._error is not None:
            raise self._error
        if self._output_tokens is not None:
            call.usage(input_tokens=10, output_tokens=self._output_tokens)
        return Completion("yes")


USED_NANO = 10 * INPUT_NANO + 100 * OUTPUT_NANO


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def ledger(redis: Redis) -> BudgetLedger:
    return BudgetLedger(redis, {})


@pytest.fixture
async def limits(ledger: BudgetLedger) -> AsyncIterator[BudgetLimits]:
    made = BudgetLimits(ledger)
    yield made
    await made.close()


def _chain(limits: BudgetLimits, *backends: Asked) -> LlmChain:
    return LlmChain(backends, concurrency=50, timeout_s=30, limits=limits)


async def _ask(chain: LlmChain) -> str:
    return (await chain.ask(ASK, str, name="ask", max_tokens=MAX_TOKENS)).value


async def _state(ledger: BudgetLedger, name: str) -> BudgetState:
    (state,) = await ledger.read([scope_of(name)])
    return state


async def test_an_attempt_reserves_its_worst_case_and_books_its_cost(
    limits: BudgetLimits, ledger: BudgetLedger
) -> None:
    backend = Asked()
    backend.go_on.clear()
    async with limits.of_run(RUN, "job-search", session_id="s"):
        day = scopes_here()[-1].name
        call = asyncio.create_task(_ask(_chain(limits, backend)))
        await eventually_async(lambda: backend.asked == 1)
        names = [f"run:{RUN}", "session:s", "operation:job-search", day]
        for name in names:
            state = await _state(ledger, name)
            assert (state.spent_nano, state.reserved_nano, state.held) == (0, WORST_NANO, 1)
        backend.go_on.set()
        await call
        for name in names:
            state = await _state(ledger, name)
            assert (state.spent_nano, state.reserved_nano, state.held) == (USED_NANO, 0, 0)


async def test_twenty_calls_at_once_stay_within_the_limit_of_the_run(
    limits: BudgetLimits, ledger: BudgetLedger
) -> None:
    backend = Asked(output_tokens=MAX_TOKENS)
    backend.go_on.clear()
    chain = _chain(limits, backend)
    async with limits.of_run(RUN, "job-search", limit_usd=(4 * WORST_NANO + 1) / 1e9):
        calls = [asyncio.create_task(_ask(chain)) for _ in range(20)]
        await eventually_async(lambda: sum(call.done() for call in calls) == 16)
        assert backend.asked == 4
        backend.go_on.set()
        done = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(one, BudgetExceededError) for one in done) == 16
    state = await _state(ledger, f"run:{RUN}")
    assert (state.limit_nano, state.reserved_nano) == (4 * WORST_NANO + 1, 0)
    assert state.spent_nano <= 4 * WORST_NANO


async def test_two_processes_share_what_is_left_of_the_day(redis: Redis) -> None:
    ledger = BudgetLedger(redis, {"day": WORST_NANO})
    first, second = BudgetLimits(ledger), BudgetLimits(BudgetLedger(redis, {"day": WORST_NANO}))
    backend, other = Asked(), Asked()
    backend.go_on.clear()
    call = asyncio.create_task(_ask(_chain(first, backend)))
    await eventually_async(lambda: backend.asked == 1)
    with pytest.raises(BudgetExceededError, match="is met"):
        await _ask(_chain(second, other))
    assert other.asked == 0
    backend.go_on.set()
    await call


async def test_a_cheaper_backend_may_fit(ledger: BudgetLedger, limits: BudgetLimits) -> None:
    dear, cheap = Asked(model="gpt-4o"), Asked()
    async with limits.of_run(RUN, "o", limit_usd=2 * WORST_NANO / 1e9):
        answer = await _chain(limits, dear, cheap).ask(ASK, str, name="ask", max_tokens=MAX_TOKENS)
    assert (answer.model, dear.asked, cheap.asked) == (MODEL, 0, 1)
    assert (await _state(ledger, f"run:{RUN}")).spent_nano == USED_NANO


async def test_what_failed_attempts_count(ledger: BudgetLedger, limits: BudgetLimits) -> None:
    async with limits.of_run(RUN, "o"):
        refused = Asked(error=BackendError("rate_limited", "too many"))
        with pytest.raises(ChainError):
            await _ask(_chain(limits, refused))
        assert (await _state(ledger, f"run:{RUN}")).spent_nano == 0
        broken = Asked(error=BackendError("timeout", "no answer"))
        with pytest.raises(ChainError):
            await _ask(_chain(limits, broken))
        assert (await _state(ledger, f"run:{RUN}")).spent_nano == WORST_NANO
        await _ask(_chain(limits, Asked(output_tokens=None)))  # says nothing of what it used
        assert (await _state(ledger, f"run:{RUN}")).spent_nano == 2 * WORST_NANO


async def test_a_cancelled_call_counts_with_its_worst_case(ledger: BudgetLedger, limits: BudgetLimits) -> None:
    backend = Asked()
    backend.go_on.clear()
    async with limits.of_run(RUN, "o"):
        call = asyncio.create_task(_ask(_chain(limits, backend)))
        await eventually_async(lambda: backend.asked == 1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    state = await _state(ledger, f"run:{RUN}")
    assert (state.spent_nano, state.reserved_nano) == (WORST_NANO, 0)


async def test_a_model_without_a_price(ledger: BudgetLedger, limits: BudgetLimits) -> None:
    backend = Asked(model="house-model")
    async with limits.of_run(RUN, "o"):
        await _ask(_chain(limits, backend))  # nobody has set a limit
    async with limits.of_run("b" * 32, "o", limit_usd=1):
        with pytest.raises(WorstCaseUnknownError, match=r"no price is known for house-model.*has a limit"):
            await _ask(_chain(limits, backend))
        await _ask(_chain(BudgetLimits(ledger, unpriced="allow"), backend))
    assert backend.asked == 2


async def test_demo_work_has_a_day_of_its_own(ledger: BudgetLedger) -> None:
    demo = BudgetLimits(ledger, demo=True)
    async with demo.of_run(RUN, "o"):
        await _ask(_chain(demo, Asked()))
        names = [scope.name for scope in scopes_here()]
    assert [name for name in names if name.endswith(":demo")] == names[1:]
    listed = {state.scope: state.spent_nano for state in await ledger.listed()}
    assert listed == dict.fromkeys(names, USED_NANO)


@pytest.mark.parametrize("at_limit", ["finish", "stop"])
async def test_calls_that_run_when_a_limit_is_met(
    ledger: BudgetLedger, redis: Redis, at_limit: Literal["finish", "stop"]
) -> None:
    limits = BudgetLimits(ledger, renew_s=0.02 if at_limit == "finish" else None, at_limit=at_limit)
    backend = Asked()
    backend.go_on.clear()
    run = scope_of(f"run:{RUN}")

    async def leases() -> object:
        return await redis.zrange(f"budget:{{{run.name}}}:held", 0, -1, withscores=True)

    async with limits.of_run(RUN, "o"):
        call = asyncio.create_task(_ask(_chain(limits, backend)))
        await eventually_async(lambda: backend.asked == 1)
        await ledger.set_limit(run, 10)
        if at_limit == "stop":
            with pytest.raises(BudgetExceededError, match="the budget"):
                async with asyncio.timeout(4):
                    await call
        else:
            before = await leases()

            async def is_renewed() -> object:
                return await leases() != before

            await eventually_async(is_renewed)  # type: ignore[arg-type]  # mypy finds no T in a coroutine
            backend.go_on.set()
            assert await call == "yes"
    state = await _state(ledger, run.name)
    assert (state.spent_nano, state.reserved_nano) == (WORST_NANO if at_limit == "stop" else USED_NANO, 0)


async def test_redis_away_refuses_where_there_is_a_limit_and_books_when_it_is_back(tmp_path: Path) -> None:
    with faulty_redis(tmp_path) as server:
        async with Redis.from_url(server.url, socket_timeout=1) as client:
            ledger = BudgetLedger(client, {})
            limits = BudgetLimits(ledger)
            backend = Asked()
            backend.go_on.clear()
            async with limits.of_run(RUN, "o"):
                call = asyncio.create_task(_ask(_chain(limits, backend)))
                await eventually_async(lambda: backend.asked == 1)
                await asyncio.to_thread(server.kill)
                backend.go_on.set()
                assert await call == "yes"  # it is booked later
                assert await _ask(_chain(limits, Asked())) == "yes"  # without a limit: booked later too
            limited = BudgetLimits(ledger)
            async with limited.of_run("b" * 32, "o", limit_usd=1):
                with pytest.raises(BudgetError, match="could not be checked"):
                    await _ask(_chain(limited, Asked()))
            await asyncio.to_thread(server.start)
            await limits.close(20)
            assert (await _state(ledger, f"run:{RUN}")).spent_nano == 2 * USED_NANO


async def test_a_reservation_that_may_have_been_made_is_given_back(ledger: BudgetLedger, redis: Redis) -> None:
    class Slow(BudgetLedger):
        async def reserve(self, wanted: Reservation, lease_s: float, unknown: object = "known") -> list[BudgetState]:
            await super().reserve(wanted, lease_s)
            await asyncio.Event().wait()  # the answer does not come
            raise AssertionError

    async def is_held() -> object:
        return (await _state(ledger, f"run:{RUN}")).held

    limits = BudgetLimits(Slow(redis, {}))
    async with limits.of_run(RUN, "o"):
        call = asyncio.create_task(_ask(_chain(limits, Asked())))
        await eventually_async(is_held)  # type: ignore[arg-type]  # mypy finds no T in a coroutine
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    await limits.close()
    state = await _state(ledger, f"run:{RUN}")
    assert (state.spent_nano, state.reserved_nano) == (0, 0)
