"""Several processes on one Redis: any service serves, cancels and repeats any run, whoever runs it."""

from __future__ import annotations

import asyncio
import signal
import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.integration.service.harness import Service, poll_to_the_end, spantail_process
from tests.support.waiting import eventually_async

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SEARCH = {"job_titles": ["engineer"], "sources": ["himalayas"]}


class World:
    """Two services that leave the queue alone, and a job board that takes connections and never answers."""

    def __init__(self, url: str, stack: ExitStack, folder: Path) -> None:
        self._stack = stack
        board = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        self._settings = {
            "SPANTAIL_REDIS_URL": url,
            "SPANTAIL_PORT": "0",
            "SPANTAIL_HIMALAYAS_URL": f"http://127.0.0.1:{board.getsockname()[1]}",
            "SPANTAIL_SOURCE_TIMEOUT_S": "300",
            "SPANTAIL_CLAUDE_COMMAND": "no-such-command",
        }
        self._folder = folder
        self.services = [self.start("serve", SPANTAIL_RUNNERS="0") for _ in range(2)]
        for service in self.services:
            service.await_ready()

    def start(self, *command: str, **more: str) -> Service:
        """A process of ours."""
        return self._stack.enter_context(spantail_process(*command, cwd=self._folder, **self._settings, **more))

    def client(self, number: int) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.services[number].url, timeout=30)


@pytest.fixture
def world(new_redis_url: str, tmp_path: Path) -> Iterator[World]:
    with ExitStack() as stack:
        yield World(new_redis_url, stack, tmp_path)


async def status_is(client: httpx.AsyncClient, run_id: str, status: str) -> Any:
    """Wait until a run has a status; the run."""

    async def reached() -> Any:
        run = (await client.get(f"/api/runs/{run_id}")).json()
        return run if run["status"] == status else None

    return await eventually_async(reached, 30, what=f"{run_id} is {status}")


async def works_at(client: httpx.AsyncClient, run_id: str) -> Any:
    """Whether it has got so far that it waits for the job board."""
    spans = (await client.get(f"/api/traces/{run_id}")).json()["spans"]
    return any(span["name"] == "fetch" for span in spans)


async def test_a_run_is_served_cancelled_and_repeated_by_another_service(world: World) -> None:
    async with world.client(0) as one, world.client(1) as other:
        run_id = (await one.post("/api/jobs/search", json=SEARCH)).json()["run_id"]
        await eventually_async(lambda: works_at(other, run_id), 30)
        answer = await other.post(f"/api/runs/{run_id}/cancel")
        assert (answer.status_code, answer.json()) == (202, {"run_id": run_id, "status": "cancelling"})
        await poll_to_the_end(other, run_id)
        assert (await status_is(other, run_id, "cancelled"))["open"] == 0
        again = await other.post(f"/api/runs/{run_id}/retry")
        assert again.status_code == 202, again.text
        assert again.json()["retry_of"] == run_id
        next_id = again.json()["run_id"]
        root = next(
            span for span in (await one.get(f"/api/traces/{next_id}")).json()["spans"] if span["parent_id"] is None
        )
        assert run_id in {link["run_id"] for link in root["links"]}
        assert (await one.post(f"/api/runs/{next_id}/cancel")).status_code == 202
        await status_is(one, next_id, "cancelled")


async def test_what_a_runner_works_on_is_cancelled_by_any_service(world: World) -> None:
    async with world.client(0) as one, world.client(1) as other:
        taken = (await one.post("/api/queue", json={"operation": "job-search", "input": SEARCH, "id": "one"})).json()
        run_id = taken["run_id"]
        assert (await other.get(f"/api/runs/{run_id}")).json()["status"] == "queued"
        runner = world.start("runner")
        await eventually_async(lambda: works_at(other, run_id), 60)
        working: Any = await eventually_async(lambda: busy_runner(other), what="the runner says what it does")
        assert (working["kind"], working["alive"], working["pid"]) == ("runner", True, runner.process.pid)
        assert (working["running"][0]["run_id"], working["running"][0]["item_id"]) == (run_id, "one")
        (item,) = (await one.get("/api/queue")).json()["items"]
        assert (item["status"], item["runner"], item["run_id"]) == ("running", working["id"], run_id)
        assert (await other.post(f"/api/runs/{run_id}/cancel")).status_code == 202
        await status_is(one, run_id, "cancelled")
        await eventually_async(lambda: item_is(other, "cancelled"), 30)
        again = (await other.post("/api/queue/one/retry")).json()["run_id"]
        await eventually_async(lambda: works_at(one, again), 30)
        assert (await one.post("/api/queue/one/cancel")).json()["status"] == "cancelling"
        await status_is(other, again, "cancelled")
        await asyncio.to_thread(runner.stop, signal.SIGTERM)


async def busy_runner(client: httpx.AsyncClient) -> Any:
    """The process that works, once it has said so."""
    listed = (await client.get("/api/runners")).json()["runners"]
    return next((found for found in listed if found["running"]), None)


async def item_is(client: httpx.AsyncClient, status: str) -> Any:
    (item,) = (await client.get("/api/queue")).json()["items"]
    return item["status"] == status
