"""The live tier on a real cluster of three nodes: index and reaper, every route of the service, moves and failures."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from redis.asyncio import BlockingConnectionPool
from redis.exceptions import ResponseError, TryAgainError, WatchError

from bench.support.ports import free_port
from spantail_exporters.model import keys
from spantail_exporters.model.batch import Batch
from spantail_exporters.model.changes import Change, Changes
from spantail_exporters.redis.writer import RedisWriter
from spantail_service.demo.faults import Pace
from spantail_service.demo.server import DemoServer
from spantail_service.reaper import Reaper, Timing
from spantail_service.storage.routing import RoutedRedis
from tests.chaos.processes import busy_app
from tests.integration.service.harness import ROOT_SPAN, RUN, START, poll_to_the_end, state
from tests.support.otlp.requests import PROTOBUF, traces
from tests.support.redis.faults import redis_cluster
from tests.support.runs.live_runs import StoredRun, fold
from tests.support.service.served import Served, frames_of, next_frame, served_app
from tests.support.waiting import eventually_async
from tests.support.work.demo_world import demo_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence
    from pathlib import Path

    import httpx

    from tests.support.redis.faults import Cluster, FaultyRedis

pytestmark = pytest.mark.xdist_group("redis-cluster")  # what its fixtures start is started once

RUNS = [f"{n:x}".ljust(32, "0") for n in range(1, 13)]
DEAD = "host:4242:1795308000"
TIMING = Timing(lease_s=2, sweep_s=0.2)
SOON_S = 30.0
NDJSON = {"content-type": "application/x-ndjson"}
SEARCH = {"job_titles": ["python developer"], "max_results": 3}


@pytest.fixture(scope="module")
def three_nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with redis_cluster(tmp_path_factory.mktemp("cluster")) as one:
        yield one


@pytest.fixture
def cluster(three_nodes: Cluster) -> Cluster:
    """Three empty nodes."""
    for node in three_nodes.nodes:
        node.change(lambda client: client.flushall())
    return three_nodes


@pytest.fixture(params=["as a cluster", "by one of its nodes"])
def url(cluster: Cluster, request: pytest.FixtureRequest) -> str:
    if request.param == "as a cluster":
        return cluster.url
    index = holder(cluster, keys.RUNS_RECENT)
    return next(node.url for node in cluster.nodes if node is not index)


def holder(cluster: Cluster, key: str) -> FaultyRedis:
    return cluster.holder_of(cluster.slot_of(key))


def stored(cluster: Cluster, run_id: str) -> StoredRun:
    return StoredRun(holder(cluster, keys.run_keys(run_id).meta).url, run_id)


def recent(cluster: Cluster) -> set[str]:
    members = holder(cluster, keys.RUNS_RECENT).change(lambda client: client.zrange(keys.RUNS_RECENT, 0, -1))
    return {member.decode() for member in members}


def still_open(cluster: Cluster) -> set[str]:
    members = holder(cluster, keys.RUNS_OPEN).change(lambda client: client.smembers(keys.RUNS_OPEN))
    return {member.decode() for member in members}


def of_status(cluster: Cluster, status: str) -> set[str]:
    key = keys.runs_of_status(status)
    return {member.decode() for member in holder(cluster, key).change(lambda client: client.zrange(key, 0, -1))}


def batches(run_ids: Sequence[str], number: int, **fields: Any) -> list[Batch]:
    return [
        Batch(run_id, f"{DEAD}:0badcafe", number, Changes([Change(ROOT_SPAN, "", [state(run_id, **fields)])]), {})
        for run_id in run_ids
    ]


# ---------------------------------------------------------------- the index over runs, and the reaper


def test_the_runs_of_these_tests_are_on_all_nodes(cluster: Cluster) -> None:
    assert {holder(cluster, keys.run_keys(run_id).meta).port for run_id in RUNS} == {n.port for n in cluster.nodes}
    assert holder(cluster, keys.RUNS_RECENT) is holder(cluster, keys.RUNS_FACTS)


def test_the_writer_tells_the_index_of_runs_in_every_slot(cluster: Cluster, url: str) -> None:
    writer = RedisWriter(url)
    try:
        assert writer.write(batches(RUNS, 1)).refused == []
        assert recent(cluster) == still_open(cluster) == of_status(cluster, "running") == set(RUNS)
        over, left = RUNS[:8], set(RUNS[8:])
        writer.write(batches(over, 2, end=START + 5))
        assert recent(cluster) == set(RUNS)
        assert still_open(cluster) == of_status(cluster, "running") == left
        assert of_status(cluster, "completed") == set(over)
    finally:
        writer.close()


async def test_the_reaper_puts_right_what_a_killed_writer_did_not_tell(cluster: Cluster, url: str) -> None:
    ended, running = RUNS[:6], RUNS[6:]
    killed = RedisWriter(url)
    killed.send([*batches(ended, 1, end=START + 5), *batches(running, 1, runner=DEAD)]).finish()
    killed.close()  # the news would go with its next call
    assert recent(cluster) == set()
    assert still_open(cluster) == set(RUNS), "named before they were there"
    async with Reaper(url, timing=TIMING):
        await eventually_async(lambda: not still_open(cluster), SOON_S)
        assert of_status(cluster, "completed") == set(ended)
        await eventually_async(lambda: of_status(cluster, "abandoned") == set(running), SOON_S)
    assert recent(cluster) == set(RUNS)
    for run_id in running:
        run = stored(cluster, run_id)
        assert (run.meta["status"], run.meta["maybe_incomplete"]) == ("abandoned", "1")
        assert fold(run.events) == run.spans


async def test_kill_9(cluster: Cluster, url: str) -> None:
    async with Reaper(url, timing=TIMING):
        with busy_app(url, 2, 0.2) as app:
            assert still_open(cluster) == set(app.run_ids)
            app.kill()
            await eventually_async(lambda: of_status(cluster, "abandoned") == set(app.run_ids), SOON_S)
            await eventually_async(lambda: not still_open(cluster), SOON_S)
            for run_id in app.run_ids:
                run = stored(cluster, run_id)
                assert (run.meta["status"], run.meta["open"], run.meta["maybe_incomplete"]) == ("abandoned", "0", "1")
                assert fold(run.events) == run.spans


# ---------------------------------------------------------------- the service


@asynccontextmanager
async def serving(url: str, **settings: Any) -> AsyncIterator[tuple[Served, httpx.AsyncClient]]:
    async with DemoServer(pace=Pace(0)) as world:
        async with served_app(url, **demo_settings(world), **settings) as service, service.client() as client:
            yield service, client


async def send(client: httpx.AsyncClient, run_id: str, *, name: str = "GET /cart") -> None:
    """One finished root over OTLP."""
    ids: dict[str, Any] = {"trace_id": bytes.fromhex(run_id), "span_id": bytes.fromhex(ROOT_SPAN)}
    span = Span(**ids, name=name, start_time_unix_nano=START * 1_000, end_time_unix_nano=(START + 5) * 1_000)
    body = traces({"service.name": "shop"}, [span]).SerializeToString()
    answer = await client.post("/v1/traces", content=body, headers=PROTOBUF)
    assert answer.status_code == 200, answer.text


async def told_of(client: httpx.AsyncClient, run_id: str) -> None:
    """Follow the list's changes until one is of a run."""
    async with asyncio.timeout(SOON_S), client.stream("GET", "/api/runs/events") as stream:
        async for line in stream.aiter_lines():
            if run_id in line:
                return


