"""`GET /api/logs/{run_id}`: the poll and the long poll."""

from __future__ import annotations

import asyncio
import time
import uuid

import pytest

from bench.support.ports import free_port
from spantail_exporters.model import keys
from spantail_exporters.model.limits import Limits
from tests.integration.service.harness import (
    OTHER_RUN,
    ROOT_SPAN,
    RUN,
    START,
    Writer,
    line,
    poll_to_the_end,
    running_app,
    state,
)
from tests.support.waiting import eventually_async

FRAME_KEYS = {
    "run_id", "status", "logs", "next_index", "first_index", "reset", "epoch", "expected_log_count", "layers",
    "backends", "dropped", "abandoned", "corrected", "maybe_incomplete", "stale",
}  # fmt: skip


async def test_stored_bytes_go_out_with_their_seq(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        writer.lines(RUN, 3)
    async with running_app(redis_url) as client:
        answer = await client.get(f"/api/logs/{RUN}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    for seq in range(3):
        assert b'{"seq":%d,' % seq + line(RUN, seq)[1:] in answer.content
    frame = answer.json()
    assert set(frame) == FRAME_KEYS
    assert frame["next_index"] == 3
    assert frame["first_index"] == 0
    assert frame["reset"] is False
    assert frame["expected_log_count"] is None


@pytest.mark.parametrize("limit", [1, 2, 5, 1000])
async def test_pages_meet_without_gap_whatever_the_batches(redis_url: str, limit: int) -> None:
    with Writer(redis_url) as writer:
        writer.span(RUN)
        total = 1
        for batch in (1, 3, 7, 2, 1):
            writer.lines(RUN, batch, first=total)
            total += batch
        writer.span(RUN, end=START + 5)
    async with running_app(redis_url) as client:
        events = await poll_to_the_end(client, RUN, limit=limit)
        page = (await client.get(f"/api/logs/{RUN}?since=4&limit=3")).json()
    assert [e["event"] for e in events] == ["operation_start", *["log"] * (total - 1), "operation_complete"]
    assert [e["seq"] for e in page["logs"]] == [4, 5, 6]
    assert page["next_index"] == 7


async def test_nothing_new(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        writer.lines(RUN, 3)
    async with running_app(redis_url) as client:
        frame = (await client.get(f"/api/logs/{RUN}?since=3")).json()
    assert frame["logs"] == []
    assert frame["next_index"] == 3
    assert frame["reset"] is False


async def test_reset_beyond_the_head_and_for_another_epoch(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        writer.lines(RUN, 3)
    async with running_app(redis_url) as client:
        beyond = (await client.get(f"/api/logs/{RUN}?since=4")).json()
        same = (await client.get(f"/api/logs/{RUN}?since=2&epoch={beyond['epoch']}")).json()
        other = (await client.get(f"/api/logs/{RUN}?since=2&epoch=1")).json()
    assert beyond["reset"] is True
    assert [e["seq"] for e in beyond["logs"]] == [0, 1, 2]
    assert same["reset"] is False
    assert [e["seq"] for e in same["logs"]] == [2]
    assert other["reset"] is True
    assert [e["seq"] for e in other["logs"]] == [0, 1, 2]


async def test_a_shortened_tail_says_where_it_begins(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        for first in range(0, 30, 3):
            writer.lines(RUN, 3, first=first, limits=Limits(tail_cap=10))
    async with running_app(redis_url) as client:
        fell_behind = (await client.get(f"/api/logs/{RUN}?since=5")).json()
        first = fell_behind["first_index"]
        from_first = (await client.get(f"/api/logs/{RUN}?since={first}")).json()
    assert 0 < first <= 20
    assert fell_behind["reset"] is True
    assert [e["seq"] for e in fell_behind["logs"]] == list(range(first, 30))
    assert [e["message"] for e in fell_behind["logs"]] == [f"line {n}" for n in range(first, 30)]
    assert from_first["reset"] is False
    assert from_first["logs"] == fell_behind["logs"]


async def test_paging_backwards_reaches_the_first(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        for first in range(0, 30, 4):
            writer.lines(RUN, 4, first=first, limits=Limits(tail_cap=20))
    async with running_app(redis_url) as client:
        before = 32
        seen: list[int] = []
        while True:
            frame = (await client.get(f"/api/logs/{RUN}?before={before}&limit=7")).json()
            if not frame["logs"]:
                break
            assert len(frame["logs"]) <= 7
            assert frame["next_index"] == before
            assert frame["reset"] is False
            seen = [e["seq"] for e in frame["logs"]] + seen
            before = frame["logs"][0]["seq"]
        beyond = (await client.get(f"/api/logs/{RUN}?before=9999&limit=2")).json()
    assert seen == list(range(frame["first_index"], 32))
    assert beyond["next_index"] == 32


async def test_totals_layers_and_losses(redis_url: str) -> None:
    layers = b'{"name":"fetch","status":"running","done":1,"total":3}'
    with Writer(redis_url) as writer:
        writer.span(RUN)
        writer.span(
            RUN, "00f067aa0ba902b8", parent_id=ROOT_SPAN, kind="llm_call", end=START + 9, account=
            "0 0 120 42 990000 claude_cli\n",
        )  # fmt: skip
        writer.span(
            RUN, "00f067aa0ba902b9", parent_id=ROOT_SPAN, kind="llm_call", end=START + 9, account=
            "1 1 0 0 0 a:b\nclaude_cli",
        )  # fmt: skip
        from spantail_exporters.model.changes import Change

        event = state(RUN, "00f067aa0ba902ba", parent_id=ROOT_SPAN, kind="layer")
        writer.write(RUN, [Change("00f067aa0ba902ba", ROOT_SPAN, [event], layers=layers)], drops={"queue": 3})
    async with running_app(redis_url) as client:
        frame = (await client.get(f"/api/logs/{RUN}")).json()
    assert frame["dropped"] == {"queue": 3}
    assert frame["layers"] == [{"name": "fetch", "status": "running", "done": 1, "total": 3}]
    assert frame["backends"]["claude_cli"] == {
        "calls": 1, "errors": 0, "fallbacks": 1, "expected_fallbacks": 0, "unpriced": 0,
        "tokens": {"input": 120, "output": 42}, "cost_usd": 0.00099, "cost_nano": 990000,
    }  # fmt: skip
    assert frame["backends"]["a:b"]["unpriced"] == 1


async def test_ids_are_accepted_in_every_common_form(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        writer.lines(RUN, 1)
    async with running_app(redis_url) as client:
        for form in (RUN, RUN.upper(), str(uuid.UUID(RUN))):
            assert (await client.get(f"/api/logs/{form}")).json()["run_id"] == RUN


@pytest.mark.parametrize(
    "bad", ["x", RUN[:-1], RUN + "0", "0" * 32, f"{{{RUN}}}", "%2e%2e", RUN[:-1] + "\u0664", f"{RUN}%0a"]
)
async def test_malformed_ids_are_400(redis_url: str, bad: str) -> None:
    async with running_app(redis_url) as client:
        answer = await client.get(f"/api/logs/{bad}")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:spantail:problem:malformed-run-id"


@pytest.mark.parametrize(
    "query", ["since=-1", "since=x", "limit=0", "limit=1001", "wait=31", "since=1e3", "since=9007199254740993"]
)
async def test_wrong_parameters_are_422(redis_url: str, query: str) -> None:
    async with running_app(redis_url) as client:
        answer = await client.get(f"/api/logs/{RUN}?{query}")
    problem = answer.json()
    assert answer.status_code == problem["status"] == 422
    assert set(problem["errors"][0]) == {"loc", "msg"}
    assert problem["errors"][0]["loc"][0] == "query"


async def test_unknown_and_expired(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        writer.span(OTHER_RUN)
        writer.redis.delete(*keys.run_keys(OTHER_RUN))
    async with running_app(redis_url) as client:
        unknown = await client.get(f"/api/logs/{RUN}")
        expired = await client.get(f"/api/logs/{OTHER_RUN}?wait=5")
    assert unknown.status_code == 404
    assert expired.status_code == 410
    assert expired.json()["title"] == "Gone"


async def test_a_run_that_waits_is_queued(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        queued = b'{"run_id":"%b","operation":"job-search","status":"queued","created":1}' % RUN.encode()
        writer.redis.set(keys.run_keys(RUN).state, queued)
    async with running_app(redis_url) as client:
        frame = (await client.get(f"/api/logs/{RUN}")).json()
    assert set(frame) == FRAME_KEYS
    assert frame["status"] == "queued"
    assert frame["next_index"] == 0


async def test_a_long_poll_is_woken_by_the_next_event(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        writer.lines(RUN, 1)
        async with running_app(redis_url) as client:
            for seq in range(1, 6):
                waiting = asyncio.create_task(client.get(f"/api/logs/{RUN}?since={seq}&wait=30"))
                await asyncio.sleep(0.01)  # most likely it is waiting now; the outcome is the same if not
                started = time.monotonic()
                await asyncio.to_thread(writer.lines, RUN, 1, first=seq)
                frame = (await waiting).json()
                assert [e["seq"] for e in frame["logs"]] == [seq]
                assert time.monotonic() - started < 5


async def test_a_long_poll_ends_empty_when_its_time_is_over(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        writer.lines(RUN, 1)
    async with running_app(redis_url) as client:
        started = time.monotonic()
        frame = (await client.get(f"/api/logs/{RUN}?since=1&wait=0.3")).json()
    assert frame["logs"] == []
    assert 0.25 < time.monotonic() - started < 5


async def test_a_long_poll_of_a_settled_run_answers_at_once(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        writer.span(RUN)
        writer.span(RUN, end=START + 5)
    async with running_app(redis_url) as client:
        started = time.monotonic()
        frame = (await client.get(f"/api/logs/{RUN}?since=2&wait=30")).json()
    assert frame["status"] == "completed"
    assert frame["expected_log_count"] == frame["next_index"] == 2
    assert time.monotonic() - started < 5


async def test_many_wait_on_one_connection_and_one_too_many_does_not_wait(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        for run_id in (RUN, OTHER_RUN):
            writer.lines(run_id, 1)
        async with running_app(redis_url, max_waiters=20) as client:
            polls = [
                asyncio.create_task(client.get(f"/api/logs/{run_id}?since=1&wait=30"))
                for run_id in [RUN, OTHER_RUN] * 10
            ]
            channels = [keys.channel(RUN), keys.channel(OTHER_RUN)]
            once = [(channel.encode(), 1) for channel in channels]
            await eventually_async(lambda: writer.redis.pubsub_numsub(*channels) == once)
            one_more = await asyncio.wait_for(client.get(f"/api/logs/{RUN}?since=1&wait=30"), 5)
            for run_id in (RUN, OTHER_RUN):
                await asyncio.to_thread(writer.lines, run_id, 1, first=1)
            frames = [answer.json() for answer in await asyncio.gather(*polls)]
        assert one_more.json()["logs"] == []
        assert all([e["seq"] for e in frame["logs"]] == [1] for frame in frames)


async def test_a_lost_subscription_is_renewed(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        writer.lines(RUN, 1)
        async with running_app(redis_url) as client:
            for seq in (1, 2):
                waiting = asyncio.create_task(client.get(f"/api/logs/{RUN}?since={seq}&wait=30"))
                await eventually_async(lambda: writer.redis.pubsub_numsub(keys.channel(RUN))[0][1] == 1)
                writer.redis.client_kill_filter(_type="pubsub")
                await eventually_async(lambda: writer.redis.pubsub_numsub(keys.channel(RUN))[0][1] == 1)
                await asyncio.to_thread(writer.lines, RUN, 1, first=seq)
                frame = (await asyncio.wait_for(waiting, 10)).json()
                assert [e["seq"] for e in frame["logs"]] == [seq]


async def test_a_stop_sends_long_polls_home(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        writer.lines(RUN, 1)
        async with running_app(redis_url) as client:
            waiting = asyncio.create_task(client.get(f"/api/logs/{RUN}?since=1&wait=30"))
            await eventually_async(lambda: writer.redis.pubsub_numsub(keys.channel(RUN))[0][1] == 1)
            client.app.state.services.wakeups.stop_waiting()  # type: ignore[attr-defined]
            assert (await asyncio.wait_for(waiting, 5)).json()["logs"] == []


async def test_without_redis_503_with_retry_after() -> None:
    async with running_app(f"redis://127.0.0.1:{free_port()}/0") as client:
        for path in (f"/api/logs/{RUN}", f"/api/logs/{RUN}?wait=5", f"/api/traces/{RUN}", "/api/runs", "/readyz"):
            answer = await client.get(path)
            assert answer.status_code == 503, path
            assert answer.headers["retry-after"] == "1"
            assert answer.headers["content-type"] == "application/problem+json"
            assert "127.0.0.1" not in answer.text
        assert (await client.get("/healthz")).status_code == 200
