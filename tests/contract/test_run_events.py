"""`GET /api/runs/events`: changes of the list as they happen."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import orjson

from spantail_exporters import keys
from spantail_service.run_feed import News, RunFeed, Watcher
from spantail_service.run_filter import RunFilter
from spantail_service.services import services_in
from tests.integration.service.harness import OTHER_RUN, RUN, START, Writer, running_app
from tests.support.waiting import eventually_async

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

PATIENCE_S = 10.0


@asynccontextmanager
async def _watching(client: Any, wanted: RunFilter = RunFilter(), since: str | None = None) -> AsyncIterator[Watcher]:  # noqa: B008
    feed: RunFeed = services_in(client.app).run_feed
    async with feed.watch(wanted, since) as watcher:
        assert watcher is not None
        yield watcher


async def _until(watcher: Watcher, run_id: str, status: str) -> News:
    while True:
        news = await watcher.news(PATIENCE_S)
        assert news is not None, f"no news of {run_id}"
        if any(run["run_id"] == run_id and run["status"] == status for run in news.runs):
            return news


async def test_a_run_is_told_of_from_its_start_to_its_end(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        async with running_app(redis_url) as client, _watching(client) as watcher:
            writer.span(RUN)
            await _until(watcher, RUN, "running")
            writer.span(RUN, "a" * 16, parent_id="00f067aa0ba902b7")  # progress tells nothing to the index
            while (news := await watcher.news(PATIENCE_S)) and news.runs[0]["spans"] < 2:
                pass
            writer.span(RUN, end=START + 9, status="error")
            await _until(watcher, RUN, "failed")
            writer.span(RUN, "a" * 16, parent_id="00f067aa0ba902b7", end=START + 9)
            await eventually_async(lambda: writer.redis.scard(keys.RUNS_OPEN) == 0)
            assert (await client.delete(f"/api/runs/{RUN}")).status_code == 204
            while (news := await watcher.news(PATIENCE_S)) and news.removed != [RUN]:
                pass
            assert news is not None


async def test_what_does_not_fit_the_filter_any_more_is_removed(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        async with running_app(redis_url) as client, _watching(client, RunFilter(statuses=("running",))) as watcher:
            writer.span(RUN)
            await _until(watcher, RUN, "running")
            writer.span(RUN, end=START + 9)
            while (news := await watcher.news(PATIENCE_S)) and RUN not in news.removed:
                pass
            assert news is not None


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
                    news = await watcher.news(PATIENCE_S)
                    assert news is not None
                    assert news.reset


async def test_a_redis_that_was_emptied_is_told_as_reset(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        async with running_app(redis_url) as client, _watching(client) as watcher:
            writer.span(RUN)
            await _until(watcher, RUN, "running")
            writer.redis.flushall()
            while (news := await watcher.news(PATIENCE_S)) and not news.reset:
                pass
            assert news is not None


async def test_a_watcher_that_does_not_look_holds_the_latest_state_only() -> None:
    watcher = Watcher(RunFilter())
    summary = {"run_id": RUN, "status": "running", "start": 1, "operation": None, "name": "n", "service": None,
               "backends": {}, "cost_nano": 0, "errors": 0, "pinned": False}  # fmt: skip
    for spans in range(5_000):
        watcher.tell({RUN: {**summary, "spans": spans}}, f"{spans}-0")
    news = await watcher.news(0)
    assert news is not None
    assert [run["spans"] for run in news.runs] == [4_999]
    watcher.tell({f"{n:032x}": None for n in range(2_000)}, "9-9")
    news = await watcher.news(0)
    assert news == News([], [], "9-9", reset=True)


async def test_the_stream_speaks_sse(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        async with running_app(redis_url) as client:
            first, block = await _first_blocks(client, lambda: writer.span(RUN))
    assert first.startswith("retry: 1000\nid: ")
    lines = dict(line.split(": ", 1) for line in block.strip().splitlines())
    assert lines["event"] == "runs"
    assert orjson.loads(lines["data"])["runs"][0]["run_id"] == RUN


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
        async with asyncio.timeout(PATIENCE_S):
            first = await sent.get()
            then()
            return first.decode(), (await sent.get()).decode()
    finally:
        gone.set()
        serving.cancel()
        await asyncio.wait({serving})