async def test_ready_at_once_and_what_it_says_of_itself(url: str) -> None:
    async with serving(url) as (_, client):
        for path in ("/healthz", "/readyz", "/metrics", "/api/about"):
            assert (await client.get(path)).status_code == 200
        assert "spantail_redis_up 1.0" in (await client.get("/metrics")).text
        assert (await client.get("/api/about")).json()["redis"]["id"]


async def test_an_operation_from_its_start_to_its_money(cluster: Cluster, url: str) -> None:
    async with serving(url) as (_, client):
        news = asyncio.create_task(told_of(client, "job-search"))
        run_id = (await client.post("/api/jobs/search", json=SEARCH)).json()["run_id"]
        events = await poll_to_the_end(client, run_id)
        await news
        run = stored(cluster, run_id)
        assert fold(run.events) == run.spans
        assert len(events) == run.next_seq
        item = (await client.get(f"/api/runs/{run_id}")).json()
        assert (item["status"], item["open"]) == ("completed", 0)
        assert item["cost_nano"] > 0

        async def booked() -> bool:
            spend = (await client.get("/api/spend?days=2")).json()
            return bool(spend["demo"]["cost_nano"] == item["cost_nano"] and spend["cost_nano"] == 0)

        await eventually_async(booked)  # type: ignore[arg-type]  # mypy finds no T in a coroutine


