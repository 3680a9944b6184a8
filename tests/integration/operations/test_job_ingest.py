"""Ingest and import with the real clients and a real Redis, and the traces they leave."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
import redis

from spantail_service.demo.corpus import make_jobs
from spantail_service.operations.base import OperationError
from spantail_service.operations.job_store import JobStore, JobsUnavailableError
from spantail_service.operations.sources.himalayas import read_job
from tests.integration.operations.conftest import demo_world, settings_for, tools_for
from tests.integration.operations.traces import attributes, event, events, run, status

if TYPE_CHECKING:
    from tests.integration.operations.traces import Traces

INGEST: dict[str, Any] = {"keywords": ["python developer"], "max_jobs": 4}


def job_ids(count: int) -> list[str]:
    return [job.id for row in make_jobs(7)[:count] if (job := read_job(row)) is not None]


async def test_the_whole_trace(traces: Traces) -> None:
    async with demo_world() as demo, tools_for(settings_for(demo)) as tools:
        result = await run("job-ingest", INGEST, tools)
    root = traces.named("job ingest")
    assert [(span.name, status(span)) for span in traces.children(root)] == [
        ("fetch", "ok"), ("deduplicate", "ok"), ("score", "ok"),
    ]  # fmt: skip
    assert sorted((span.name, status(span)) for span in traces.children(traces.named("fetch"))) == [
        ("source bayt", "skipped"), ("source himalayas", "ok"), ("source indeed", "skipped"),
    ]  # fmt: skip
    assert event(root, "ingest_start") == {
        "sources": ("himalayas", "indeed", "bayt"), "keywords": ("python developer",)
    }  # fmt: skip
    assert event(traces.named("fetch"), "fetch_complete") == {"jobs": 4, "sources": 3, "failed": 0}
    assert event(traces.named("deduplicate"), "decision_point")["new"] == 4
    score = traces.named("score")
    scored: list[dict[str, Any]] = [dict(each.attributes or {}) for each in score.events]
    assert events(score) == ["job_scored"] * 4
    assert {each["job_id"] for each in scored} == {job["id"] for job in result["jobs"]}
    assert all(0 <= each["score"] <= 100 and each["cost_usd"] > 0 and each["backend"] == "langchain" for each in scored)
    assert attributes(score)["spantail.progress.done"] == attributes(score)["spantail.progress.total"] == 4
    paid = sum(attributes(call).get("spantail.cost_usd", 0) for call in traces.of_kind("llm_call"))
    complete = event(root, "ingest_complete")
    assert (complete["ingested"], complete["duplicates"], complete["failed"]) == (4, 0, 0)
    assert complete["total_cost_usd"] == pytest.approx(paid) == pytest.approx(sum(each["cost_usd"] for each in scored))
    assert result["ingested"] == len(result["jobs"]) == 4
    assert result["cost"]["usd"] == complete["total_cost_usd"]


async def test_what_was_ingested_is_a_duplicate_after_a_restart(traces: Traces) -> None:
    async with demo_world() as demo:
        async with tools_for(settings_for(demo)) as tools:
            await run("job-ingest", INGEST, tools)
        traces.clear()
        async with tools_for(settings_for(demo)) as tools:
            result = await run("job-ingest", {**INGEST, "max_jobs": 6}, tools)
    assert (result["ingested"], result["duplicates"]) == (2, 4)
    assert event(traces.named("deduplicate"), "decision_point")["known"] == 4


async def test_two_ingests_at_once_count_each_job_once(traces: Traces) -> None:
    async with demo_world() as demo, tools_for(settings_for(demo)) as one, tools_for(settings_for(demo)) as other:
        results = await asyncio.gather(
            *(run("job-ingest", {**INGEST, "max_jobs": 10}, tools) for tools in (one, other))
        )
    taken = [job["id"] for result in results for job in result["jobs"]]
    assert len(taken) == len(set(taken)) == 10
    assert sum(result["ingested"] + result["duplicates"] + result["failed"] for result in results) == 20
    assert len({span.context.trace_id for span in traces.spans}) == 2


async def test_nothing_new_skips_the_scoring(traces: Traces) -> None:
    async with demo_world() as demo, tools_for(settings_for(demo)) as tools:
        await run("job-ingest", INGEST, tools)
        traces.clear()
        result = await run("job-ingest", INGEST, tools)
    assert (result["ingested"], result["duplicates"]) == (0, 4)
    assert status(traces.named("score")) == "skipped"
    assert status(traces.named("job ingest")) == "ok"
    assert traces.of_kind("llm_call") == []
    assert event(traces.named("job ingest"), "ingest_complete")["total_cost_usd"] == 0


async def test_nothing_found_is_no_error(traces: Traces) -> None:
    async with demo_world() as demo, tools_for(settings_for(demo)) as tools:
        result = await run("job-ingest", {"keywords": ["zookeeper"]}, tools)
    assert result["found"] == 0
    assert [status(traces.named(name)) for name in ("fetch", "deduplicate", "score")] == ["ok", "skipped", "skipped"]


async def test_a_job_without_a_score_is_tried_again_by_the_next_ingest(traces: Traces) -> None:
    async with demo_world() as demo:
        async with tools_for(settings_for(demo, fallback_model="demo-error-500")) as tools:
            with pytest.raises(OperationError, match=r"no job could be imported: .*langchain server_error"):
                await run("job-ingest", INGEST, tools)
        assert status(traces.named("score")) == "error"
        assert events(traces.named("score"))[:4] == ["job_unscored"] * 4
        async with tools_for(settings_for(demo)) as tools:
            result = await run("job-ingest", INGEST, tools)
    assert (result["ingested"], result["duplicates"]) == (4, 0)


async def test_a_source_that_is_down_fails_the_ingest_when_it_is_the_only_one(traces: Traces) -> None:
    ingest = {"keywords": ["python developer [[demo-error 503 himalayas]]"]}
    async with demo_world() as demo, tools_for(settings_for(demo)) as tools:
        with pytest.raises(OperationError, match="no source could be read: himalayas: HTTP 503"):
            await run("job-ingest", ingest, tools)
    assert status(traces.named("source himalayas")) == status(traces.named("fetch")) == "error"
    assert "deduplicate" not in {span.name for span in traces.spans}


async def test_without_the_job_store_nothing_is_paid_for(traces: Traces, new_redis_url: str) -> None:
    async with demo_world() as demo, tools_for(settings_for(demo)) as tools:
        with redis.Redis.from_url(new_redis_url) as plain:
            plain.config_set("min-replicas-to-write", 1)
            try:
                with pytest.raises(JobsUnavailableError, match="the job store cannot be reached"):
                    await run("job-ingest", INGEST, tools)
            finally:
                plain.config_set("min-replicas-to-write", 0)
    assert traces.of_kind("llm_call") == []
    assert status(traces.named("deduplicate")) == "error"


async def test_a_run_that_was_taken_for_dead_counts_no_job_twice(
    traces: Traces, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(*_: object) -> bool:
        return False

    monkeypatch.setattr(JobStore, "finish", gone)
    async with demo_world() as demo, tools_for(settings_for(demo)) as tools:
        result = await run("job-ingest", INGEST, tools)
    assert (result["ingested"], result["duplicates"]) == (0, 4)
    assert events(traces.named("score")) == ["job_scored"] * 4, "what was paid for is said all the same"


async def test_chosen_jobs_are_imported_and_unknown_ones_left_out(traces: Traces) -> None:
    known, unknown = job_ids(2), "no-such-job-1000000000"
    async with demo_world() as demo, tools_for(settings_for(demo)) as tools:
        result = await run("job-import", {"keywords": ["engineer"], "job_ids": [*known, unknown, known[0]]}, tools)
        assert sorted(job["id"] for job in result["jobs"]) == sorted(known)
        assert (result["found"], result["ingested"], result["duplicates"]) == (2, 2, 0)
        assert result["fetched"][unknown]["status"] == "error"
        assert f"job {unknown} is left out" in result["warnings"][0]
        assert event(traces.named("job import"), "ingest_complete")["ingested"] == 2
        traces.clear()
        again = await run("job-import", {"keywords": ["engineer"], "job_ids": known}, tools)
    assert (again["ingested"], again["duplicates"]) == (0, 2)
    assert [attributes(span)["spantail.cache"] for span in traces.of_kind("phase")] == ["hit", "hit"]


async def test_an_import_of_unknown_jobs_alone_fails(traces: Traces) -> None:
    async with demo_world() as demo, tools_for(settings_for(demo)) as tools:
        with pytest.raises(OperationError, match="no job could be read: nobody-1: job nobody-1 is unknown"):
            await run("job-import", {"keywords": ["engineer"], "job_ids": ["nobody-1"]}, tools)
    assert status(traces.named("fetch")) == status(traces.named("job import")) == "error"


async def test_a_cancelled_ingest_gives_its_jobs_to_the_next(traces: Traces) -> None:
    held, asked = asyncio.Event(), asyncio.Event()

    async def hold(path: str) -> None:
        if "chat" in path:
            asked.set()
            await held.wait()

    async with demo_world(hold=hold) as demo, tools_for(settings_for(demo)) as tools:
        running = asyncio.create_task(run("job-ingest", INGEST, tools))
        await asyncio.wait_for(asked.wait(), 30)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert status(traces.named("score")) == status(traces.named("job ingest")) == "cancelled"
        held.set()
        result = await run("job-ingest", INGEST, tools)
    assert result["ingested"] == 4
