"""What a budget costs: reserving and settling in this process, and in Redis, in four scopes at once.

Beside the ledger's own steps stands a script that does nothing, on the same connection: what Redis and the way to it
take, whatever the script does.
"""

from __future__ import annotations

import asyncio
import statistics
import time
import uuid
from typing import TYPE_CHECKING

import uvloop

import spantail
from bench.support.servers import private_redis
from spantail_service.llm.budget.ledger import BudgetLedger, Reservation
from spantail_service.llm.budget.scopes import Spending
from spantail_service.storage.connect import connect

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from redis.asyncio import Redis

CALLS = 5_000
HELD = 1_000
"""Reservations that others hold in the same scopes meanwhile."""
BUDGET_MS = 0.5


def run(rounds: int = 1) -> dict[str, float]:
    """Measure and print; returns p50 and p99 in milliseconds by step."""
    figures: dict[str, float] = {}
    print(f"\nBudgets, {CALLS} calls one after the other, {HELD} others reserved")
    with private_redis() as redis_url:
        for _ in range(rounds):
            figures |= uvloop.run(_in_redis(redis_url))
    figures |= _in_process()
    return figures


async def _in_redis(redis_url: str) -> dict[str, float]:
    redis = connect(redis_url, max_connections=4, timeout_s=5)
    try:
        ledger = BudgetLedger(redis, {"day": 10**15, "run": 10**14})
        scopes = Spending("0" * 32, "job-search", "session").scopes()
        for _ in range(HELD):
            await ledger.reserve(Reservation(uuid.uuid4().hex, 1_000, scopes), 3_600)
        calls = [Reservation(uuid.uuid4().hex, 1_000, scopes) for _ in range(CALLS)]
        nothing = await _timed("a script that does nothing", lambda _: _nothing(redis), calls)
        reserve = await _timed("reserve in four scopes", lambda call: ledger.reserve(call, 3_600), calls, BUDGET_MS)
        settle = await _timed("settle in four scopes", lambda call: ledger.settle(call, 700), calls)
        print(f"  reserving takes {reserve['p50'] / nothing['p50']:.2f} times as long as a script that does nothing")
    finally:
        await redis.aclose()
    return {
        f"{name}.{cut}": ms for name, cuts in (("reserve", reserve), ("settle", settle)) for cut, ms in cuts.items()
    }


async def _nothing(redis: Redis) -> object:
    return await redis.execute_command("EVAL", "return 1", 0)  # type: ignore[no-untyped-call]


async def _timed(
    name: str,
    step: Callable[[Reservation], Awaitable[object]],
    calls: list[Reservation],
    budget_ms: float | None = None,
) -> dict[str, float]:
    took_ms = []
    for number, call in enumerate(calls):
        started_s = time.perf_counter()
        await step(call)
        took_ms.append((time.perf_counter() - started_s) * 1e3)
        if number % 100 == 0:
            await asyncio.sleep(0)
    return _shown(name, took_ms, budget_ms)


def _in_process() -> dict[str, float]:
    """An `llm_call` that is held to two budgets, beside the same call without any."""

    def call() -> None:
        with spantail.llm_call(backend="openai", model="gpt-4o-mini", input_tokens=1_000, max_tokens=100) as one:
            one.cost(1e-9)

    def took_ms() -> list[float]:
        found = []
        for _ in range(CALLS):
            started_s = time.perf_counter()
            call()
            found.append((time.perf_counter() - started_s) * 1e3)
        return found

    with spantail.budget(usd=1000):  # the price table is loaded by the first one
        call()
    bare = _shown("llm_call without a budget", took_ms())
    with spantail.budget(usd=1000), spantail.budget(usd=1000):
        held = _shown("llm_call within two budgets", took_ms(), BUDGET_MS)
    print(f"  two budgets add {(held['p50'] - bare['p50']) * 1e3:.0f} µs to a call")
    return {f"in process.{cut}": ms for cut, ms in held.items()}


def _shown(name: str, took_ms: list[float], budget_ms: float | None = None) -> dict[str, float]:
    cuts = statistics.quantiles(took_ms, n=100)
    limit = "" if budget_ms is None else f"   (budget {budget_ms:g})"
    print(f"  {name:28} p50 {cuts[49]:7.3f} ms   p99 {cuts[98]:7.3f} ms{limit}")
    return {"p50": cuts[49], "p99": cuts[98]}
