"""`POST /api/jobs/{job_id}/contacts/{type}/{index}/stream`: text as it is written, and a run like any other."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from spantail_service.demo.corpus import make_jobs
from spantail_service.demo.faults import Pace
from spantail_service.demo.server import DemoServer
from spantail_service.llm import LlmChain
from spantail_service.operations.sources.himalayas import read_job
from tests.integration.service.harness import poll_to_the_end
from tests.support.service.served import served_app
from tests.support.waiting import eventually_async
from tests.support.work.demo_world import demo_settings
from tests.support.work.scripted_backend import ScriptedBackend

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from tests.support.service.served import Served

Events = list[tuple[str, dict[str, Any]]]


def a_job_id() -> str:
    job = read_job(make_jobs(0)[0])
    assert job is not None
    return job.id


ADDRESS = f"/api/jobs/{a_job_id()}/contacts/recruiter/0/stream"


@asynccontextmanager
async def served(redis_url: str, *backends: ScriptedBackend, **settings: Any) -> AsyncIterator[Served]:
    """The service in the demo world, its LLM backends replaced where some are given."""
    async with DemoServer(pace=Pace(0)) as world:
        async with served_app(redis_url, **demo_settings(world), **settings) as app:
            if backends:
                executor = app.services.launcher._executor
                executor._tools = replace(executor._tools, llm=LlmChain(backends, concurrency=2, timeout_s=60))
            yield app


async def read_events(answer: httpx.Response) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    name = ""
    async for line in answer.aiter_lines():
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, orjson.loads(value)


async def all_events(client: httpx.AsyncClient, address: str = ADDRESS, **body: Any) -> Events:
    async with client.stream("POST", address, json=body) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        return [event async for event in read_events(answer)]


def run_of(events: Events) -> str:
    name, data = events[0]
    assert name == "run"
    run_id: str = data["run_id"]
    return run_id


async def test_text_comes_while_the_same_call_is_traced(redis_url: str) -> None:
    async with served(redis_url) as app, app.client() as client:
        events = await all_events(client, about="I test.")
        run_id = run_of(events)
        run = (await client.get(f"/api/runs/{run_id}")).json()
        tail = await poll_to_the_end(client, run_id)
    assert {name for name, _ in events[1:-1]} == {"text"}
    name, end = events[-1]
    assert (name, end["status"]) == ("end", "completed")
    text = "".join(data["text"] for name, data in events if name == "text")
    assert text == end["result"]["message"]
    assert "I test." in text
    assert (run["status"], run["operation"]) == ("completed", "contact-outreach")  # at once: the end comes after it
    assert run["cost_nano"] == end["result"]["cost"]["nano"] > 0
    assert {"outreach_start", "outreach_text", "outreach_complete"} <= {event["event"] for event in tail}
    assert [event for event in tail if event["event"] == "llm_call_complete"]


async def test_the_text_is_there_before_the_answer_is_whole(redis_url: str) -> None:
    backend = ScriptedBackend("one", "Hello, ", held=True)
    async with served(redis_url, backend) as app, app.client() as client, client.stream("POST", ADDRESS) as answer:
        events = read_events(answer)
        run_id = run_of([await anext(events)])
        assert await anext(events) == ("text", {"text": "Hello, "})
        assert (await client.get(f"/api/runs/{run_id}")).json()["status"] == "running"
        backend.may_end.set()
        assert (await anext(events))[1]["status"] == "completed"
        with pytest.raises(StopAsyncIteration):
            await anext(events)


async def test_a_fallback_takes_back_what_came(redis_url: str) -> None:
    first, second = ScriptedBackend("one", "Dear ", fails=True, held=True), ScriptedBackend("two", "Hello")
    async with served(redis_url, first, second) as app, app.client() as client:
        async with client.stream("POST", ADDRESS) as answer:
            events = read_events(answer)
            run_of([await anext(events)])
            assert await anext(events) == ("text", {"text": "Dear "})
            first.may_end.set()
            assert await anext(events) == ("restart", {"reason": "one: overloaded"})
            assert await anext(events) == ("text", {"text": "Hello"})
            name, end = await anext(events)
    assert (name, end["result"]["message"], end["result"]["backend"]) == ("end", "Hello", "two")


async def test_who_leaves_stops_the_run_and_its_call(redis_url: str) -> None:
    backend = ScriptedBackend("one", "Hello", held=True)
    async with served(redis_url, backend) as app, app.client() as client:
        async with client.stream("POST", ADDRESS) as answer:
            events = read_events(answer)
            run_id = run_of([await anext(events)])
            await anext(events)
        await poll_to_the_end(client, run_id)
        run = (await client.get(f"/api/runs/{run_id}")).json()
        assert app.services.launcher.running == 0
    assert backend.was_cancelled
    assert (run["status"], run["open"]) == ("cancelled", 0)


async def test_a_run_that_is_cancelled_says_so(new_redis_url: str) -> None:
    backend = ScriptedBackend("one", "Hello", held=True)
    async with served(new_redis_url, backend) as app, app.client() as client, client.stream("POST", ADDRESS) as answer:
        events = read_events(answer)
        run_id = run_of([await anext(events)])
        await anext(events)
        assert app.services.launcher.cancel(run_id)
        assert await anext(events) == ("end", {"status": "cancelled"})


async def test_a_stop_of_the_service_ends_the_stream(new_redis_url: str) -> None:
    backend = ScriptedBackend("one", "Hello", held=True)
    async with served(new_redis_url, backend) as app, app.client() as client, client.stream("POST", ADDRESS) as answer:
        events = read_events(answer)
        run_of([await anext(events)])
        await anext(events)
        app.services.launcher.stop_waiting()  # as the server does before it waits for its connections
        assert await anext(events) == ("end", {"status": "cancelled"})
        assert (await client.post(ADDRESS)).status_code == 503
    assert backend.was_cancelled


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("/api/jobs/no-such-job/contacts/peer/0/stream", "job no-such-job is unknown"),
        (ADDRESS.replace("/0/", "/7/"), "no contact number 7"),
    ],
)
async def test_a_run_that_fails_says_why(new_redis_url: str, address: str, why: str) -> None:
    async with served(new_redis_url) as app, app.client() as client:
        events = await all_events(client, address)
    assert [name for name, _ in events] == ["run", "end"]
    end = events[-1][1]
    assert (end["status"], end["error"]["type"]) == ("failed", "OperationError")
    assert why in end["error"]["message"]


@pytest.mark.parametrize(
    ("address", "content", "status", "where"),
    [
        (ADDRESS.replace("recruiter", "friend"), b"", 422, ["path", "type"]),
        (ADDRESS.replace("/0/", "/-1/"), b"", 422, ["path", "index"]),
        (ADDRESS.replace("/0/", "/first/"), b"", 422, ["path", "index"]),
        (ADDRESS, b'{"channel":"fax"}', 422, ["body", "channel"]),
        (ADDRESS, b'{"else":1}', 422, ["body", "else"]),
        (f"{ADDRESS}?budget_usd=-1", b"", 422, ["query", "budget_usd"]),
        (ADDRESS, b"[", 422, ["body", 1]),
        (ADDRESS, b" " * 262_145, 413, None),
    ],
)
async def test_wrong_input_starts_nothing(
    new_redis_url: str, address: str, content: bytes, status: int, where: list[Any] | None
) -> None:
    async with served(new_redis_url) as app, app.client() as client:
        answer = await client.post(address, content=content, headers={"content-type": "application/json"})
        plain = await client.post(ADDRESS, content=b"x", headers={"content-type": "text/plain"})
        runs = (await client.get("/api/runs")).json()["runs"]
    assert (answer.status_code, plain.status_code) == (status, 415)
    assert answer.headers["content-type"] == "application/problem+json"
    if where is not None:
        assert answer.json()["errors"][0]["loc"] == where
    assert runs == []


async def test_one_too_many_is_told_to_come_again(new_redis_url: str) -> None:
    backend = ScriptedBackend("one", "Hello", held=True)
    async with served(new_redis_url, backend, max_runs=1) as app, app.client() as client:
        async with client.stream("POST", ADDRESS) as answer:
            await anext(read_events(answer))
            second = await client.post(ADDRESS)
            backend.may_end.set()
        await eventually_async(lambda: app.services.launcher.running == 0)
    assert second.status_code == 429
    assert second.headers["retry-after"]


async def test_without_a_stream_it_is_a_run_like_any_other(new_redis_url: str) -> None:
    async with served(new_redis_url) as app, app.client() as client:
        answer = await client.post("/api/operations/contact-outreach", json={"job_id": a_job_id(), "type": "peer"})
        assert answer.status_code == 202
        await poll_to_the_end(client, answer.json()["run_id"])
        run = (await client.get(f"/api/runs/{answer.json()['run_id']}")).json()
    assert run["status"] == "completed"
