"""Runs whose spans loop, or whose root never comes: in sight, exported, and over after a minute of silence."""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING, Any

import httpx
import orjson
import pytest
import redis

from spantail_exporters.model import keys
from spantail_service.client.following import is_settled
from spantail_service.reaper import Reaper, Timing
from spantail_service.runs.meta import SILENCE_US
from tests.integration.service.harness import running_app, spantail_process
from tests.support.commands import run_command
from tests.support.runs.live_runs import StoredRun
from tests.support.runs.loops import RUN_ID, SHAPES, Shape, otlp_json, span_id
from tests.support.service.served import frames_of, next_frame, served_app
from tests.support.waiting import eventually_async

if TYPE_CHECKING:
    from collections.abc import Iterator

JSON = {"content-type": "application/json"}
NDJSON = {"content-type": "application/x-ndjson"}
TIMING = Timing(lease_s=1, sweep_s=0.1)
SOON_S = 30.0
EVERY_SHAPE = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)


async def send(client: httpx.AsyncClient, shape: Shape) -> None:
    """As OTLP carries them: each span in a request of its own."""
    for span in shape.spans:
        answer = await client.post("/v1/traces", json=otlp_json(shape._replace(spans=(span,))))
        assert (answer.status_code, answer.json()) == (200, {})


def a_minute_later(url: str) -> None:
    with redis.Redis.from_url(url) as client:
        client.hincrby(keys.run_keys(RUN_ID).meta, "last", -SILENCE_US)


def ids(shape: Shape) -> set[str]:
    return {span_id(number) for number, _ in shape.spans}


@EVERY_SHAPE
async def test_a_run_goes_on_until_its_silence_ends_it(new_redis_url: str, shape: Shape) -> None:
    count = len(shape.spans)
    async with running_app(new_redis_url) as client:
        await send(client, shape)
        frame = (await client.get(f"/api/logs/{RUN_ID}")).json()
        trace = (await client.get(f"/api/traces/{RUN_ID}")).json()
        assert {span["span_id"] for span in trace["spans"]} == ids(shape)
        assert [event["span_id"] for event in frame["logs"]] == [span_id(number) for number, _ in shape.spans]
        expected = ("completed", count) if shape.rooted else ("running", None)
        assert (frame["status"], frame["expected_log_count"]) == expected
        assert trace["run"]["status"] == frame["status"]
        a_minute_later(new_redis_url)

        async def settled() -> Any:
            frame = (await client.get(f"/api/logs/{RUN_ID}")).json()
            return frame if is_settled(frame) else None

        frame = await eventually_async(
            settled, SOON_S
        )  # it may be answered from memory, which nobody told of that minute
        listed = (await client.get("/api/runs")).json()["runs"]  # where the index says otherwise, it is put right
        found = (await client.get("/api/runs?status=completed")).json()["runs"]
        trace = (await client.get(f"/api/traces/{RUN_ID}")).json()
    assert (frame["status"], frame["expected_log_count"], is_settled(frame)) == ("completed", count, True)
    assert [(run["run_id"], run["status"]) for run in listed] == [(RUN_ID, "completed")]
    assert found == listed
    assert (trace["run"]["status"], trace["run"]["expected_log_count"]) == ("completed", count)


@EVERY_SHAPE
async def test_who_follows_it_comes_to_an_end(new_redis_url: str, shape: Shape) -> None:
    """A long poll and an event stream that wait meanwhile are told within seconds, though nothing happens."""
    async with running_app(new_redis_url) as client:
        await send(client, shape)

        async def polled() -> dict[str, Any]:
            since = 0
            while True:
                frame = (await client.get(f"/api/logs/{RUN_ID}", params={"since": since, "wait": 30})).json()
                since = frame["next_index"]
                if is_settled(frame):
                    return dict(frame)

        async def streamed() -> str:
            return (await client.get(f"/api/runs/{RUN_ID}/events")).text  # it ends by itself

        following = asyncio.gather(polled(), streamed())
        a_minute_later(new_redis_url)
        frame, stream = await asyncio.wait_for(following, SOON_S)
    assert frame["expected_log_count"] == len(shape.spans)
    event, data = stream.rstrip().split("\n")[-2:]
    assert (event, orjson.loads(data.removeprefix("data: "))["status"]) == ("event: end", "completed")


