"""`WS /ws/queue`: the whole queue at first and after changes, by one reader for all who watch."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import orjson
from redis.asyncio import Redis
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from spantail_exporters.model import keys
from spantail_service.access.refusals import CLOSE_REFUSED
from spantail_service.jobs.queue import changes as queue_changes
from spantail_service.jobs.queue.job_queue import JobQueue
from spantail_service.routes.jobs import queue_socket
from spantail_service.web.schemas.queue import Queue, Runners
from tests.integration.service.harness import running_app
from tests.support.redis.faults import faulty_redis
from tests.support.service.served import Served, next_frame, served_app
from tests.support.waiting import eventually_async

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from spantail_service.jobs.queue.answers import Overview

SEARCH = {"operation": "job-search", "input": {"job_titles": ["python developer"]}}
BEARER = {"authorization": "Bearer correct-horse-battery-staple"}


def watch(service: Served, **options: Any) -> connect:
    return connect(f"ws://{service.address}/ws/queue", max_size=None, **options)


async def closed(socket: ClientConnection) -> int | None:
    """With what the service closes, once it does."""
    async with asyncio.timeout(20):
        try:
            while True:
                await socket.recv()
        except ConnectionClosed:
            return socket.close_code


async def frame_with(socket: ClientConnection, status: str) -> dict[str, Any]:
    """The next frame whose first item has this status."""
    while True:
        frame = await next_frame(socket)
        if frame["changed"] and frame["items"] and frame["items"][0]["status"] == status:
            return frame


async def test_the_queue_at_first_and_after_each_change(redis_url: str) -> None:
    async with served_app(redis_url) as service, service.client() as client, watch(service) as socket:
        first = await next_frame(socket)
        Queue.model_validate(first)
        assert (first["changed"], first["items"]) == (True, [])
        taken = (await client.post("/api/queue", json=SEARCH)).json()
        frame = await frame_with(socket, "pending")
        Queue.model_validate(frame)
        assert frame["version"] > first["version"]
        assert frame["items"][0]["run_id"] == taken["run_id"]
        await client.post(f"/api/queue/{taken['item_id']}/cancel")
        await frame_with(socket, "cancelled")
        polled = (await client.get("/api/queue")).json()
        async with watch(service) as other:
            assert await next_frame(other) == polled


async def test_without_changes_it_says_that_it_is_there(new_redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_socket, "HEARTBEAT_S", 0.05)
    async with served_app(new_redis_url) as service, watch(service) as socket:
        first = await next_frame(socket)
        assert await next_frame(socket) == {"version": first["version"], "changed": False}


async def test_all_who_watch_share_one_reader_and_one_subscription(
    new_redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings = 0
    overview = JobQueue.overview

    async def counted(self: JobQueue, limit: int = 100) -> Overview:
        nonlocal readings
        readings += 1
        return await overview(self, limit)

    monkeypatch.setattr(JobQueue, "overview", counted)
    async with (
        served_app(new_redis_url) as service,
        service.client() as client,
        AsyncExitStack() as stack,
        Redis.from_url(new_redis_url) as plain,
    ):
        sockets = [await stack.enter_async_context(watch(service)) for _ in range(20)]
        for socket in sockets:
            await next_frame(socket)
        ((_, subscribers),) = await plain.pubsub_numsub(keys.QUEUE_CHANNEL)
        assert subscribers == 1
        before = readings
        await client.post("/api/queue", json=SEARCH)
        version = (await client.get("/api/queue")).json()["version"]
        for socket in sockets:
            while (await next_frame(socket))["version"] < version:
                pass
        assert readings - before <= 2, "one for each version that was seen"


async def test_many_changes_are_few_frames(new_redis_url: str) -> None:
    async with served_app(new_redis_url) as service, watch(service) as socket, Redis.from_url(new_redis_url) as plain:
        await next_frame(socket)
        queue = JobQueue(plain)
        loop = asyncio.get_running_loop()
        began = loop.time()
        for number in range(300):
            await queue.enqueue("job-search", b"{}", item_id=f"{number}")
        frames = 1
        while (await next_frame(socket))["counts"]["pending"] < 300:
            frames += 1
        assert frames <= 2 + (loop.time() - began) / queue_changes._LEAST_S


async def test_who_may_not_look_is_told_so(new_redis_url: str) -> None:
    async with served_app(new_redis_url, token=BEARER["authorization"].split()[1]) as service:
        async with watch(service) as socket:
            assert await closed(socket) == CLOSE_REFUSED
        async with watch(service, additional_headers=BEARER) as socket:
            assert (await next_frame(socket))["changed"] is True


async def test_a_stop_sends_viewers_elsewhere(new_redis_url: str) -> None:
    async with served_app(new_redis_url) as service, watch(service) as socket:
        await next_frame(socket)
        service.services.queue_changes.stop_waiting()
        assert await closed(socket) == 1012
        async with watch(service) as late:
            assert await closed(late) == 1013


async def test_one_too_many_is_sent_away(new_redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_changes, "MAX_WATCHERS", 1)
    async with served_app(new_redis_url) as service, watch(service) as first:
        await next_frame(first)
        async with watch(service) as second:
            assert await closed(second) == 1013
        await first.close()
        await eventually_async(lambda: not service.services.queue_changes.watchers)
        async with watch(service) as third:
            assert (await next_frame(third))["changed"] is True


async def test_while_redis_is_away_nobody_is_told_that_nothing_changes(tmp_path: Path) -> None:
    with faulty_redis(tmp_path) as faulty:
        async with served_app(faulty.url) as service, watch(service) as socket:
            await next_frame(socket)
            faulty.kill()
            assert await closed(socket) == 1013
            async with watch(service) as other:
                assert await closed(other) == 1013


async def test_a_short_cut_is_not_noticed(tmp_path: Path) -> None:
    with faulty_redis(tmp_path) as faulty:
        async with served_app(faulty.url) as service, watch(service) as socket, Redis.from_url(faulty.url) as plain:
            await next_frame(socket)
            await plain.client_kill_filter(_type="pubsub")
            await JobQueue(plain).enqueue("job-search", b"{}", item_id="one")
            assert (await frame_with(socket, "pending"))["items"][0]["id"] == "one"


async def test_the_answer_to_runners_fits_its_model(redis_url: str) -> None:
    async with running_app(redis_url) as client:
        answer = await client.get("/api/runners")
    assert answer.status_code == 200
    Runners.model_validate_json(answer.content)
    assert orjson.loads(answer.content)["runners"] is not None
