"""A stop ends everything that somebody holds open, at once and cleanly."""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import httpx
import pytest
from websockets.asyncio.client import connect

from tests.integration.service.harness import RUN, Writer, spantail_process
from tests.support.service.served import frames_of, next_frame

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

READY_S = 90
SHUTDOWN_S = 60
CLOSED_S = 15.0
"""A stop that waits for viewers to leave by themselves takes 30 s, half of `SPANTAIL_SHUTDOWN_S`."""


async def _rest(stream: AsyncIterator[str]) -> str:
    """What is still said; a connection that is cut in the middle of an answer is an error of httpx."""
    return "".join([text async for text in stream])


@pytest.mark.parametrize("workers", [1, 2])
async def test_every_kind_of_viewer_is_sent_home(new_redis_url: str, workers: int) -> None:
    with Writer(new_redis_url) as writer:
        writer.lines(RUN, 1)
    command = ("serve", "--port", "0", "--redis-url", new_redis_url, "--workers", str(workers))
    with spantail_process(*command, SPANTAIL_SHUTDOWN_S=str(SHUTDOWN_S)) as service:
        await asyncio.to_thread(service.await_ready, READY_S)
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(httpx.AsyncClient(base_url=service.url, timeout=30))
            socket = await stack.enter_async_context(
                connect(f"{service.url.replace('http', 'ws', 1)}/ws/runs/{RUN}/logs")
            )
            await next_frame(socket)
            streams = []
            for path, first in ((f"/api/runs/{RUN}/events", "event: frame"), ("/api/runs/events", ": watching")):
                answer = await stack.enter_async_context(client.stream("GET", path))
                streams.append(answer.aiter_text())
                assert first in await anext(streams[-1])
            long_poll = asyncio.create_task(client.get(f"/api/logs/{RUN}?since=1&wait=30"))
            viewers = "spantail_viewers 3.0"
            async with asyncio.timeout(10):
                while viewers not in (await client.get("/metrics")).text:
                    pass

            service.process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(CLOSED_S):
                await frames_of(socket)
                rests = [await _rest(stream) for stream in streams]
                polled = (await long_poll).json()
            assert socket.close_code == 1012
            assert not any("event: end" in rest for rest in rests)  # without it a browser comes again
            assert polled["logs"] == []
        assert await asyncio.to_thread(service.ended) == 0
        assert "Traceback" not in service.output