@EVERY_SHAPE
async def test_a_websocket_gets_the_last_frame_and_is_closed(new_redis_url: str, shape: Shape) -> None:
    async with served_app(new_redis_url) as service, service.client() as client:
        await send(client, shape)
        async with service.watch(RUN_ID) as socket:
            first = await next_frame(socket)
            assert {event["span_id"] for event in first["logs"]} == ids(shape)
            assert first["status"] == ("completed" if shape.rooted else "running")
            a_minute_later(new_redis_url)
            frames = [first, *await asyncio.wait_for(frames_of(socket), SOON_S)]
            assert socket.close_code == 1000
    assert (frames[-1]["status"], frames[-1]["expected_log_count"]) == ("completed", len(shape.spans))
    assert is_settled(frames[-1])


@EVERY_SHAPE
async def test_tempo_answers_with_every_span(new_redis_url: str, shape: Shape) -> None:
    """With the parents that were told, whether they are there or not; the run is found by what its spans say."""
    async with running_app(new_redis_url) as client:
        await send(client, shape)
        for _ in range(2):  # while it goes on, and when it is over
            by_id = (await client.get(f"/tempo/api/traces/{RUN_ID}")).json()
            spans = [
                span for resource in by_id["batches"] for scope in resource["scopeSpans"] for span in scope["spans"]
            ]
            reported = {(_hex(span["spanId"]), _hex(span.get("parentSpanId", ""))) for span in spans}
            assert reported == {(span_id(one), span_id(parent) if parent else "") for one, parent in shape.spans}
            newer = (await client.get(f"/tempo/api/v2/traces/{RUN_ID}")).json()["trace"]
            assert sum(len(scope["spans"]) for one in newer["resourceSpans"] for scope in one["scopeSpans"]) == len(
                spans
            )
            for query in ('{ name =~ "span.*" }', '{ resource.service.name = "case" && duration > 1ms }'):
                (trace,) = (await client.get("/tempo/api/search", params={"q": query})).json()["traces"]
                assert trace["traceID"] == RUN_ID.lstrip("0")
                assert trace["spanSet"]["matched"] == len(spans)
            a_minute_later(new_redis_url)


def _hex(encoded: str) -> str:
    """Tempo's JSON has ids in base64."""
    return base64.b64decode(encoded).hex()


@EVERY_SHAPE
async def test_the_reaper_writes_its_end_once(new_redis_url: str, shape: Shape) -> None:
    async with running_app(new_redis_url) as client:
        await send(client, shape)
    a_minute_later(new_redis_url)
    with redis.Redis.from_url(new_redis_url) as client_:
        async with Reaper(new_redis_url, timing=TIMING):
            await eventually_async(lambda: client_.scard(keys.RUNS_OPEN) == 0, SOON_S)
        run = StoredRun(new_redis_url, RUN_ID)
        assert (run.meta["status"], run.meta["expected"]) == ("completed", str(len(shape.spans)))
        assert b"completed" in (client_.hget(keys.RUNS_FACTS, RUN_ID) or b"")
        assert 0 < client_.ttl(keys.run_keys(RUN_ID).meta) <= 6 * 3600


