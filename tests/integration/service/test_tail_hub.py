"""The hub: one reader per watched run, any number of viewers, bounded memory, and polls from memory."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson
from redis.asyncio import Redis as AsyncRedis

from spantail_exporters.model import keys
from spantail_exporters.model.changes import Change
from spantail_exporters.model.limits import Limits
from spantail_exporters.model.run_script import SCRIPT
from spantail_service.storage.wakeups import Target, WakeUps
from spantail_service.tail import RunReader, TailHub
from spantail_service.tail.frame import FRAME_BYTES
from tests.integration.service.harness import OTHER_RUN, RUN, START, Writer
from tests.support.redis.faults import faulty_redis
from tests.support.service.served import Served, frames_of, next_frame, served_app
from tests.support.waiting import eventually_async

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    import redis


def reads(client: redis.Redis) -> int:
    """How often a tail was read."""
    stats: dict[str, Any] = client.info("commandstats")
    return int(stats.get("cmdstat_xrange", {"calls": 0})["calls"])


async def poll(service: Served, query: str = "", run_id: str = RUN) -> dict[str, Any]:
    async with service.client() as client:
        answer = await client.get(f"/api/logs/{run_id}{query}")
    assert answer.status_code == 200, answer.text
    frame: dict[str, Any] = answer.json()
    return frame


async def followed(service: Served, run_id: str = RUN) -> None:
    """Wait until polls of a run are answered from memory."""
    await poll(service, run_id=run_id)
    hub = service.services.hub
    await eventually_async(
        lambda: hub.frame_in_memory(run_id, 0, 1_000, None) or hub.frame_in_memory(run_id, 2, 1, None)
    )


async def test_one_viewer_more_costs_no_read(new_redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spantail_service.tail.feed.HEARTBEAT_S", 60.0)  # for which a run is read as well
    with Writer(new_redis_url) as writer:
        writer.lines(RUN, 500)
        async with served_app(new_redis_url) as service, contextlib.AsyncExitStack() as stack:
            first = await stack.enter_async_context(service.watch(RUN))
            await next_frame(first)
            sockets = [first]
            before = reads(writer.redis)
            for _ in range(20):
                sockets.append(await stack.enter_async_context(service.watch(RUN)))
                await next_frame(sockets[-1])
            assert reads(writer.redis) == before
            assert service.services.hub.viewers == 21
            assert service.services.hub.watched == 1
            await asyncio.to_thread(writer.lines, RUN, 1, first=500)
            for viewer in sockets:
                assert [event["seq"] for event in (await next_frame(viewer))["logs"]] == [500]
            assert reads(writer.redis) - before <= 4  # two commands a read, and one read more may be due
            subscribed = writer.redis.pubsub_numsub(keys.channel(RUN))
            assert subscribed == [(keys.channel(RUN).encode(), 1)]
        assert writer.redis.client_list(_type="pubsub") == []


async def test_polls_with_nothing_new_ask_nobody(new_redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spantail_service.tail.feed.HEARTBEAT_S", 60.0)  # for which a run is read as well
    with Writer(new_redis_url) as writer:
        writer.lines(RUN, 2)
        async with served_app(new_redis_url) as service:
            await followed(service)
            before = reads(writer.redis)
            frames = [await poll(service, "?since=2") for _ in range(10)]
            assert reads(writer.redis) == before
            assert all(frame["next_index"] == 2 for frame in frames)
            await asyncio.to_thread(writer.lines, RUN, 1, first=2)
            await eventually_async(partial(_has, service, 3))


async def _has(service: Served, next_index: int) -> Any:
    return (await poll(service))["next_index"] == next_index


async def test_first_polls_of_the_same_moment_follow_the_run_once(new_redis_url: str) -> None:
    with Writer(new_redis_url) as writer:
        writer.lines(RUN, 2)
        async with served_app(new_redis_url) as service:
            hub = service.services.hub
            frames = await asyncio.gather(*(hub.poll(RUN, 0, 10, None) for _ in range(5)))
            assert [frame.events for frame in frames] == [2] * 5
            feeds = [task for task in asyncio.all_tasks() if task.get_name() == f"spantail-feed-{RUN}"]
            assert len(feeds) == 1


async def test_the_quick_way_says_what_the_route_says(new_redis_url: str) -> None:
    with Writer(new_redis_url) as writer:
        writer.lines(RUN, 2)
        async with served_app(new_redis_url) as service, service.client() as client:
            await followed(service)
            epoch = (await poll(service))["epoch"]
            for query in (
                "?since=2", "?since=2&limit=1", "?since=1&limit=1", f"?since=2&epoch={epoch}", "?since=2&epoch=1",
                "?since=3", "?since=2&wait=0", "?limit=1",
            ):  # fmt: skip
                quick = await client.get(f"/api/logs/{RUN}{query}")
                # An unknown parameter is nobody's, but the quick way does not know that.
                route = await client.get(f"/api/logs/{RUN}{query}&x=1")
                assert quick.content == route.content, query
                kept = ("content-type", "cache-control", "content-security-policy", "x-content-type-options")
                assert [quick.headers[name] for name in kept] == [route.headers[name] for name in kept]
            for query in ("?since=-1", "?since=x", "?limit=0", "?limit=1001", "?since=1e3", "?wait=31"):
                assert (await client.get(f"/api/logs/{RUN}{query}")).status_code == 422
            document = (await client.get("/openapi.json")).json()
            assert "get" in document["paths"]["/api/logs/{run_id}"]


async def test_the_quick_way_wants_the_token_too(new_redis_url: str) -> None:
    with Writer(new_redis_url) as writer:
        writer.lines(RUN, 2)
    async with served_app(new_redis_url, token="s3cret") as service, service.client() as client:
        path, token = f"/api/logs/{RUN}?since=2", {"authorization": "Bearer s3cret"}
        hub = service.services.hub
        await client.get(path, headers=token)
        await eventually_async(lambda: hub.frame_in_memory(RUN, 2, 1, None))
        assert (await client.get(path, headers=token)).status_code == 200
        assert (await client.get(path)).status_code == 401
        assert (await client.get(path, headers={**token, "host": "evil.example"})).status_code == 421
        async with service.watch(RUN) as watching:
            assert await frames_of(watching) == []
            assert watching.close_code == 4401
        async with service.watch(RUN, additional_headers=token, origin="http://evil.example") as watching:
            assert await frames_of(watching) == []
            assert watching.close_code == 4401


async def test_a_reader_that_takes_nothing_costs_one_frame_and_is_told_to_resync(new_redis_url: str) -> None:
    limits = Limits(tail_cap=200)
    text = "x" * 20_000  # 40 MB in all: more than the kernel's buffers hold
    with Writer(new_redis_url) as writer:
        writer.lines(RUN, 1)
        async with served_app(new_redis_url) as service:
            hub = service.services.hub
            host, port = service.address.split(":")
            with socket.socket() as stuck:
                stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
                stuck.connect((host, int(port)))
                stuck.sendall(f"GET /api/runs/{RUN}/events HTTP/1.1\r\nHost: {service.address}\r\n\r\n".encode())
                await eventually_async(lambda: hub.viewers == 1)
                async with service.watch(RUN) as quick:
                    seen = (await next_frame(quick))["next_index"]
                    for first in range(1, 2_001, 100):
                        lines = [
                            orjson.dumps({"ts": START, "event": "log", "run_id": RUN, "message": text})
                            for _ in range(100)
                        ]
                        changes = [Change("", "", [event]) for event in lines]
                        await asyncio.to_thread(writer.write, RUN, changes, limits=limits)
                        while seen < first + 100:
                            frame = await next_frame(quick)
                            assert not frame["reset"]
                            assert frame["logs"][0]["seq"] == seen
                            seen = frame["next_index"]
                assert hub.cached_bytes < 400 * 21_000
                await eventually_async(lambda: hub.viewers == 1)
                stuck.settimeout(10)
                await asyncio.to_thread(_read_until, stuck, b'"reset":true')
            await eventually_async(lambda: hub.viewers == 0)


def _read_until(connection: socket.socket, wanted: bytes) -> None:
    text = b""
    while wanted not in text:
        piece = connection.recv(65_536)
        assert piece, "the stream ended"
        text = text[-len(wanted) :] + piece


async def test_memory_is_bounded_and_what_is_beyond_it_is_read_from_redis(new_redis_url: str) -> None:
    with Writer(new_redis_url) as writer:
        for run_id in (RUN, OTHER_RUN):
            writer.span(run_id)
            for first in range(0, 9_000, 1_000):
                writer.lines(run_id, 1_000, first=first)
            writer.span(run_id, end=START + 5)
    async with served_app(new_redis_url, tail_cache_bytes=1_048_576) as service:
        for run_id in (RUN, OTHER_RUN):
            async with service.watch(run_id) as watching:
                frames = await frames_of(watching)
                assert [e["seq"] for frame in frames for e in frame["logs"]] == list(range(9_002))
                assert watching.close_code == 1000
            assert service.services.hub.cached_bytes <= 1_048_576


async def test_frames_are_bounded_in_bytes_too(new_redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spantail_service.tail.frame.FRAME_BYTES", 1_000)
    with Writer(new_redis_url) as writer:
        writer.span(RUN)
        writer.lines(RUN, 50)
        writer.span(RUN, end=START + 5)
    async with served_app(new_redis_url) as service:
        async with service.watch(RUN) as watching:
            frames = await frames_of(watching)
        assert [e["seq"] for frame in frames for e in frame["logs"]] == list(range(52))
        assert len(frames) > 5
        back = await poll(service, "?before=30")
        assert back["logs"][-1]["seq"] == 29
        assert 0 < len(back["logs"]) < 10


async def test_a_page_of_large_events_reads_little_more_than_it_sends(new_redis_url: str) -> None:
    uniform = [100_000] * 300
    mixed = [10] * 60 + [100_000] * 100 + [10] * 600
    with Writer(new_redis_url) as writer:
        redis = AsyncRedis.from_url(new_redis_url)
        try:
            for run_id, sizes in ((RUN, uniform), (OTHER_RUN, mixed)):
                for first in range(0, len(sizes), 5):
                    lines = [
                        orjson.dumps({"ts": START, "event": "log", "run_id": run_id, "message": "x" * size})
                        for size in sizes[first : first + 5]
                    ]
                    writer.write(run_id, [Change("", "", [event]) for event in lines])
                read = await _most_read(writer, RunReader(redis), run_id, len(sizes))
                assert run_id == OTHER_RUN or read < 4 * FRAME_BYTES
            page = await RunReader(redis).page(OTHER_RUN, 160, 600)
            assert sum(count for _, count, _ in page.entries) == 600, "what is small comes in one page"
        finally:
            await redis.aclose()


async def _most_read(writer: Writer, reader: RunReader, run_id: str, events: int) -> int:
    """Page through a run and back, with every event once; answers what one page made Redis send at most."""

    def sent() -> int:
        stats: dict[str, Any] = writer.redis.info("stats")
        return int(stats["total_net_output_bytes"])

    most = seen = 0
    while seen < events:
        before = sent()
        frame = await reader.frame(run_id, seen, 1_000)
        most = max(most, sent() - before)
        assert [event["seq"] for event in orjson.loads(frame.body)["logs"]] == list(range(seen, frame.next_index))
        assert frame.next_index > seen
        seen = frame.next_index
    while seen:
        before = sent()
        logs = orjson.loads((await reader.frame_before(run_id, seen, 1_000)).body)["logs"]
        most = max(most, sent() - before)
        assert logs
        assert [event["seq"] for event in logs] == list(range(seen - len(logs), seen))
        seen -= len(logs)
    return most


async def test_viewers_who_come_at_once_keep_the_memory_bounded_too(new_redis_url: str) -> None:
    runs = [f"{number:032x}" for number in range(1, 9)]
    message = "x" * 2_000
    with Writer(new_redis_url) as writer:
        for run_id in runs:
            event = orjson.dumps({"ts": START, "event": "log", "run_id": run_id, "message": message})
            writer.write(run_id, [Change("", "", [event]) for _ in range(200)])
    async with served_app(new_redis_url, tail_cache_bytes=1_048_576) as service:
        hub = service.services.hub
        for run_id in runs:
            await hub.poll(run_id, 200, 10, None)  # followed from its head on

        async def view(run_id: str) -> int:
            async with hub.viewer(run_id, 0, None) as viewer:
                return (await viewer.next()).events

        assert await asyncio.gather(*map(view, runs)) == [200] * len(runs)
        assert 0 < hub.cached_bytes <= 1_048_576 // 2


async def test_a_run_is_drop_when_nobody_looks(new_redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spantail_service.tail.hub._TIDY_S", 0.1)
    with Writer(new_redis_url) as writer:
        writer.lines(RUN, 2)
        async with served_app(new_redis_url) as service:
            hub = service.services.hub
            async with service.watch(RUN) as watching:
                await next_frame(watching)
                assert hub.watched == 1
            await eventually_async(lambda: hub.watched == 0 and hub.cached_bytes == 0)
            await eventually_async(lambda: writer.redis.pubsub_numsub(keys.channel(RUN))[0][1] == 0)
            async with service.watch("f" * 32) as watching:
                await frames_of(watching)
            assert hub.watched == 0


class SlowToLeave(WakeUps):
    """Whoever leaves a channel waits until `go`."""

    def __init__(self, redis: AsyncRedis) -> None:
        super().__init__(redis, 10)
        self.leaving, self.go = asyncio.Event(), asyncio.Event()

    async def remove(self, channel: str, target: Target) -> None:
        self.leaving.set()
        await self.go.wait()
        await super().remove(channel, target)


async def test_a_stop_while_a_run_is_drop_ends(new_redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spantail_service.tail.hub._TIDY_S", 0.01)
    with Writer(new_redis_url) as writer:
        writer.lines(RUN, 1)
    async with AsyncRedis.from_url(new_redis_url) as redis:
        wakeups = SlowToLeave(redis)
        hub = TailHub(RunReader(redis), wakeups, max_viewers=10, cache_bytes=1_000_000)
        await hub.poll(RUN, 0, 1_000, None)
        await wakeups.leaving.wait()
        closing = asyncio.create_task(hub.close())  # by itself: what swallows one cancellation swallows a time-out too
        ended, _ = await asyncio.wait({closing}, timeout=5)
        wakeups.go.set()
        assert ended
        await wakeups.close()


async def test_a_run_that_somebody_is_about_to_watch_is_not_drop(tmp_path: Path) -> None:
    with faulty_redis(tmp_path) as server, Writer(server.url) as writer:
        writer.lines(RUN, 1)
        async with served_app(server.url) as service, contextlib.AsyncExitStack() as stack:
            hub = service.services.hub
            with server.hanging():
                opening = asyncio.create_task(stack.enter_async_context(hub.viewer(RUN, 0, None)))
                await eventually_async(lambda: hub.viewers == 1)
                for _ in range(3):
                    await hub._drop_unused()
            assert (await (await opening).next()).events == 1


async def test_a_frozen_redis_is_noticed_by_polls_and_viewers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spantail_service.tail.feed.GRACE_S", 0.2)
    monkeypatch.setattr("spantail_service.tail.feed.HEARTBEAT_S", 0.3)
    with faulty_redis(tmp_path) as server, Writer(server.url) as writer:
        writer.lines(RUN, 2)
        async with served_app(server.url, redis_timeout_s=0.5) as service, service.client() as client:
            await followed(service)
            async with service.watch(RUN, "?since=2") as watching:
                await next_frame(watching)
                with server.hanging():
                    await frames_of(watching)
                    assert watching.close_code == 1013
                    assert (await client.get(f"/api/logs/{RUN}?since=2")).status_code == 503
            await eventually_async(partial(_answers, client))


async def _answers(client: Any) -> Any:
    return (await client.get(f"/api/logs/{RUN}?since=2")).status_code == 200


async def test_a_run_that_vanishes_for_good_ends_its_viewers(
    new_redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spantail_service.tail.feed.VANISHED_GRACE_S", 0.3)
    monkeypatch.setattr("spantail_service.tail.feed.HEARTBEAT_S", 0.1)
    with Writer(new_redis_url) as writer:
        writer.lines(RUN, 2)
        async with served_app(new_redis_url) as service, service.watch(RUN) as watching:
            await next_frame(watching)
            writer.redis.delete(*keys.run_keys(RUN))
            await frames_of(watching)
            assert watching.close_code == 4410
            async with service.client() as client:
                assert (await client.get(f"/api/logs/{RUN}")).status_code == 410


async def test_another_life_of_a_run_resets_its_viewers(new_redis_url: str) -> None:
    with Writer(new_redis_url) as writer:
        writer.lines(RUN, 5)
        async with served_app(new_redis_url) as service, service.watch(RUN) as watching:
            old = await next_frame(watching)
            writer.redis.flushall()
            writer.redis.script_load(SCRIPT)
            await asyncio.to_thread(writer.lines, RUN, 2, first=100)
            frame = await next_frame(watching)
            while not frame["logs"]:
                frame = await next_frame(watching)
            assert frame["reset"] is True
            assert frame["epoch"] != old["epoch"]
            assert [event["message"] for event in frame["logs"]] == ["line 100", "line 101"]
            await asyncio.to_thread(writer.lines, RUN, 1, first=102)
            after = await next_frame(watching)
            assert (after["reset"], after["next_index"]) == (False, 3)


async def test_several_processes_and_many_cuts_miss_and_repeat_nothing(new_redis_url: str) -> None:
    """A reader that changes process and transport with every cut sees each event once."""
    with Writer(new_redis_url) as writer:
        writer.span(RUN)
        async with served_app(new_redis_url) as one, served_app(new_redis_url) as other:
            writing = asyncio.create_task(asyncio.to_thread(_write, writer, 300))
            seen: list[int] = []
            since, epoch, settled = 0, "", False
            for turn in range(10_000):
                service = (one, other)[turn % 2]
                place = f"?since={since}&epoch={epoch}" if epoch else f"?since={since}"
                if turn % 3 == 0:
                    frame = await poll(service, place + "&wait=1")
                else:
                    async with service.watch(RUN, place) as watching:
                        frame = orjson.loads(await watching.recv())
                        if not frame["logs"] and frame["expected_log_count"] is None:
                            frame = orjson.loads(await watching.recv())
                assert frame["reset"] is False
                seen += [event["seq"] for event in frame["logs"]]
                since, epoch = frame["next_index"], frame["epoch"]
                settled = frame["expected_log_count"] == since
                if settled:
                    break
            await writing
    assert settled
    assert seen == list(range(302))


def _write(writer: Writer, lines: int) -> None:
    for number in range(lines):
        writer.lines(RUN, 1, first=number)
    writer.span(RUN, end=START + 5)
