"""`GET /api/runs/events`: changes of the list as they happen."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import orjson
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from redis.exceptions import ConnectionError as RedisConnectionError

from bench.support.ports import free_port
from spantail_exporters.model import keys
from spantail_exporters.model.changes import Change
from spantail_exporters.model.run_script import append_arguments
from spantail_service.runs import changes as run_changes
from spantail_service.runs.changes import ListUpdate, RunListChanges, Watcher
from spantail_service.runs.filter import RunFilter
from spantail_service.services import services_in
from tests.integration.service.harness import OTHER_RUN, ROOT_SPAN, RUN, START, Writer, running_app, state
from tests.support.otlp.requests import PROTOBUF, traces
from tests.support.waiting import eventually_async

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx
    import pytest

TIMEOUT_S = 10.0


@asynccontextmanager
async def _watching(client: Any, wanted: RunFilter | None = None, since: str | None = None) -> AsyncIterator[Watcher]:
    feed: RunListChanges = services_in(client.app).run_changes
    async with feed.watch(wanted or RunFilter(), since) as watcher:
        assert watcher is not None
        yield watcher


async def _until(watcher: Watcher, run_id: str, status: str) -> ListUpdate:
    while True:
        update = await watcher.next(TIMEOUT_S)
        assert update is not None, f"no update of {run_id}"
        if any(run["run_id"] == run_id and run["status"] == status for run in update.runs):
            return update


def _write_untold(writer: Writer, **fields: Any) -> None:
    """Write a span below the root of which the index over runs is told nothing."""
    child = Change("a" * 16, ROOT_SPAN, [state(RUN, "a" * 16, parent_id=ROOT_SPAN, **fields)])
    writer._execute("EVALSHA", *append_arguments(RUN, [child], writer="", writer_seq=0, now_us=START))


def _summary(status: str) -> dict[str, Any]:
    return {"run_id": RUN, "status": status, "start": 1, "operation": None, "name": "n", "service": None,
            "backends": {}, "cost_nano": 0, "errors": 0, "pinned": False}  # fmt: skip


async def test_a_run_is_told_of_from_its_start_to_its_end(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        async with running_app(redis_url) as client, _watching(client) as watcher:
            writer.span(RUN)
            await _until(watcher, RUN, "running")
            writer.span(RUN, "a" * 16, parent_id="00f067aa0ba902b7")  # progress tells nothing to the index
            while (update := await watcher.next(TIMEOUT_S)) and update.runs[0]["spans"] < 2:
                pass
            writer.span(RUN, end=START + 9, status="error")
            await _until(watcher, RUN, "failed")
            writer.span(RUN, "a" * 16, parent_id="00f067aa0ba902b7", end=START + 9)
            await eventually_async(lambda: writer.redis.scard(keys.RUNS_OPEN) == 0)
            assert (await client.delete(f"/api/runs/{RUN}")).status_code == 204
            while (update := await watcher.next(TIMEOUT_S)) and update.removed != [RUN]:
                pass
            assert update is not None


async def test_the_environment_narrows_what_is_told(redis_url: str) -> None:
    wanted = RunFilter(environment="production", version="2")
    with Writer(redis_url) as writer:
        async with running_app(redis_url) as client, _watching(client, wanted) as watcher:
            for run_id, environment in ((OTHER_RUN, "test"), (RUN, "production")):
                table = {"attributes": {"deployment.environment.name": environment, "service.version": "2"}}
                writer.span(run_id, resource="0", sources={"r:0": table})
            update = await _until(watcher, RUN, "running")
            assert [(run["environment"], run["version"]) for run in update.runs] == [("production", "2")]


async def test_what_does_not_fit_the_filter_any_more_is_removed(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        async with running_app(redis_url) as client, _watching(client, RunFilter(statuses=("running",))) as watcher:
            writer.span(RUN)
            await _until(watcher, RUN, "running")
            writer.span(RUN, end=START + 9)
            while (update := await watcher.next(TIMEOUT_S)) and RUN not in update.removed:
                pass
            assert update is not None


async def test_going_on_where_one_was(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        async with running_app(redis_url) as client:
            async with _watching(client) as watcher:
                writer.span(RUN, end=START + 9)
                position = (await _until(watcher, RUN, "completed")).position
            writer.span(OTHER_RUN, end=START + 9)
            async with _watching(client, since=position) as watcher:
                await _until(watcher, OTHER_RUN, "completed")
            for unknown in ("1-1", "nonsense"):
                async with _watching(client, since=unknown) as watcher:
                    update = await watcher.next(TIMEOUT_S)
                    assert update is not None
                    assert update.reset


async def test_late_spans_of_a_settled_run_are_told(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        writer.span(OTHER_RUN, end=START + 9)  # settled before anybody watches
        async with running_app(redis_url) as client, _watching(client) as watcher:
            writer.span(RUN, end=START + 9)
            await _until(watcher, RUN, "completed")
            for run_id in (RUN, OTHER_RUN):
                # neither status nor money change by it: the index over runs is not told
                ids: dict[str, Any] = {"trace_id": bytes.fromhex(run_id), "parent_span_id": bytes.fromhex(ROOT_SPAN)}
                late = Span(**ids, span_id=b"\1" * 8, name="late")
                body = traces({"service.name": "another"}, [late]).SerializeToString()
                assert (await client.post("/v1/traces", content=body, headers=PROTOBUF)).status_code == 200
                update = await _until(watcher, run_id, "completed")
                assert [run["spans"] for run in update.runs if run["run_id"] == run_id] == [2]


async def test_a_late_span_is_told_also_if_it_comes_before_the_first_look(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        writer.span(RUN, end=START + 9)
        async with running_app(redis_url) as client, _watching(client) as watcher:
            _write_untold(writer, end=START + 9)  # at once: who watches has the list, but no task has had its turn
            update = await _until(watcher, RUN, "completed")
            assert [run["spans"] for run in update.runs] == [2]


async def test_what_was_told_meanwhile_is_newer_than_the_past() -> None:
    watcher = Watcher(RunFilter())
    watcher.add({RUN: _summary("completed")}, "2-0")
    watcher.add_earlier({RUN: _summary("running"), OTHER_RUN: _summary("running")})
    update = await watcher.next(0)
    assert update is not None
    assert [run["status"] for run in update.runs] == ["completed", "running"]
    assert update.position == "2-0"


async def test_a_redis_that_was_emptied_is_told_as_reset(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        async with running_app(redis_url) as client, _watching(client) as watcher:
            writer.span(RUN)
            await _until(watcher, RUN, "running")
            writer.redis.flushall()
            while (update := await watcher.next(TIMEOUT_S)) and not update.reset:
                pass
            assert update is not None


async def test_a_watcher_that_does_not_look_holds_the_latest_state_only() -> None:
    watcher = Watcher(RunFilter())
    for spans in range(5_000):
        watcher.add({RUN: {**_summary("running"), "spans": spans}}, f"{spans}-0")
    update = await watcher.next(0)
    assert update is not None
    assert [run["spans"] for run in update.runs] == [4_999]
    watcher.add({f"{n:032x}": None for n in range(2_000)}, "9-9")
    update = await watcher.next(0)
    assert update == ListUpdate([], [], "9-9", reset=True)


async def test_the_stream_speaks_sse(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        async with running_app(redis_url) as client:
            first, block = await _first_blocks(client, lambda: writer.span(RUN))
    assert first.startswith("retry: 1000\nid: ")
    lines = dict(line.split(": ", 1) for line in block.strip().splitlines())
    assert lines["event"] == "runs"
    assert orjson.loads(lines["data"])["runs"][0]["run_id"] == RUN


async def test_without_redis_the_stream_is_refused_before_it_begins() -> None:
    async with running_app(f"redis://127.0.0.1:{free_port()}/0") as client:
        answer = await client.get("/api/runs/events")
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:spantail:problem:redis-unreachable")


async def test_one_watcher_too_many_is_refused(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_changes, "MAX_WATCHERS", 1)
    async with running_app(redis_url) as client, _watching(client):
        answer = await client.get("/api/runs/events")
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:spantail:problem:too-many-watchers")


async def test_no_more_watchers_are_let_in_at_once(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_changes, "MAX_WATCHERS", 2)
    over = asyncio.Event()

    async with running_app(redis_url) as client:
        feed: RunListChanges = services_in(client.app).run_changes  # type: ignore[attr-defined]
        let_in: list[bool] = []

        async def watch() -> None:
            async with feed.watch(RunFilter()) as watcher:
                let_in.append(watcher is not None)
                await over.wait()

        async with asyncio.timeout(TIMEOUT_S), asyncio.TaskGroup() as group:
            for _ in range(9):
                group.create_task(watch())
            await eventually_async(lambda: len(let_in) == 9)
            over.set()
    assert sum(let_in) == 2


async def test_who_comes_while_the_process_stops_is_not_let_in(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_app(redis_url) as client:
        feed: RunListChanges = services_in(client.app).run_changes  # type: ignore[attr-defined]
        latest = feed._latest

        async def stopping(count: int) -> Any:
            feed.stop_waiting()
            return await latest(count)

        monkeypatch.setattr(feed, "_latest", stopping)
        async with feed.watch(RunFilter()) as watcher:
            assert watcher is None


async def test_progress_is_told_though_a_reading_fails(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Writer(redis_url) as writer:
        async with running_app(redis_url) as client, _watching(client) as watcher:
            writer.span(RUN)
            await _until(watcher, RUN, "running")
            while await watcher.next(1.0):
                pass
            index = services_in(client.app).runs  # type: ignore[attr-defined]
            read = index.read

            async def fails_once(run_ids: Any) -> Any:
                monkeypatch.setattr(index, "read", read)
                raise RedisConnectionError

            monkeypatch.setattr(index, "read", fails_once)
            _write_untold(writer)
            while (update := await watcher.next(TIMEOUT_S)) and update.runs[0]["spans"] < 2:
                pass
            assert update is not None
            assert index.read == read


async def _first_blocks(client: httpx.AsyncClient, then: Any) -> tuple[str, str]:
    """What the stream says at first, and what it says once something has happened. httpx' ASGI transport reads a
    response to its end, so the application is called directly.
    """
    app: Any = client.app  # type: ignore[attr-defined]
    sent: asyncio.Queue[bytes] = asyncio.Queue()
    gone = asyncio.Event()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body" and message.get("body"):
            sent.put_nowait(message["body"])

    async def receive() -> Any:
        await gone.wait()
        return {"type": "http.disconnect"}

    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.4"}, "http_version": "1.1", "method": "GET",
        "scheme": "http", "path": "/api/runs/events", "raw_path": b"/api/runs/events", "query_string": b"",
        "root_path": "", "headers": [(b"host", b"localhost")], "client": ("127.0.0.1", 1), "server": ("localhost", 80),
    }  # fmt: skip
    serving = asyncio.create_task(app(scope, receive, send))
    try:
        async with asyncio.timeout(TIMEOUT_S):
            first = await sent.get()
            then()
            return first.decode(), (await sent.get()).decode()
    finally:
        gone.set()
        serving.cancel()
        await asyncio.wait({serving})
