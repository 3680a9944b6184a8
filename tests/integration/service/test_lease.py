"""One holder at a time: a lease is taken, held for longer, given back, and expires when its holder is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from redis.asyncio import Redis

from spantail_service.storage.lease import Lease

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

KEY = "test:lease"
LONG_MS = 60_000


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as client:
        yield client


async def _ask(redis: Redis, command: tuple[str | int, ...]) -> Any:
    return await redis.execute_command(*command)  # type: ignore[no-untyped-call]


async def test_the_first_one_holds_it_until_it_is_given_back(redis: Redis) -> None:
    first, second = Lease(KEY), Lease(KEY)
    assert await _ask(redis, first.claim(LONG_MS)) == 1
    assert await _ask(redis, second.claim(LONG_MS)) == 0
    assert await _ask(redis, first.claim(LONG_MS)) == 1, "its holder holds it for longer"
    assert await _ask(redis, second.release()) == 0, "only its holder gives it back"
    assert await _ask(redis, first.release()) == 1
    assert await _ask(redis, second.claim(LONG_MS)) == 1


async def test_each_claim_counts_from_then_on(redis: Redis) -> None:
    lease = Lease(KEY, "me")
    await _ask(redis, lease.claim(1_000))
    await _ask(redis, lease.claim(LONG_MS))
    assert await redis.get(KEY) == b"me"
    assert 1_000 < await redis.pttl(KEY) <= LONG_MS


async def test_it_passes_on_when_its_holder_is_gone(redis: Redis) -> None:
    await _ask(redis, Lease(KEY).claim(LONG_MS))
    await redis.pexpire(KEY, 0)
    assert await _ask(redis, Lease(KEY).claim(LONG_MS)) == 1
