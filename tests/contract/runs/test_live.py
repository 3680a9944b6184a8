"""`WS /ws/runs/{run_id}/logs` and `GET /api/runs/{run_id}/events`: the poll's frames, pushed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson

from spantail_exporters.model import keys
from spantail_exporters.model.limits import Limits
from spantail_service.tail import feed
from tests.integration.service.harness import OTHER_RUN, RUN, START, Writer, line
from tests.support.service.served import Served, frames_of, next_frame, served_app

if TYPE_CHECKING:
    import httpx
    import pytest


def whole_run(writer: Writer, lines: int = 3) -> int:
    """A run from its start to its end; answers how many events it has."""
    writer.span(RUN)
    writer.lines(RUN, lines)
    return writer.span(RUN, end=START + 5)


def seqs(frames: list[dict[str, Any]]) -> list[int]:
    return [event["seq"] for frame in frames for event in frame["logs"]]


async def closed_with(service: Served, run_id: str, query: str = "") -> tuple[int, str]:
    async with service.watch(run_id, query) as socket:
        await frames_of(socket)
        assert socket.close_code is not None
        return socket.close_code, socket.close_reason or ""


async def test_a_frame_is_byte_for_byte_what_a_poll_answers(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        whole_run(writer)
    async with served_app(redis_url) as service:
        async with service.watch(RUN) as socket:
            pushed = await socket.recv()
        async with service.client() as client:
            polled = await client.get(f"/api/logs/{RUN}")
            streamed = await client.get(f"/api/runs/{RUN}/events")
    assert pushed == polled.text
    assert f"data: {polled.text}\n\n" in streamed.text


async def test_history_first_then_live_then_the_final_frame_and_1000(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        writer.span(RUN)
        writer.lines(RUN, 1_500)
        async with served_app(redis_url) as service, service.watch(RUN) as socket:
            frames = [await next_frame(socket), await next_frame(socket)]
            assert seqs(frames) == list(range(1_501))
            for number in range(3):
                await asyncio.to_thread(writer.lines, RUN, 2, first=number)
                frames.append(await next_frame(socket))
            await asyncio.to_thread(writer.span, RUN, end=START + 5)
            frames += await frames_of(socket)
            assert socket.close_code == 1000
    assert seqs(frames) == list(range(1_508))
    last = frames[-1]
    assert last["status"] == "completed"
    assert last["expected_log_count"] == last["next_index"] == 1_508
    assert not any(frame["reset"] for frame in frames)


async def test_a_cut_is_resumed_without_gap_or_repeat_by_any_way(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        writer.lines(RUN, 5)
        async with served_app(redis_url) as one, served_app(redis_url) as other:
            async with one.watch(RUN) as socket:
                frame = await next_frame(socket)
            await asyncio.to_thread(writer.lines, RUN, 5, first=5)
            place = f"?since={frame['next_index']}&epoch={frame['epoch']}"
            async with other.watch(RUN, place) as socket:
                assert seqs([await next_frame(socket)]) == [5, 6, 7, 8, 9]
            async with other.client() as client:
                assert seqs([(await client.get(f"/api/logs/{RUN}{place}")).json()]) == [5, 6, 7, 8, 9]
                event = await first_event(client, f"/api/runs/{RUN}/events{place}")
                assert seqs([orjson.loads(event["data"])]) == [5, 6, 7, 8, 9]
                again = {"last-event-id": event["id"]}
                await asyncio.to_thread(writer.lines, RUN, 1, first=10)
                event = await first_event(client, f"/api/runs/{RUN}/events?since=0", again)
                assert seqs([orjson.loads(event["data"])]) == [10]


async def test_reset_for_who_fell_behind_or_knows_another_epoch(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        for first in range(0, 30, 3):
            writer.lines(RUN, 3, first=first, limits=Limits(tail_cap=10))
    async with served_app(redis_url) as service:
        for query in ("?since=2", "?since=31", "?since=25&epoch=1"):
            async with service.watch(RUN, query) as socket:
                frame = await next_frame(socket)
            assert frame["reset"] is True
            assert seqs([frame]) == list(range(frame["first_index"], 30))


async def test_a_text_asks_for_a_sign_of_life_and_so_does_time(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spantail_service.tail.feed.HEARTBEAT_S", 0.2)
    with Writer(redis_url) as writer:
        writer.lines(RUN, 2)
    async with served_app(redis_url) as service, service.watch(RUN) as socket:
        frames = [await next_frame(socket)]
        for _ in range(2):
            await socket.send("ping")
            frames.append(await next_frame(socket))
        frames += [await next_frame(socket), await next_frame(socket)]
    assert [len(frame["logs"]) for frame in frames] == [2, 0, 0, 0, 0]
    assert {frame["next_index"] for frame in frames} == {2}


async def test_a_run_that_waits_is_followed_from_its_first_moment(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        queued = b'{"run_id":"%b","operation":"job-search","status":"queued","created":1}' % RUN.encode()
        writer.redis.set(keys.run_keys(RUN).state, queued)
        async with served_app(redis_url) as service, service.watch(RUN) as socket:
            frame = await next_frame(socket)
            assert frame["status"] == "queued"
            await asyncio.to_thread(writer.lines, RUN, 1)
            assert seqs([await next_frame(socket)]) == [0]


async def test_close_codes_say_why(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        writer.span(OTHER_RUN)
        writer.redis.delete(*keys.run_keys(OTHER_RUN))
        writer.lines("1" * 32, 1)
    async with served_app(redis_url, max_waiters=1) as service:
        assert (await closed_with(service, RUN))[0] == 4404
        assert (await closed_with(service, OTHER_RUN))[0] == 4410
        assert (await closed_with(service, "x"))[0] == 4400
        assert (await closed_with(service, RUN, "?since=-1"))[0] == 4400
        assert (await closed_with(service, RUN, f"?since={'0' * 5_000}"))[0] == 4400
        assert (await closed_with(service, RUN, "?since=1&epoch=" + "9" * 33))[0] == 4400
        async with service.watch("1" * 32) as socket:
            await next_frame(socket)
            code, reason = await closed_with(service, "1" * 32)
            assert code == 1013
            assert "SPANTAIL_MAX_WAITERS" in reason
            async with service.client() as client:
                refused = await client.get(f"/api/runs/{'1' * 32}/events")
                assert refused.status_code == 503
                assert refused.headers["retry-after"] == "5"
                assert (await client.get(f"/api/logs/{'1' * 32}?since=1&wait=30")).json()["logs"] == []
        async with service.client() as client:
            assert (await client.get(f"/api/runs/{RUN}/events")).status_code == 404
            assert (await client.get(f"/api/runs/{OTHER_RUN}/events")).status_code == 410
            assert (await client.get("/api/runs/x/events")).status_code == 400
            assert (await client.get(f"/api/runs/{RUN}/events?since=-1")).status_code == 422


async def test_a_tail_that_redis_has_evicted_is_a_reset_and_no_endless_search(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        writer.lines(RUN, 3)
        writer.span(RUN, end=START + 9)
        writer.redis.delete(keys.run_keys(RUN).buffer)
        async with served_app(redis_url) as service, service.client() as client:
            frame = (await client.get(f"/api/logs/{RUN}")).json()
            assert (frame["reset"], frame["first_index"], frame["next_index"], frame["logs"]) == (True, 4, 4, [])
            async with service.watch(RUN) as socket:
                async with asyncio.timeout(10):
                    frames = await frames_of(socket)
                assert socket.close_code == 1000
            assert [(each["reset"], each["next_index"]) for each in frames] == [(True, 4)]


async def test_a_run_that_cannot_be_read_is_told_to_its_viewers(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "GRACE_S", 0.0)
    with Writer(redis_url) as writer:
        writer.lines(RUN, 1)
        async with served_app(redis_url) as service, service.watch(RUN) as socket:
            await next_frame(socket)
            writer.redis.hset(keys.run_keys(RUN).meta, "open", "what is this")
            writer.redis.publish(keys.channel(RUN), "")
            async with asyncio.timeout(10):
                await frames_of(socket)
            assert socket.close_code == 1013


async def test_a_message_that_is_too_large_ends_the_connection(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        writer.lines(RUN, 1)
    async with served_app(redis_url) as service, service.watch(RUN) as socket:
        await next_frame(socket)
        await socket.send("x" * 5_000)
        await frames_of(socket)
        assert socket.close_code == 1009


async def test_a_stop_sends_viewers_elsewhere(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        writer.lines(RUN, 1)
    async with served_app(redis_url) as service, service.watch(RUN) as socket, service.client() as client:
        await next_frame(socket)
        async with client.stream("GET", f"/api/runs/{RUN}/events") as answer:
            text = answer.aiter_text()
            assert "event: frame" in await anext(text)
            service.services.hub.stop()
            assert [rest async for rest in text] == []  # no `end`: the browser comes again
        await frames_of(socket)
        assert socket.close_code == 1012


async def test_server_sent_events(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        total = whole_run(writer)
    async with served_app(redis_url) as service, service.client() as client:
        answer = await client.get(f"/api/runs/{RUN}/events")
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        events = parse(answer.text)
        assert [event.get("event") for event in events] == [None, "frame", "end"]
        assert events[0] == {"retry": "1000"}
        assert events[1]["id"] == str(total)
        assert line(RUN, 2)[1:].decode() in events[1]["data"]
        end = orjson.loads(events[2]["data"])
        assert end == {
            "status": "completed", "next_index": total, "epoch": orjson.loads(events[1]["data"])["epoch"],
            "expected_log_count": total,
        }  # fmt: skip
        again = await client.get(f"/api/runs/{RUN}/events", headers={"last-event-id": str(total)})
        assert again.status_code == 204
        assert again.content == b""
        odd = await client.get(f"/api/runs/{RUN}/events?since=3", headers={"last-event-id": "odd"})
        assert seqs([orjson.loads(parse(odd.text)[1]["data"])]) == [3, 4]


async def test_gzip_for_large_polls_and_snapshots_only(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        writer.span(RUN)
        writer.lines(RUN, 100)
        for number in range(10, 30):
            writer.span(RUN, f"00f067aa0ba902{number}")
    async with served_app(redis_url) as service, service.client() as client:
        for path in (f"/api/logs/{RUN}", f"/api/logs/{RUN}?before=50", f"/api/traces/{RUN}?fields=tree"):
            packed = await client.get(path)
            plain = await client.get(path, headers={"accept-encoding": "gzip;q=0, identity"})
            assert packed.headers["content-encoding"] == "gzip"
            assert packed.headers["vary"] == "accept-encoding"
            assert int(packed.headers["content-length"]) * 5 < int(plain.headers["content-length"])
            assert "content-encoding" not in plain.headers
            assert packed.content == plain.content
        small = await client.get(f"/api/logs/{RUN}?since=121")
        assert "content-encoding" not in small.headers


async def first_event(client: httpx.AsyncClient, path: str, headers: dict[str, str] | None = None) -> dict[str, str]:
    """The first frame event of a stream, which is left then."""
    async with client.stream("GET", path, headers=headers) as answer:
        assert answer.status_code == 200
        text = ""
        async for piece in answer.aiter_text():
            text += piece
            for event in parse(text):
                if event.get("event") == "frame":
                    return event
    raise AssertionError("the stream ended without a frame")


def parse(text: str) -> list[dict[str, str]]:
    """The complete events of a stream."""
    return [dict(field.split(": ", 1) for field in block.split("\n")) for block in text.split("\n\n")[:-1]]
