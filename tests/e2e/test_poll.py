"""The first trace as a script sees it: start a search, poll, and have all of it at the end."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.viewer import SMALL_SEARCH, Viewer, children, client_of, the
from tests.support.runs.live_runs import fold

if TYPE_CHECKING:
    import httpx

    from tests.support.service.process import ServiceProcess
    from tests.support.work.held_world import HeldWorld

_FIRST_SIGHT_S = 0.25
_TRIES = 10


async def test_a_search_is_seen_while_it_runs(service: ServiceProcess, world: HeldWorld) -> None:
    world.gate.shut("openai")
    async with client_of(service.url) as client:
        run = await Viewer.start(client, "/api/jobs/search", SMALL_SEARCH)
        (root,) = [event for event in await run.poll() if event["event"] == "operation_start"]
        assert (root["seq"], root["status"], root["end"], root["parent_id"]) == (0, "running", None, None)
        assert root["name"] == "job search"

        await world.gate.held("openai")
        await run.until(lambda run: started_calls(run, "langchain"))
        call = started_calls(run, "langchain")[0]
        assert [event["status"] for event in run.of(call["span_id"])] == ["running"]
        assert (run.frame["status"], run.frame["expected_log_count"]) == ("running", None)
        half_way = {"fetch": "running", "score": "running", "rank": "pending", "store": "pending"}
        await run.until(lambda run: {each["name"]: each["status"] for each in run.frame["layers"]} == half_way)
        polled = len(run.events)

        world.gate.open("openai")
        await run.to_the_end()
        end = run.of(call["span_id"])[-1]
        assert end["event"] == "llm_call_complete"
        assert end["seq"] >= polled > call["seq"]
        assert run.frame["status"] == "completed"
        assert run.frame["next_index"] == run.frame["expected_log_count"] == len(run.events)
        assert run.frame["dropped"] == {}
        assert {layer["status"] for layer in run.frame["layers"]} == {"complete"}
        await check_money(run)
        await check_that_the_tail_is_the_snapshot(run)


async def test_the_tree_says_what_was_done(service: ServiceProcess) -> None:
    async with client_of(service.url) as client:
        first = await Viewer.start(client, "/api/jobs/search", SMALL_SEARCH)
        await first.to_the_end()
        spans = await first.spans()
        root = the(spans, "job search")
        assert [(layer["kind"], layer["name"]) for layer in children(spans, root)] == [
            ("layer", "fetch"), ("layer", "score"), ("layer", "rank"), ("layer", "store"),
        ]  # fmt: skip
        sources = [span for span in children(spans, the(spans, "fetch")) if span["kind"] == "retrieval"]
        assert {span["name"]: span["status"] for span in sources} == {
            "source himalayas": "ok", "source indeed": "skipped", "source bayt": "skipped",
        }  # fmt: skip
        himalayas = the(spans, "source himalayas")
        assert himalayas["attributes"]["spantail.cache"] == "miss"
        assert {event["name"] for event in himalayas["span_events"]} >= {"cache_miss", "page_read"}
        scored = [span for span in children(spans, the(spans, "score")) if span["kind"] == "llm_group"]
        assert len(scored) == himalayas["attributes"]["spantail.results"] > 0
        assert [event["level"] for event in first.named("log")] != []

        again = await Viewer.start(client, "/api/jobs/search", SMALL_SEARCH)
        await again.to_the_end()
        assert the(await again.spans(), "source himalayas")["attributes"]["spantail.cache"] == "hit"

        job_id = scored[0]["attributes"]["spantail.job.id"]
        span_events = await Viewer.start(client, f"/api/jobs/{job_id}/generate-annotations", {"count": 2})
        await span_events.to_the_end()
        assert span_events.status == "completed"
        spans = await span_events.spans()
        assert [layer["name"] for layer in children(spans, the(spans, "generate annotations"))] == [
            "load", "embed", "annotate", "validate",
        ]  # fmt: skip
        assert {span["name"] for span in children(spans, the(spans, "embed"))} >= {"embeddings text-embedding-3-small"}
        await check_money(span_events)

        listed = (await client.get("/api/runs")).json()["runs"]
        assert [(run["run_id"], run["status"], run["demo"]) for run in listed] == [
            (run.run_id, "completed", True) for run in (span_events, again, first)
        ]


async def test_an_operation_that_fails_says_why(service: ServiceProcess) -> None:
    async with client_of(service.url) as client:
        run = await Viewer.start(client, "/api/jobs/no-such-job/generate-annotations", {})
        await run.to_the_end()
        assert run.status == "failed"
        root = the(await run.spans(), "generate annotations")
        assert root["status"] == "error"
        assert root["error"]["type"].endswith("OperationError")
        assert "no-such-job is unknown" in root["error"]["message"]
        assert "annotations/operation.py" in root["error"]["traceback"]


@pytest.mark.alone
async def test_the_running_root_is_polled_within_a_quarter_of_a_second(
    service: ServiceProcess, world: HeldWorld
) -> None:
    """From the request to start until a poll has it. One try in ten is enough: the machine may be busy.

    How busy it is, a plain request between the tries says.
    """
    world.gate.shut("himalayas", "openai")
    async with client_of(service.url) as client:
        took, plain = [], []
        for _ in range(_TRIES):
            took.append(await first_sight_s(client))
            plain.append(await plain_s(client))
        assert min(took) < _FIRST_SIGHT_S + min(plain), (took, plain)
        world.gate.open_all()


async def first_sight_s(client: httpx.AsyncClient) -> float:
    began = time.perf_counter()
    run = await Viewer.start(client, "/api/jobs/search", SMALL_SEARCH)
    events = await run.poll()  # one poll, without a second try
    took = time.perf_counter() - began
    assert [event["status"] for event in events if event["event"] == "operation_start"] == ["running"]
    return took


async def plain_s(client: httpx.AsyncClient) -> float:
    began = time.perf_counter()
    assert (await client.get("/healthz")).status_code == 200
    return time.perf_counter() - began


async def test_watching_makes_no_runs(service: ServiceProcess) -> None:
    async with client_of(service.url) as client:
        run = await Viewer.start(client, "/api/jobs/search", SMALL_SEARCH)
        await run.to_the_end()
        paths = ["/api/runs", f"/api/runs/{run.run_id}", f"/api/traces/{run.run_id}", f"/api/logs/{run.run_id}",
                 "/api/operations", "/healthz", "/readyz", "/", "/openapi.json"]  # fmt: skip
        await asyncio.gather(*(client.get(path) for path in paths * 3))
        assert [each["run_id"] for each in (await client.get("/api/runs")).json()["runs"]] == [run.run_id]
        assert await run.poll() == []


def started_calls(run: Viewer, backend: str) -> list[dict[str, Any]]:
    return [event for event in run.named("llm_call_start") if event["backend"] == backend]


async def check_money(run: Viewer) -> None:
    """What each call cost, the sum per backend and the run's total are the same money."""
    snapshot = await run.snapshot()
    calls = [span for span in snapshot["spans"] if span["kind"] == "llm_call"]
    done = [call for call in calls if call["status"] == "ok"]
    assert done
    for call in done:
        assert call["backend"] == "langchain"
        assert call["cost_source"] == "calculated"
        assert call["cost_usd"] > 0
        assert round(call["cost_usd"] * 1e9) == call["cost_nano"]
        assert call["tokens"]["input"] > 0
    spent = sum(call.get("cost_nano", 0) for call in calls)
    backends = run.frame["backends"]
    assert sum(totals["cost_nano"] for totals in backends.values()) == spent
    assert snapshot["run"]["cost_nano"] == spent
    asked = [call for call in calls if call["status"] != "skipped"]
    assert sum(totals["calls"] for totals in backends.values()) == len(asked)
    assert backends["claude_cli"]["expected_fallbacks"] >= len(calls) - len(asked)


async def check_that_the_tail_is_the_snapshot(run: Viewer) -> None:
    """Who folds the tail holds what the snapshot holds."""
    spans = await run.spans()
    folded = fold(run.events)
    assert folded.keys() == spans.keys()
    for span_id, span in spans.items():
        for field in ("name", "kind", "status", "parent_id", "start", "end", "cost_nano", "backend", "attributes"):
            assert folded[span_id].get(field) == span.get(field), (span["name"], field)
