"""What holds a whole run, and what searches through many, is bounded: more than that is told to come again."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from spantail_service.errors import CallerLeftError
from spantail_service.services import services_in
from spantail_service.tempo import recent
from spantail_service.tempo.recent import Period
from spantail_service.web import large_responses
from spantail_service.web.problems import status_of
from tests.integration.service.harness import ROOT_SPAN, RUN, START, Writer, running_app
from tests.support.service.served import Served, served_app
from tests.support.waiting import eventually_async

if TYPE_CHECKING:
    import httpx

EXPORT = f"/api/runs/{RUN}/export?format=otlp"
WHOLE = (EXPORT, f"/api/runs/{RUN}/export?format=ndjson", f"/api/traces/{RUN}", f"/tempo/api/traces/{RUN}",
         f"/tempo/api/v2/traces/{RUN}")  # fmt: skip
BYTES = 6_000_000  # more than the sockets' buffers take


def _large_run(url: str) -> None:
    with Writer(url) as writer:
        writer.span(RUN, end=START + 5)
        for number in range(BYTES // 100_000):
            span_id = f"{number + 1:016x}"
            writer.span(RUN, span_id, parent_id=ROOT_SPAN, end=START + 5, attributes={"text": "x" * 100_000})


@contextlib.asynccontextmanager
async def _who_takes_nothing(service: Served, path: str) -> Any:
    host, port = service.address.split(":")
    _, writer = await asyncio.open_connection(host, int(port), limit=1_024)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {service.address}\r\n\r\n".encode())
    try:
        yield
    finally:
        writer.transport.abort()


def _is_refusal(answer: httpx.Response, kind: str) -> bool:
    return (answer.status_code, answer.json()["type"], answer.headers["retry-after"]) == (
        503, f"urn:spantail:problem:{kind}", "5"
    )  # fmt: skip


async def test_answers_that_nobody_takes_are_bounded(new_redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_responses, "_BUDGET_BYTES", 2 * BYTES)
    _large_run(new_redis_url)
    async with served_app(new_redis_url) as service, service.client() as client:
        room = service.services.large_responses.budget
        async with _who_takes_nothing(service, EXPORT):
            await eventually_async(lambda: room.held > BYTES)
            for path in (EXPORT, f"/tempo/api/traces/{RUN}", f"/api/traces/{RUN}"):
                refused = await client.get(path, headers={"accept-encoding": "identity"})
                assert _is_refusal(refused, "too-busy"), path
        await eventually_async(lambda: room.held == 0)
        whole = await client.get(EXPORT)
        assert len(whole.content) == int(whole.headers["content-length"]) > BYTES
        assert len(orjson.loads(whole.content)["resourceSpans"]) == 1
        assert room.held == 0


async def test_a_reader_that_takes_nothing_is_left(new_redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_responses, "_CHUNK_S", 0.2)
    _large_run(new_redis_url)
    async with served_app(new_redis_url) as service:
        room = service.services.large_responses.budget
        async with _who_takes_nothing(service, EXPORT):
            await eventually_async(lambda: room.held > BYTES)
            await eventually_async(lambda: room.held == 0, what="the end of the answer")


async def test_few_answers_are_made_at_a_time(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_responses, "_LONGEST_WAIT_S", 0.05)
    with Writer(redis_url) as writer:
        writer.span(RUN, end=START + 5)
    async with running_app(redis_url) as client:
        answers = services_in(client.app).large_responses  # type: ignore[attr-defined]
        async with answers.making(), answers.making():
            for path in WHOLE:
                assert _is_refusal(await client.get(path), "too-busy"), path
        for path in WHOLE:
            assert (await client.get(path)).status_code == 200, path


async def test_files_that_come_in_are_bounded(redis_url: str) -> None:
    async with running_app(redis_url) as client:
        room = services_in(client.app).large_responses.budget  # type: ignore[attr-defined]
        with room.hold() as hold:
            hold.take(room.limit)
            refused = await client.post("/api/runs/import", json={"resourceSpans": []})
            assert _is_refusal(refused, "too-busy")
        assert (await client.post("/api/runs/import", json={"resourceSpans": []})).status_code == 200
        assert room.held == 0


async def _is_here() -> bool:
    return False


async def _is_gone() -> bool:
    return True


async def test_a_search_is_not_made_for_who_has_left(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "MAX_WAITING", 2)
    async with running_app(redis_url) as client, contextlib.AsyncExitStack() as walking:
        searches = services_in(client.app).recent_runs  # type: ignore[attr-defined]
        for _ in range(recent._AT_A_TIME):
            await walking.enter_async_context(searches.walk(Period(), 1, _is_here))
        waiting = [asyncio.create_task(client.get("/tempo/api/search")) for _ in range(2)]
        await eventually_async(lambda: searches._turns._waiting == 2)
        for path in ("/tempo/api/search", "/tempo/api/search/tags", "/tempo/api/search/tag/x/values"):
            assert _is_refusal(await client.get(path), "too-many-searches"), path
        await walking.aclose()
        assert [answer.status_code for answer in await asyncio.gather(*waiting)] == [200, 200]
        for _ in range(3):  # none keeps its place
            with pytest.raises(CallerLeftError) as left:
                async with searches.walk(Period(), 1, _is_gone):
                    pass
            assert status_of(left.value) == 499


async def test_searches_of_clients_that_have_left_are_not_made(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with served_app(redis_url) as service, contextlib.AsyncExitStack() as walking:
        searches = service.services.recent_runs
        for _ in range(recent._AT_A_TIME):
            await walking.enter_async_context(searches.walk(Period(), 1, _is_here))
        async with contextlib.AsyncExitStack() as clients:
            for _ in range(5):
                await clients.enter_async_context(_who_takes_nothing(service, "/tempo/api/search"))
            await eventually_async(lambda: searches._turns._waiting == 5)
        await eventually_async(lambda: not service.server.server_state.connections)
        made: list[Period] = []
        monkeypatch.setattr(recent, "Walk", lambda *_: made.append(Period()))
        await walking.aclose()
        turns = searches._turns
        await eventually_async(lambda: turns._waiting == 0 and turns._slots._value == recent._AT_A_TIME)
        assert made == []
