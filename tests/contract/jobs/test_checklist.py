"""What must be true of every operation, however it is started: seen, stored, priced, explained, and gone in time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import redis

from spantail_exporters.model import keys
from spantail_service.operations.catalogue import CATALOGUE
from tests.contract.jobs.test_operations import Gate, demo_app
from tests.integration.service.harness import poll_to_the_end
from tests.support.runs.live_runs import StoredRun
from tests.support.waiting import eventually_async
from tests.support.work.operation_inputs import an_input

if TYPE_CHECKING:
    import httpx

SIX_HOURS_S, DAY_S = 6 * 3_600, 24 * 3_600
STREAMING = {"contact-outreach": "/api/jobs/{job_id}/contacts/{type}/{index}/stream"}
"""Operations with a route that answers with a stream of text."""
WAYS = [(name, way) for name in CATALOGUE for way in ("direct", "queued")] + [(name, "streaming") for name in STREAMING]

every_way = pytest.mark.parametrize(("name", "way"), WAYS, ids=[f"{name}-{way}" for name, way in WAYS])


async def start(client: httpx.AsyncClient, name: str, way: str) -> str:
    """Start the operation; the id of its run."""
    given = an_input(name)
    if way == "streaming":
        given.setdefault("index", 0)
        path = STREAMING[name].format(**given)
        in_path = {part for part in given if f"{{{part}}}" in STREAMING[name]}
        answer = await client.post(path, json={key: value for key, value in given.items() if key not in in_path})
        assert answer.status_code == 200, answer.text
        first, data = answer.text.splitlines()[:2]
        assert first == "event: run"
        return str(orjson.loads(data.removeprefix("data: "))["run_id"])
    query = "?queue=true" if way == "queued" else ""
    answer = await client.post(f"/api/operations/{name}{query}", json=given)
    assert answer.status_code == 202, answer.text
    assert answer.json()["status"] == ("queued" if way == "queued" else "running")
    return str(answer.json()["run_id"])


@every_way
async def test_a_run_is_seen_stored_and_priced(new_redis_url: str, name: str, way: str) -> None:
    async with demo_app(new_redis_url, runners=1) as client:
        run_id = await start(client, name, way)
        events = await poll_to_the_end(client, run_id)  # the poll returns it, from the first event to the last
        run = (await client.get(f"/api/runs/{run_id}")).json()
    assert (run["operation"], run["status"], run["open"]) == (name, "completed", 0)
    stored = StoredRun(new_redis_url, run_id)
    for event in events:
        del event["seq"]
    assert stored.events == events, "what the poll returned is what logs:{run_id}:buffer holds"
    assert {"layer_start", "layer_complete", "llm_call_start", "llm_call_complete"} <= {e["event"] for e in events}
    paid = [event for event in events if event["event"] == "llm_call_complete"]
    assert all(event["cost_usd"] > 0 and event["backend"] and event["tokens"] for event in paid)
    assert sum(event["cost_nano"] for event in paid) == run["cost_nano"] > 0
    assert [layer["name"] for layer in run["layers"]] == list(CATALOGUE[name].layers)
    assert {layer["status"] for layer in run["layers"]} <= {"complete", "skipped"}
    everything_expires(new_redis_url, run_id)


def everything_expires(redis_url: str, run_id: str) -> None:
    """Six hours after the run has settled; its state a day after it was written."""
    names = keys.run_keys(run_id)
    with redis.Redis.from_url(redis_url) as client:
        for key in (names.buffer, names.spans, names.meta, names.layers):
            assert 0 < client.ttl(key) <= SIX_HOURS_S, key
        assert SIX_HOURS_S < client.ttl(names.state) <= DAY_S


@every_way
async def test_a_failure_is_explained(new_redis_url: str, name: str, way: str) -> None:
    failing: dict[str, Any] = {"fallback_model": "demo-error-500", "fallback_small_model": "demo-error-500"}
    async with demo_app(new_redis_url, runners=1, **failing) as client:
        run_id = await start(client, name, way)
        events = await poll_to_the_end(client, run_id)
        run = (await client.get(f"/api/runs/{run_id}")).json()
    assert run["status"] == "failed"
    errors = [event["error"] for event in events if event.get("error")]
    assert any("Traceback (most recent call last)" in error.get("traceback", "") for error in errors)
    (root,) = (event for event in events if event.get("parent_id") is None and event["event"] == "operation_error")
    assert root["error"]["message"]
    assert {layer["status"] for layer in run["layers"]} <= {"complete", "error", "skipped"}
    with redis.Redis.from_url(new_redis_url) as plain:
        state = orjson.loads(plain.get(keys.run_keys(run_id).state) or b"{}")
    assert state["error"]["message"] == root["error"]["message"]


@pytest.mark.parametrize("way", ["direct", "queued"])
async def test_a_run_that_works_has_an_owner(new_redis_url: str, way: str) -> None:
    gate = Gate()
    async with demo_app(new_redis_url, gate, runners=1) as client:
        run_id = await start(client, "job-search", way)
        await eventually_async(lambda: gate.waiting > 0)
        with redis.Redis.from_url(new_redis_url) as plain:
            await eventually_async(lambda: plain.exists(keys.run_owner(run_id)))
            owner = (plain.get(keys.run_owner(run_id)) or b"").decode()
            assert 0 < plain.pttl(keys.run_owner(run_id)) <= 60_000

        async def the_owner_says_so() -> bool:
            (runner,) = (await client.get("/api/runners")).json()["runners"]
            assert (runner["id"], runner["alive"]) == (owner, True)
            return [one["run_id"] for one in runner["running"]] == [run_id]

        await eventually_async(the_owner_says_so)  # type: ignore[arg-type]  # mypy finds no T in a coroutine
        gate.open.set()
        await poll_to_the_end(client, run_id)


@pytest.mark.alone
@pytest.mark.parametrize("way", ["direct", "queued"])
@pytest.mark.parametrize("name", CATALOGUE)
async def test_the_answer_comes_at_once_while_the_work_goes_on(new_redis_url: str, name: str, way: str) -> None:
    gate, took_s = Gate(), list[float]()
    async with demo_app(new_redis_url, gate, runners=1) as client:
        run_ids = []
        for _ in range(24):  # the quickest counts: the first one loads libraries, and others work here too
            began = time.perf_counter()
            run_ids.append(await start(client, name, way))
            took_s.append(time.perf_counter() - began)
            if took_s[-1] < 0.1:
                break
        for run_id in run_ids:
            assert (await client.get(f"/api/runs/{run_id}")).json()["status"] in {"queued", "running"}
        gate.open.set()
        for run_id in run_ids:
            await poll_to_the_end(client, run_id)
    assert min(took_s) < 0.1