async def test_lists_spans_exports_and_tempo_over_all_nodes(url: str) -> None:
    async with serving(url) as (_, client):
        for number, run_id in enumerate(RUNS):
            await send(client, run_id, name=f"op-{number % 2}")
        listed, cursor = [], None
        while True:
            page = (await client.get("/api/runs", params={"limit": 5, **({"cursor": cursor} if cursor else {})})).json()
            listed += [run["run_id"] for run in page["runs"]]
            if (cursor := page["next_cursor"]) is None:
                break
        assert sorted(listed) == RUNS
        few = (await client.get("/api/runs?operation=op-1&status=completed")).json()["runs"]
        assert sorted(run["run_id"] for run in few) == RUNS[1::2]
        found = (await client.get("/tempo/api/search", params={"q": '{ name = "op-1" }', "limit": 100})).json()
        assert sorted(trace["traceID"] for trace in found["traces"]) == RUNS[1::2]
        for run_id in RUNS:
            (span,) = (await client.get(f"/api/traces/{run_id}")).json()["spans"]
            assert (await client.get(f"/api/traces/{run_id}/spans/{ROOT_SPAN}")).json()["name"] == span["name"]
            assert (await client.get(f"/tempo/api/v2/traces/{run_id}")).status_code == 200
            exports = {
                form: await client.get(f"/api/runs/{run_id}/export", params={"format": form})
                for form in ("otlp", "perfetto", "ndjson")
            }
            assert {export.status_code for export in exports.values()} == {200}
            assert (await client.post(f"/api/runs/{run_id}/pin")).status_code == 204
            assert (await client.get(f"/api/runs/{run_id}")).json()["pinned"] is True
            assert (await client.delete(f"/api/runs/{run_id}/pin")).status_code == 204
            assert (await client.delete(f"/api/runs/{run_id}")).status_code == 204
            taken = await client.post("/api/runs/import", content=exports["ndjson"].content, headers=NDJSON)
            assert taken.json()["runs"] == [run_id]
            assert (await client.get(f"/api/logs/{run_id}")).json()["expected_log_count"] is not None


async def test_every_way_to_watch_tells_of_runs_on_every_node(cluster: Cluster, url: str) -> None:
    writer = RedisWriter(url)
    try:
        writer.write(batches(RUNS, 1))
        async with serving(url) as (service, client):
            for run_id in RUNS:
                async with service.watch(run_id) as socket:
                    since = (await next_frame(socket))["next_index"]
                    waiting = asyncio.create_task(client.get(f"/api/logs/{run_id}?since={since}&wait=20"))
                    streamed = asyncio.create_task(client.get(f"/api/runs/{run_id}/events"))
                    await eventually_async(lambda: service.services.hub.viewers == 3)
                    await asyncio.to_thread(writer.write, batches([run_id], 2, end=START + 5))
                    frames = await frames_of(socket)
                    assert (frames[-1]["status"], socket.close_code) == ("completed", 1000)
                    assert (await waiting).json()["logs"][-1]["event"] == "operation_complete"
                    assert "event: end" in (await streamed).text
    finally:
        writer.close()
    assert of_status(cluster, "completed") == set(RUNS)


async def test_a_slot_that_moves_while_the_service_reads_and_writes(cluster: Cluster, url: str) -> None:
    slot = cluster.slot_of(keys.run_keys(RUN).meta)
    target = next(node for node in cluster.nodes if node is not cluster.holder_of(slot))
    async with serving(url) as (_, client):
        await send(client, RUN)
        with cluster.moving(slot, target):
            # what is here is answered here; what would need both nodes has to come again
            assert (await client.get(f"/api/traces/{RUN}")).status_code in (200, 503)
            assert (await client.get("/api/runs")).status_code in (200, 503)
        assert (await client.get(f"/api/traces/{RUN}")).status_code == 200
        await send(client, RUN, name="again")
        assert [run["run_id"] for run in (await client.get("/api/runs")).json()["runs"]] == [RUN]


