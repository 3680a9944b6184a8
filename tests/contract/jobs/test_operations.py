"""`GET /api/operations` and the routes that start one: 202, then work that can be watched."""

from __future__ import annotations

import asyncio
import logging
import re
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import redis
from redis.exceptions import ResponseError

from bench.support.ports import free_port
from spantail_service.demo.faults import Pace
from spantail_service.demo.server import DemoServer
from spantail_service.operations.cv_pipeline.sample import CV, POSTING
from spantail_service.storage.run_writes import RunStore
from tests.integration.service.harness import poll_to_the_end, running_app
from tests.support.runs.live_runs import StoredRun, fold
from tests.support.waiting import eventually_async
from tests.support.work.demo_world import demo_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

SEARCH = {"job_titles": ["python developer"], "max_results": 3}


class Gate:
    """Holds the demo world's answers until it is opened."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.waiting = 0

    async def __call__(self, _path: str) -> None:
        self.waiting += 1
        await self.open.wait()


@asynccontextmanager
async def demo_app(redis_url: str, gate: Gate | None = None, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with DemoServer(pace=Pace(0), hold=gate) as world:
        async with running_app(redis_url, **{**demo_settings(world), **settings}) as client:
            yield client


async def test_catalogue(redis_url: str) -> None:
    async with running_app(redis_url) as client:
        answer = (await client.get("/api/operations")).json()
    operations = {op["name"]: op for op in answer["operations"]}
    assert answer["demo"] is False
    assert set(operations) == {
        "job-search", "job-ingest", "job-import", "generate-annotations", "contact-outreach", "cv-pipeline",
    }  # fmt: skip
    assert operations["job-search"]["path"] == "/api/jobs/search"
    assert operations["job-ingest"]["path"] == "/api/jobs/ingest"
    assert operations["generate-annotations"]["path"] == "/api/jobs/{job_id}/generate-annotations"
    for name in ("contact-outreach", "cv-pipeline"):  # where the page's form posts to
        assert operations[name]["path"] == f"/api/operations/{name}"
    assert "job_titles" in operations["job-search"]["input_schema"]["properties"]
    assert operations["job-search"]["layers"]


@pytest.mark.parametrize("path", ["/api/jobs/search", "/api/operations/job-search"])
async def test_a_search_can_be_watched_from_its_first_moment(redis_url: str, path: str) -> None:
    gate = Gate()
    async with demo_app(redis_url, gate) as client:
        answer = await client.post(path, json=SEARCH)
        assert answer.status_code == 202
        run_id = answer.json()["run_id"]
        assert answer.json() == {"run_id": run_id, "status": "running"}
        assert re.fullmatch("[0-9a-f]{32}", run_id)
        assert answer.headers["location"] == f"/runs/{run_id}"
        frame = (await client.get(f"/api/logs/{run_id}")).json()  # the very first poll has the running root
        assert frame["logs"][0]["event"] == "operation_start"
        assert frame["logs"][0]["links"]  # to the request's own span, which is in no run
        assert frame["status"] == "running"
        await eventually_async(lambda: gate.waiting > 0)
        gate.open.set()
        events = await poll_to_the_end(client, run_id)
        snapshot = (await client.get(f"/api/traces/{run_id}")).json()
        (item,) = (await client.get("/api/runs")).json()["runs"]  # neither requests nor polls made a run
    assert snapshot["run"]["status"] == "completed"
    spans = {span["span_id"]: span for span in snapshot["spans"]}
    for event in events:
        del event["seq"]
    assert spans == fold(events)
    calls = [span for span in spans.values() if span["kind"] == "llm_call"]
    assert calls
    assert all(span["backend"] and span["cost_source"] for span in calls)
    assert sum(span.get("cost_nano", 0) for span in calls) == item["cost_nano"] > 0
    assert {span["status"] for span in calls if span["backend"] == "claude_cli"} == {"skipped"}
    assert (item["operation"], item["name"], item["demo"]) == ("job-search", "job search · python developer", True)
    assert item["open"] == 0
    assert all(layer["status"] in ("complete", "skipped") for layer in snapshot["run"]["layers"])


async def test_an_ingest_is_seen_job_by_job_and_in_sum(redis_url: str) -> None:
    ingest = {"keywords": ["python developer"], "max_jobs": 3}
    async with demo_app(redis_url) as client:
        run_ids = [(await client.post("/api/jobs/ingest", json=ingest)).json()["run_id"]]
        events = await poll_to_the_end(client, run_ids[0])
        run_ids.append((await client.post("/api/operations/job-ingest", json=ingest)).json()["run_id"])
        again = await poll_to_the_end(client, run_ids[1])
        runs = [(await client.get(f"/api/runs/{run_id}")).json() for run_id in run_ids]
    assert [run["status"] for run in runs] == ["completed", "completed"]
    said = {name: [e["attributes"] for e in events if e["event"] == name] for name in {e["event"] for e in events}}
    assert len(said["ingest_start"]) == len(said["fetch_complete"]) == len(said["ingest_complete"]) == 1
    assert all(scored["cost_usd"] > 0 and scored["backend"] == "langchain" for scored in said["job_scored"])
    (complete,) = said["ingest_complete"]
    assert (complete["ingested"], complete["duplicates"]) == (len(said["job_scored"]), 0) == (3, 0)
    assert complete["total_cost_usd"] == pytest.approx(runs[0]["cost_usd"])
    (complete,) = (e["attributes"] for e in again if e["event"] == "ingest_complete")
    assert (complete["ingested"], complete["duplicates"], runs[1]["cost_nano"]) == (0, 3, 0)


async def test_the_first_run_without_the_cli_has_no_error(new_redis_url: str) -> None:
    """What a newcomer sees first: the CLI is looked for once by each model, and all else goes well."""
    async with demo_app(new_redis_url) as client:
        given = {"job_titles": ["python developer"], "max_results": 8}
        run_id = (await client.post("/api/jobs/search", json=given)).json()["run_id"]
        await poll_to_the_end(client, run_id)
        snapshot = (await client.get(f"/api/traces/{run_id}")).json()
        breakers = (await client.get("/api/breakers")).json()["breakers"]
    assert snapshot["run"]["errors"] == 0
    skipped = Counter(span["model"] for span in snapshot["spans"] if span["status"] == "skipped" and "model" in span)
    assert set(skipped.values()) == {1}
    groups = [span for span in snapshot["spans"] if span["kind"] == "llm_group"]
    totals = snapshot["run"]["backends"]
    assert totals["claude_cli"]["expected_fallbacks"] == len(groups) > len(skipped)
    assert totals["claude_cli"]["calls"] == totals["claude_cli"]["errors"] == totals["claude_cli"]["fallbacks"] == 0
    missing = {each["model"]: each["reason"] for each in breakers if each["state"] == "open"}
    assert missing == dict.fromkeys(skipped, "not_installed")


async def test_annotations_take_the_job_from_the_path(redis_url: str) -> None:
    async with demo_app(redis_url) as client:
        answer = await client.post("/api/jobs/no-such-job/generate-annotations")
        run_id = answer.json()["run_id"]
        await poll_to_the_end(client, run_id)
        run = (await client.get(f"/api/runs/{run_id}")).json()
    assert answer.status_code == 202
    assert (run["operation"], run["status"]) == ("generate-annotations", "failed")


async def test_the_pipeline_takes_the_job_from_the_path(new_redis_url: str) -> None:
    async with demo_app(new_redis_url) as client:
        answer = await client.post("/api/jobs/no-such-job/pipeline", json={"cv": CV})
        await poll_to_the_end(client, answer.json()["run_id"])
        run = (await client.get(f"/api/runs/{answer.json()['run_id']}")).json()
        came = (await client.get(f"/api/runs/{answer.json()['run_id']}/result")).json()
        both = await client.post("/api/jobs/no-such-job/pipeline", json={"cv": CV, "posting": POSTING})
    assert answer.status_code == 202
    assert (run["operation"], run["status"]) == ("cv-pipeline", "failed")
    assert came["result"] is None
    assert came["error"]["type"] == "OperationError"
    assert "job no-such-job is unknown" in came["error"]["message"]
    assert both.status_code == 422
    assert both.json()["errors"] == [
        {"loc": ["body"], "msg": "Value error, either job_id or posting is wanted, not both"}
    ]


async def test_a_whole_pipeline_over_http(redis_url: str) -> None:
    async with demo_app(redis_url) as client:
        answer = await client.post("/api/operations/cv-pipeline", json={"cv": CV, "posting": POSTING})
        run_id = answer.json()["run_id"]
        events = await poll_to_the_end(client, run_id)
        run = (await client.get(f"/api/runs/{run_id}")).json()
        came = (await client.get(f"/api/runs/{run_id}/result")).json()
    assert (run["status"], run["cost_nano"] > 0) == ("completed", True)
    assert (came["run_id"], came["operation"], came["status"], came["error"]) == (
        run_id,
        "cv-pipeline",
        "completed",
        None,
    )
    assert came["result"]["document"].startswith("# Mara Lindqvist")
    assert came["result"]["cost"]["nano"] == run["cost_nano"]
    assert [(layer["name"], layer["status"]) for layer in run["layers"]] == [
        (name, "complete") for name in ("load", "parse", "analyse", "plan", "write", "validate", "assemble")
    ]
    names = {event["event"] for event in events}
    assert names >= {
        "pipeline_start", "pipeline_complete", "layer_start", "layer_complete", "phase_start", "phase_complete",
        "subphase_start", "subphase_complete", "decision_point", "validation_result", "cv_struct_start",
        "cv_struct_section", "cv_struct_complete", "llm_call_start", "llm_call_complete",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"{}", 422), (b"[]", 422), (b"{", 422), (b"\xff", 422), (b'{"job_titles":[]}', 422),
        (b'{"job_titles":["a"],"else":1}', 422), (b'{"job_titles":["a"],"max_results":NaN}', 422),
        (b"[" * 100_000, 422), (b" " * 262_145, 413),
    ],
)  # fmt: skip
async def test_wrong_input_starts_nothing(redis_url: str, content: bytes, status: int) -> None:
    async with demo_app(redis_url) as client:
        answer = await client.post("/api/jobs/search", content=content, headers={"content-type": "application/json"})
        runs = (await client.get("/api/runs")).json()["runs"]
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    if status == 422:
        assert {"loc", "msg"} == set(answer.json()["errors"][0])
        assert answer.json()["errors"][0]["loc"][0] == "body"
    assert runs == []


async def test_only_our_own_page_starts_work(redis_url: str) -> None:
    async with demo_app(redis_url) as client:
        plain = await client.post("/api/jobs/search", content=b"{}", headers={"content-type": "text/plain"})
        foreign = await client.post("/api/jobs/search", json=SEARCH, headers={"origin": "http://evil.example"})
        hidden = await client.post("/api/jobs/search", json=SEARCH, headers={"origin": "null"})
        unknown = await client.post("/api/operations/no-such", json={})
        own = await client.post("/api/jobs/search", json=SEARCH, headers={"origin": "http://localhost"})
        await poll_to_the_end(client, own.json()["run_id"])
    assert [a.status_code for a in (plain, foreign, hidden, unknown, own)] == [415, 403, 403, 404, 202]


async def test_one_too_many_is_told_to_come_again(redis_url: str) -> None:
    gate = Gate()
    async with demo_app(redis_url, gate, max_runs=1) as client:
        first = await client.post("/api/jobs/search", json=SEARCH)
        second = await client.post("/api/jobs/search", json=SEARCH)
        gate.open.set()
        await poll_to_the_end(client, first.json()["run_id"])
        launcher = client.app.state.services.launcher  # type: ignore[attr-defined]
        await eventually_async(lambda: launcher.running == 0)
        third = await client.post("/api/jobs/search", json=SEARCH)
        await poll_to_the_end(client, third.json()["run_id"])
    assert (first.status_code, second.status_code, third.status_code) == (202, 429, 202)
    assert second.headers["retry-after"]


async def test_cancel_ends_a_run_as_cancelled(redis_url: str) -> None:
    gate = Gate()
    async with demo_app(redis_url, gate) as client:
        run_id = (await client.post("/api/jobs/search", json=SEARCH)).json()["run_id"]
        await eventually_async(lambda: gate.waiting > 0)
        launcher = client.app.state.services.launcher  # type: ignore[attr-defined]
        assert launcher.cancel(run_id) is True
        assert launcher.cancel("0" * 32) is False
        await poll_to_the_end(client, run_id)
        run = (await client.get(f"/api/runs/{run_id}")).json()
        gate.open.set()
    assert run["status"] == "cancelled"
    assert run["open"] == 0


async def test_a_stop_ends_runs_and_stores_their_end(redis_url: str) -> None:
    gate = Gate()
    async with demo_app(redis_url, gate) as client:
        run_id = (await client.post("/api/jobs/search", json=SEARCH)).json()["run_id"]
        await eventually_async(lambda: gate.waiting > 0)
        gate.open.clear()
        # leaving the block is the stop; the demo world is still held then
        leaving = client.app.state.services.launcher  # type: ignore[attr-defined]
    assert leaving.running == 0
    run = StoredRun(redis_url, run_id)
    assert run.meta["status"] == "cancelled"
    assert run.meta["open"] == "0"
    assert run.meta["expected"] == run.meta["next"]


async def test_the_end_of_a_run_is_stored_once_redis_takes_it_again(
    new_redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, refused = Gate(), asyncio.Event()
    replace_state = RunStore.replace_state

    async def watched(self: RunStore, *state: Any) -> bool:
        try:
            return await replace_state(self, *state)
        except ResponseError:
            refused.set()
            raise

    monkeypatch.setattr(RunStore, "replace_state", watched)
    with redis.Redis.from_url(new_redis_url) as plain:
        async with demo_app(new_redis_url, gate) as client:
            run_id = (await client.post("/api/jobs/search", json=SEARCH)).json()["run_id"]
            await eventually_async(lambda: gate.waiting > 0)
            plain.config_set("min-replicas-to-write", 1)
            try:
                gate.open.set()
                await asyncio.wait_for(refused.wait(), 20)
            finally:
                plain.config_set("min-replicas-to-write", 0)
            # It may have failed: what it found was to be kept in the same Redis.
            ends = {"completed", "failed"}
            await eventually_async(lambda: StoredRun(new_redis_url, run_id).meta["state"] in ends, 30)


async def test_a_stop_waits_for_the_end_that_is_just_stored(
    new_redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    over, go = asyncio.Event(), asyncio.Event()
    replace_state = RunStore.replace_state

    async def slow(self: RunStore, *state: Any) -> bool:
        over.set()
        await go.wait()
        return await replace_state(self, *state)

    monkeypatch.setattr(RunStore, "replace_state", slow)
    async with demo_app(new_redis_url) as client:
        run_id = (await client.post("/api/jobs/search", json=SEARCH)).json()["run_id"]
        await asyncio.wait_for(over.wait(), 20)
        launcher = client.app.state.services.launcher  # type: ignore[attr-defined]
        assert launcher.cancel(run_id) is False
        stop = asyncio.create_task(launcher.close(10))
        asyncio.get_running_loop().call_soon(go.set)
        await stop
    run = StoredRun(new_redis_url, run_id)
    assert (run.meta["status"], run.meta["state"]) == ("completed", "completed")


async def test_without_redis_nothing_is_started() -> None:
    gate = Gate()
    async with demo_app(f"redis://127.0.0.1:{free_port()}/0", gate) as client:
        answer = await asyncio.wait_for(client.post("/api/jobs/search", json=SEARCH), 10)
        launcher = client.app.state.services.launcher  # type: ignore[attr-defined]
        await eventually_async(lambda: launcher.running == 0)
        assert gate.waiting == 0
    assert answer.status_code == 503
    assert answer.headers["retry-after"]


async def test_what_a_request_logs_makes_no_run(redis_url: str) -> None:
    async with running_app(redis_url) as client:

        async def talkative() -> None:
            logging.getLogger("spantail_service.test").warning("inside a server span")

        client.app.post("/api/jobs/talkative")(talkative)  # type: ignore[attr-defined]
        assert (await client.post("/api/jobs/talkative")).status_code == 200
        run_id = (await client.post("/api/jobs/none/generate-annotations")).json()["run_id"]
        await poll_to_the_end(client, run_id)
        runs = (await client.get("/api/runs")).json()["runs"]
    assert [run["run_id"] for run in runs] == [run_id]
