"""The service's connections to Redis answer as redis-py's own do, only sooner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from spantail_service.storage.connect import connect

if TYPE_CHECKING:
    from redis.asyncio.client import Pipeline

_LARGE = b"x" * 300_000  # comes in several reads


def _ask(pipe: Pipeline) -> Pipeline:
    pipe.set("text", "a")
    pipe.get("text")
    pipe.get("nothing")
    pipe.lpush("text", "not a list")
    pipe.hgetall("nothing")
    pipe.set("large", _LARGE)
    pipe.get("large")
    pipe.execute_command("EVAL", "return {1, false, {}, {'a', redis.status_reply('b')}}", 0)
    pipe.execute_command("EVAL", "return redis.error_reply('TRYAGAIN later')", 0)
    pipe.incr("number")
    return pipe


def _said(replies: list[Any]) -> list[Any]:
    return [str(reply) if isinstance(reply, Exception) else reply for reply in replies]


@pytest.mark.parametrize("protocol", [2, 3])
async def test_replies_are_those_of_redis_py_in_their_order(redis_url: str, protocol: int) -> None:
    url = f"{redis_url}{'&' if '?' in redis_url else '?'}protocol={protocol}"
    async with connect(url, max_connections=2, timeout_s=5) as quick, Redis.from_url(url) as plain:
        expected = await _ask(plain.pipeline(transaction=False)).execute(raise_on_error=False)
        await plain.flushall()
        replies = await _ask(quick.pipeline(transaction=False)).execute(raise_on_error=False)
        assert _said(replies) == _said(expected)
        assert await quick.get("large") == _LARGE
        with pytest.raises(ResponseError, match="WRONGTYPE"):
            await quick.hget("text", "field")
        assert await quick.get("number") == b"1"


async def test_a_connection_that_breaks_is_not_used_again(redis_url: str) -> None:
    async with connect(redis_url, max_connections=1, timeout_s=5) as quick, Redis.from_url(redis_url) as plain:
        number = await quick.client_id()
        await plain.client_kill_filter(_id=str(number))
        assert await quick.set("text", "a")  # on another one
        pipe = quick.pipeline(transaction=False)
        pipe.get("text")
        pipe.execute_command("CLIENT", "KILL", "ID", await quick.client_id(), "SKIPME", "no")
        pipe.get("text")
        assert await pipe.execute() == [b"a", 0, b"a"]  # as a whole once more, on another one
