"""Wake-ups: whoever waits for a channel is told once its subscription stands, whatever happens on the way there."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from spantail_service.storage.wakeups import Listener, WakeUps
from tests.support.redis.faults import faulty_redis
from tests.support.waiting import eventually_async

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


class Reported(Listener):
    """Counts how often it was subscribed."""

    def __init__(self) -> None:
        super().__init__()
        self.subscriptions = 0

    def subscribed(self) -> None:
        self.subscriptions += 1


def _client(url: str) -> Redis:
    """A client that tries once more, as the service's does."""
    return Redis(connection_pool=BlockingConnectionPool.from_url(url, retry=Retry(NoBackoff(), 1)))


@asynccontextmanager
async def _cutting(port: int) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A way to Redis that cuts the first connection over which two SUBSCRIBEs have come, before Redis has seen them."""
    cuts: list[bytes] = []
    ways: list[asyncio.StreamWriter] = []

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_redis, to_redis = await asyncio.open_connection("127.0.0.1", port)
        ways.extend((writer, to_redis))
        back = asyncio.create_task(_pass(from_redis, writer))
        seen = b""
        with suppress(ConnectionError):
            while piece := await reader.read(65_536):
                seen += piece
                if cuts or b"SUBSCRIBE" not in seen:
                    to_redis.write(piece)
                elif seen.count(b"SUBSCRIBE") >= 2:
                    cuts.append(seen)
                    break
        to_redis.close()
        writer.transport.abort()
        await back

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], cuts
    finally:
        server.close()
        for way in ways:
            way.transport.abort()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while piece := await reader.read(65_536):
            writer.write(piece)


async def test_a_cut_between_a_subscription_and_its_answer(tmp_path: Path) -> None:
    with faulty_redis(tmp_path) as server:
        async with _cutting(server.port) as (port, cuts):
            redis = _client(f"redis://127.0.0.1:{port}/0")
            wakeups, reported = WakeUps(redis, 10), Reported()
            try:
                await wakeups.add("channel", reported)
                await eventually_async(lambda: reported.subscriptions, what="the subscription")
                assert cuts
            finally:
                await wakeups.close()
                await redis.aclose()


async def test_who_leaves_while_subscribing_leaves_nobody_behind(new_redis_url: str) -> None:
    redis = _client(new_redis_url)
    wakeups, first, hasty, patient = WakeUps(redis, 10), Reported(), Reported(), Reported()
    try:
        await wakeups.add("first", first)
        await eventually_async(lambda: first.subscriptions)
        async with wakeups._commands:  # as while another command is on its way
            leaving = asyncio.create_task(wakeups.add("channel", hasty))
            await eventually_async(lambda: "channel" in wakeups._targets)
            await wakeups.add("channel", patient)
            leaving.cancel()
            await asyncio.wait({leaving})
        await eventually_async(lambda: patient.subscriptions, what="the subscription of the one who stayed")
    finally:
        await wakeups.close()
        await redis.aclose()
