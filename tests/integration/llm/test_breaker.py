"""The circuit breaker on real Redis: when it opens, who may try, and what it says of itself."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from spantail_exporters.model import keys
from spantail_service.llm import BackendError, Reason
from spantail_service.llm.breaker import SharedBreaker, all_circuits
from spantail_service.llm.breaker.shared import BreakerRules
from spantail_service.storage.connect import connect
from tests.support.redis.faults import redis_cluster

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from redis.asyncio import Redis

RULES = BreakerRules(failures=3, open_s=60, missing_s=300, trial_s=30, max_wait_s=5)
WHO = ("claude_cli", "claude-sonnet-4-5")


@asynccontextmanager
async def redis_at(url: str) -> AsyncIterator[Redis]:
    redis = connect(url, max_connections=8, timeout_s=2)
    try:
        yield redis
    finally:
        await redis.aclose()


async def fail(breaker: SharedBreaker, reason: Reason = "timeout", *, retry_after_s: float | None = None) -> None:
    async with breaker.admit(*WHO) as permit:
        await permit.failed(BackendError(reason, "no", retry_after_s=retry_after_s))


async def answer(breaker: SharedBreaker) -> None:
    async with breaker.admit(*WHO) as permit:
        await permit.succeeded()


async def refusal(breaker: SharedBreaker) -> BackendError | None:
    """Why an attempt is not admitted now; None when it is."""
    try:
        async with breaker.admit(*WHO):
            return None
    except BackendError as error:
        return error


async def pass_time(redis: Redis) -> None:
    """The time for which it is open is over."""
    await redis.hset(keys.breaker(*WHO), "until", "1")


async def test_it_opens_after_failures_in_a_row(redis_url: str) -> None:
    async with redis_at(redis_url) as redis:
        one, other = (SharedBreaker(redis, RULES, place=place) for place in ("host/1", "host/2"))
        await fail(one)
        await fail(other)
        await answer(one)
        for _ in range(2):
            await fail(one)
        assert await refusal(other) is None
        await fail(other, "server_error")
        for breaker in (one, other):
            refused = await refusal(breaker)
            assert refused is not None
            assert refused.reason == "circuit_open"
            assert "it failed before: server_error" in str(refused)
        (circuit,) = await all_circuits(redis)
        assert (circuit.backend, circuit.model, circuit.state) == (*WHO, "open")
        assert (circuit.failures, circuit.reason) == (3, "server_error")
        assert circuit.opened is not None
        assert circuit.until == circuit.opened + 60_000_000


async def test_one_attempt_at_a_time_finds_out_whether_it_works_again(redis_url: str) -> None:
    async with redis_at(redis_url) as redis:
        breakers = [SharedBreaker(redis, RULES, place=f"host/{number}") for number in range(8)]
        for _ in range(3):
            await fail(breakers[0])
        await pass_time(redis)
        assert [each.state for each in await all_circuits(redis)] == ["half_open"]
        refused: list[str] = []
        gate = asyncio.Event()

        async def attempt(breaker: SharedBreaker) -> str:
            try:
                async with breaker.admit(*WHO) as permit:
                    await gate.wait()
                    await permit.succeeded()
            except BackendError as error:
                refused.append(error.reason)
                if len(refused) == len(breakers) - 1:
                    gate.set()
                return error.reason
            return "answered"

        outcomes = await asyncio.gather(*map(attempt, breakers))
        assert sorted(outcomes) == ["answered"] + ["circuit_open"] * 7
        assert await refusal(breakers[5]) is None
        (circuit,) = await all_circuits(redis)
        assert (circuit.state, circuit.failures, circuit.reason, circuit.until) == ("closed", 0, None, None)


async def test_a_trial_that_fails_opens_it_again_and_one_given_up_lets_the_next_try(redis_url: str) -> None:
    async with redis_at(redis_url) as redis:
        breaker = SharedBreaker(redis, RULES)
        for _ in range(3):
            await fail(breaker)
        await pass_time(redis)
        with contextlib.suppress(asyncio.CancelledError):
            async with breaker.admit(*WHO):
                raise asyncio.CancelledError
        await fail(breaker)  # the next one may try
        assert await refusal(breaker) is not None
        (circuit,) = await all_circuits(redis)
        assert circuit.state == "open"


async def test_a_trial_whose_process_died_blocks_nobody_for_long(redis_url: str) -> None:
    async with redis_at(redis_url) as redis:
        breaker = SharedBreaker(redis, RULES)
        for _ in range(3):
            await fail(breaker)
        await pass_time(redis)
        dead = breaker.admit(*WHO)
        await dead.__aenter__()
        assert await refusal(breaker) is not None
        await pass_time(redis)
        assert await refusal(breaker) is None
        await dead.__aexit__(None, None, None)


@pytest.mark.parametrize("reason", ["bad_request", "bad_response"])
async def test_an_answer_of_no_use_is_an_answer(new_redis_url: str, reason: Reason) -> None:
    async with redis_at(new_redis_url) as redis:
        breaker = SharedBreaker(redis, RULES)
        for _ in range(2):
            await fail(breaker)
        await fail(breaker, reason)
        await fail(breaker)
        assert await refusal(breaker) is None


async def test_a_wrong_key_opens_it_at_once(new_redis_url: str) -> None:
    async with redis_at(new_redis_url) as redis:
        breaker = SharedBreaker(redis, RULES)
        await fail(breaker, "auth")
        assert await refusal(breaker) is not None


async def test_a_provider_that_says_until_when_is_believed(redis_url: str) -> None:
    async with redis_at(redis_url) as redis:
        breaker = SharedBreaker(redis, RULES)
        await fail(breaker, "rate_limited", retry_after_s=4)  # short: the chain waits for it
        assert await refusal(breaker) is None
        await answer(breaker)
        late = breaker.admit(*WHO)
        permit = await late.__aenter__()
        await fail(breaker, "rate_limited", retry_after_s=90)
        (circuit,) = await all_circuits(redis)
        assert circuit.opened is not None
        assert circuit.until == circuit.opened + 90_000_000
        await permit.failed(BackendError("rate_limited", "later", retry_after_s=10_000_000))
        await late.__aexit__(None, None, None)
        (circuit,) = await all_circuits(redis)
        assert circuit.opened is not None
        assert circuit.until is not None
        assert 3_600_000_000 <= circuit.until - circuit.opened <= 3_660_000_000, "an hour at most"


async def test_what_is_not_installed_is_looked_for_once_at_each_place(redis_url: str) -> None:
    async with redis_at(redis_url) as redis:
        here, beside, elsewhere = (SharedBreaker(redis, RULES, place=place) for place in ("a/1", "a/1", "b/1"))
        await fail(here, "not_installed")
        refused = await refusal(beside)
        assert refused is not None
        assert refused.reason == "not_installed"
        assert await refusal(elsewhere) is None
        (circuit,) = await all_circuits(redis)
        assert (circuit.state, circuit.reason, circuit.missing_on) == ("open", "not_installed", ["a"])
        await redis.hset(keys.breaker(*WHO), "missing:a/1", "1")
        await answer(here)
        (circuit,) = await all_circuits(redis)
        assert (circuit.state, circuit.missing_on) == ("closed", [])


async def test_a_backend_that_works_costs_no_writes(new_redis_url: str) -> None:
    async with redis_at(new_redis_url) as redis:
        breaker = SharedBreaker(redis, RULES)
        await answer(breaker)
        before = await redis.hgetall(keys.breaker(*WHO))
        await answer(breaker)
        assert await redis.hgetall(keys.breaker(*WHO)) == before
        assert [each.state for each in await all_circuits(redis)] == ["closed"]
        assert 0 < await redis.pttl(keys.breaker(*WHO)) <= 86_400_000


async def test_without_redis_everybody_is_admitted_and_redis_left_alone_for_a_while(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now_s = 0.0
    async with redis_at("redis://127.0.0.1:9") as redis:
        breaker = SharedBreaker(redis, RULES, clock=lambda: now_s)
        for _ in range(5):
            await fail(breaker)
        assert len(caplog.records) == 1
        now_s = 6.0
        await fail(breaker)
        assert len(caplog.records) == 2
        with pytest.raises(RedisConnectionError):
            await all_circuits(redis)


@pytest.mark.xdist_group("redis-cluster")
async def test_it_works_on_a_cluster(tmp_path: Path) -> None:
    with redis_cluster(tmp_path) as cluster:
        await _check_on(cluster.url)


async def _check_on(url: str) -> None:
    async with redis_at(url) as redis:
        breaker = SharedBreaker(redis, RULES)
        for _ in range(3):
            await fail(breaker)
        assert await refusal(breaker) is not None
        async with breaker.admit("langchain", "gpt-4o") as permit:
            await permit.succeeded()
        assert [each.state for each in await all_circuits(redis)] == ["open", "closed"]