@pytest.mark.slow
async def test_a_node_that_is_away_takes_only_its_own_runs_along(tmp_path: Path) -> None:
    with redis_cluster(tmp_path) as cluster:
        index = holder(cluster, keys.RUNS_RECENT)
        gone = next(node for node in cluster.nodes if node is not index)
        async with serving(cluster.url, redis_timeout_s=2) as (_, client):
            for run_id in RUNS:
                await send(client, run_id)
            gone.kill()
            for run_id in RUNS:
                is_away = holder(cluster, keys.run_keys(run_id).meta) is gone
                answer = await client.get(f"/api/traces/{run_id}")
                assert answer.status_code == (503 if is_away else 200), answer.text
            assert (await client.get("/api/runs")).status_code == 503
            gone.start()

            async def is_back() -> bool:
                return {(await client.get(f"/api/runs/{run_id}")).status_code for run_id in RUNS} <= {200, 404}

            await eventually_async(is_back, SOON_S)  # type: ignore[arg-type]  # as above
            assert (await client.get("/api/runs")).status_code == 200


async def test_nobody_there() -> None:
    async with serving(f"redis+cluster://127.0.0.1:{free_port()},127.0.0.1:{free_port()}") as (_, client):
        for path in ("/readyz", "/api/runs", f"/api/logs/{RUN}"):
            answer = await client.get(path)
            assert (answer.status_code, answer.json()["type"]) == (503, "urn:spantail:problem:redis-unreachable")


# ---------------------------------------------------------------- the client


@asynccontextmanager
async def routed(url: str) -> AsyncIterator[RoutedRedis]:
    client = RoutedRedis(url, BlockingConnectionPool.from_url)
    try:
        yield client
    finally:
        await client.aclose()


async def test_a_pipeline_keeps_the_order_of_its_replies(url: str) -> None:
    many = [f"key-{n}" for n in range(60)]
    async with routed(url) as client:
        for in_steps in (False, True):
            pipe = client.pipeline(transaction=in_steps)
            for key in many:
                pipe.set(key, key)
            pipe.lpush(many[0], 1)
            for key in many:
                pipe.get(key)
            replies = await pipe.execute(raise_on_error=False)
            assert replies[:60] == [True] * 60
            assert isinstance(replies[60], ResponseError)
            assert replies[61:] == [key.encode() for key in many]
            pipe.lpush(many[0], 1)
            with pytest.raises(ResponseError, match="WRONGTYPE"):
                await pipe.execute()


async def test_what_is_watched_is_watched_where_it_is(url: str) -> None:
    many = [f"key-{n}" for n in range(9)]
    async with routed(url) as client:
        for key in many:  # what is watched follows no redirection: it has to be known by then
            await client.set(key, "before")
        for key in many:
            for meanwhile in (False, True):
                async with client.pipeline() as pipe:
                    await pipe.watch(key)
                    held = await pipe.get(key)
                    if meanwhile:
                        await client.set(key, "other")
                    pipe.multi()  # type: ignore[no-untyped-call]
                    pipe.set(key, "mine")
                    if meanwhile:
                        with pytest.raises(WatchError):
                            await pipe.execute()
                    else:
                        assert held == b"before"
                        assert await pipe.execute() == [True]


async def test_what_moves_while_it_is_watched_is_to_be_tried_again(cluster: Cluster, url: str) -> None:
    async with routed(url) as client:
        await client.set("{goes}", 1)
        slot = cluster.slot_of("{goes}")
        target = next(node for node in cluster.nodes if node is not cluster.holder_of(slot))
        await client.get("{goes}")
        async with client.pipeline() as pipe:
            await pipe.watch("{goes}")
            with cluster.moving(slot, target):
                pass
            with pytest.raises(TryAgainError):
                await pipe.get("{goes}")
        assert await client.get("{goes}") == b"1"


async def test_a_slot_on_the_move_is_followed(cluster: Cluster, url: str) -> None:
    async with routed(url) as client:
        await client.set("{moves}here", 1)
        slot = cluster.slot_of("{moves}")
        target = next(node for node in cluster.nodes if node is not cluster.holder_of(slot))
        with cluster.moving(slot, target):
            assert await client.get("{moves}here") == b"1"
            assert await client.set("{moves}new", 2)
            assert await client.get("{moves}new") == b"2"
        pipe = client.pipeline()
        pipe.get("{moves}here")
        pipe.get("{moves}new")
        assert await pipe.execute() == [b"1", b"2"]


async def test_a_script_is_known_everywhere(url: str) -> None:
    async with routed(url) as client:
        sha = await client.script_load("return redis.call('SET', KEYS[1], ARGV[1])")
        execute: Any = client.execute_command
        for n in range(20):
            assert await execute("EVALSHA", sha, 1, f"key-{n}", n) == b"OK"
        assert orjson.loads(await client.get("key-7") or b"") == 7
