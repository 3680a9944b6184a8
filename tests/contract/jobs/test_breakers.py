"""`GET /api/breakers` and its metric, from what attempts have left in Redis."""

from __future__ import annotations

from redis.asyncio import Redis

from spantail_service.llm import BackendError
from spantail_service.llm.breaker import SharedBreaker
from spantail_service.llm.breaker.shared import BreakerRules
from tests.integration.service.harness import running_app

RULES = BreakerRules(failures=1, open_s=60, missing_s=300, trial_s=30, max_wait_s=5)


async def test_open_missing_and_closed_circuits(new_redis_url: str) -> None:
    async with Redis.from_url(new_redis_url) as redis:
        breaker = SharedBreaker(redis, RULES, place="alpha/1")
        for backend, error in (
            ("claude_cli", BackendError("not_installed", "no such command")),
            ("langchain", None),
            ("openrouter", BackendError("overloaded", "later")),
        ):
            async with breaker.admit(backend, "m") as permit:
                await (permit.succeeded() if error is None else permit.failed(error))
    async with running_app(new_redis_url) as client:
        answer = (await client.get("/api/breakers")).json()["breakers"]
        metrics = (await client.get("/metrics")).text
    assert [(each["backend"], each["state"], each["reason"], each["missing_on"]) for each in answer] == [
        ("claude_cli", "open", "not_installed", ["alpha"]),
        ("langchain", "closed", None, []),
        ("openrouter", "open", "overloaded", []),
    ]
    assert [each["until"] is not None for each in answer] == [True, False, True]
    assert [each["failures"] for each in answer] == [0, 0, 1]
    assert 'spantail_llm_circuit_open{backend="claude_cli",model="m"} 1.0' in metrics
    assert 'spantail_llm_circuit_open{backend="langchain",model="m"} 0.0' in metrics