async def test_a_late_span_opens_it_again_and_the_same_once_more_does_not(new_redis_url: str) -> None:
    shape = SHAPES["a loop of two"]
    async with running_app(new_redis_url) as client:
        await send(client, shape)
    a_minute_later(new_redis_url)
    with redis.Redis.from_url(new_redis_url) as client_:
        async with Reaper(new_redis_url, timing=TIMING), running_app(new_redis_url) as client:
            await eventually_async(lambda: client_.scard(keys.RUNS_OPEN) == 0, SOON_S)
            await send(client, Shape(((3, 1),)))
            frame = (await client.get(f"/api/logs/{RUN_ID}")).json()
            assert (frame["status"], frame["expected_log_count"]) == ("running", None)
            assert client_.sismember(keys.RUNS_OPEN, RUN_ID)
            a_minute_later(new_redis_url)
            await eventually_async(lambda: client_.scard(keys.RUNS_OPEN) == 0, SOON_S)
            for _ in range(2):  # an exporter that got no answer sends again
                await send(client, Shape(((3, 1), (1, 2))))
            frame = (await client.get(f"/api/logs/{RUN_ID}")).json()
    assert (frame["status"], frame["expected_log_count"]) == ("completed", 3)


async def test_what_is_sent_again_does_not_put_the_end_off(new_redis_url: str) -> None:
    shape = SHAPES["a loop of three"]
    async with running_app(new_redis_url) as client:
        await send(client, shape)
        with redis.Redis.from_url(new_redis_url) as client_:
            last = client_.hget(keys.run_keys(RUN_ID).meta, "last")
            await send(client, shape)
            assert client_.hget(keys.run_keys(RUN_ID).meta, "last") == last


async def test_one_that_failed_ends_as_failed(new_redis_url: str) -> None:
    body = otlp_json(SHAPES["a span that is its own parent"])
    body["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["status"] = {"code": 2, "message": "no"}
    async with running_app(new_redis_url) as client:
        assert (await client.post("/v1/traces", json=body)).status_code == 200
        a_minute_later(new_redis_url)
        assert (await client.get(f"/api/runs/{RUN_ID}")).json()["status"] == "failed"


@EVERY_SHAPE
async def test_every_span_is_in_every_export_and_in_again(new_redis_url: str, shape: Shape) -> None:
    async with running_app(new_redis_url) as client:
        await send(client, shape)
        before = (await client.get(f"/api/traces/{RUN_ID}")).json()["spans"]
        for kind in ("otlp", "ndjson", "perfetto"):
            exported = await client.get(f"/api/runs/{RUN_ID}/export", params={"format": kind})
            assert exported.status_code == 200
            assert all(one in exported.text for one in ids(shape)), kind
            if kind == "perfetto":
                continue
            a_minute_later(new_redis_url)  # a run that goes on is not deleted
            assert (await client.delete(f"/api/runs/{RUN_ID}")).status_code == 204
            headers = NDJSON if kind == "ndjson" else JSON
            taken = await client.post("/api/runs/import", content=exported.content, headers=headers)
            assert taken.status_code == 200, taken.text
            trace = (await client.get(f"/api/traces/{RUN_ID}")).json()
            assert parents(trace["spans"]) == parents(before)
            # a file is all that comes: nobody waits for a minute
            assert (trace["run"]["status"], trace["run"]["expected_log_count"]) == ("completed", len(shape.spans))


def parents(spans: list[dict[str, Any]]) -> dict[str, Any]:
    return {span["span_id"]: (span["parent_id"], span.get("links")) for span in spans}


@pytest.fixture
def service_url(new_redis_url: str) -> Iterator[str]:
    with spantail_process("serve", "--port", "0", "--redis-url", new_redis_url) as running:
        running.await_ready()
        yield running.url


@EVERY_SHAPE
def test_the_command_line_shows_every_span_and_ends(new_redis_url: str, service_url: str, shape: Shape) -> None:
    with httpx.Client(base_url=service_url) as client:
        assert client.post("/v1/traces", json=otlp_json(shape)).status_code == 200
    a_minute_later(new_redis_url)
    for form in ("--json", "--lines"):
        tail = run_command(service_url, "tail", RUN_ID, form)
        assert (tail.returncode, tail.stderr.count("Traceback")) == (0, 0), tail.stderr
        assert len(tail.stdout.splitlines()) >= len(shape.spans)
    exported = run_command(service_url, "export", RUN_ID, "--format", "ndjson")
    assert exported.returncode == 0, exported.stderr
    assert all(one in exported.stdout for one in ids(shape))
