"""Whole job searches with the real clients, and the traces they leave."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from spantail import llm_call
from spantail.attributes import CONTENT_LEFT_OUT
from spantail_service.operations.base import OperationError
from tests.integration.operations.conftest import demo_world, settings_for, tools_for
from tests.integration.operations.traces import Traces, attributes, event, events, run, status
from tests.support.waiting import eventually_async

if TYPE_CHECKING:
    from pathlib import Path

SEARCH: dict[str, Any] = {"job_titles": ["python developer"], "max_results": 4}


async def test_the_whole_trace_with_the_real_cli(traces: Traces, claude: str) -> None:
    async with demo_world() as demo, tools_for(settings_for(demo, claude_command=claude)) as tools:
        result = await run("job-search", SEARCH, tools)

    root = traces.named("job search")
    assert root.parent is None
    assert attributes(root)["spantail.layers"] == ("fetch", "score", "rank", "store")
    assert [(span.name, status(span)) for span in traces.children(root)] == [
        ("fetch", "ok"),
        ("score", "ok"),
        ("rank", "ok"),
        ("store", "ok"),
    ]
    assert sorted((span.name, status(span)) for span in traces.children(traces.named("fetch"))) == [
        ("expand search", "ok"),
        ("source bayt", "skipped"),
        ("source himalayas", "ok"),
        ("source indeed", "skipped"),
    ]
    calls = traces.of_kind("llm_call")
    groups = traces.of_kind("llm_group")
    assert len(calls) == len(groups) == 2 + result["found"]
    for call in calls:
        said = attributes(call)
        assert said["spantail.backend"] == "claude_cli"
        assert said["spantail.cost.source"] == "provider"
        assert said["spantail.cost_usd"] > 0
        assert said["gen_ai.usage.input_tokens"] > 0
        assert call.parent is not None
        assert call.parent.span_id in {group.context.span_id for group in groups}
    assert [job["rank"] for job in result["jobs"]] == [1, 2, 3, 4]
    assert [job["score"] for job in result["jobs"]] == sorted((j["score"] for j in result["jobs"]), reverse=True)
    assert result["sources"]["himalayas"]["status"] == "ok"
    assert result["sources"]["indeed"] == {"status": "skipped", "reason": "demo", "jobs": 0}
    assert result["summary"]
    assert result["warnings"] == []
    names = {key for span in traces.spans for key in attributes(span)} - {CONTENT_LEFT_OUT}
    assert not any("content" in key or "messages" in key for key in names)


async def test_the_events_have_the_names_that_log_readers_know(traces: Traces) -> None:
    async with demo_world() as demo, tools_for(settings_for(demo)) as tools:
        result = await run("job-search", SEARCH, tools)
        root, fetch = traces.named("job search"), traces.named("fetch")
        assert events(root) == ["search_start", "search_complete"]
        assert event(root, "search_start") == {
            "sources": ("himalayas", "indeed", "bayt"), "job_titles": ("python developer",), "locations": (),
        }  # fmt: skip
        assert events(fetch).count("source_search_start") == 3
        assert events(fetch).count("source_search_skip") == 2
        found = event(fetch, "source_search_complete")
        assert (found["source"], found["cache_hit"]) == ("himalayas", False)
        assert found["jobs"] == result["sources"]["himalayas"]["jobs"]
        scored: list[dict[str, Any]] = [
            dict(each.attributes or {}) for each in traces.named("score").events if each.name == "job_scored"
        ]
        assert {each["backend"] for each in scored} == {"langchain"}
        assert all(each["cost_usd"] > 0 for each in scored)
        paid = sum(attributes(call).get("spantail.cost_usd", 0) for call in traces.of_kind("llm_call"))
        complete = event(root, "search_complete")
        assert (complete["found"], complete["ranked"]) == (result["found"], 4)
        assert complete["total_cost_usd"] == pytest.approx(paid)
        assert result["cost"]["usd"] == complete["total_cost_usd"]
        traces.clear()
        await run("job-search", SEARCH, tools)
    assert event(traces.named("fetch"), "source_search_complete")["cache_hit"] is True


async def test_a_source_that_fails_says_so_in_its_event(traces: Traces) -> None:
    search = {"job_titles": ["python developer [[demo-error 503 himalayas]]"]}
    async with demo_world() as demo, tools_for(settings_for(demo)) as tools:
        with pytest.raises(OperationError):
            await run("job-search", search, tools)
    failed = event(traces.named("fetch"), "source_search_error")
    assert failed == {"source": "himalayas", "reason": "unavailable", "jobs": 0}
    assert events(traces.named("job search"))[0] == "search_start"
    assert "search_complete" not in events(traces.named("job search"))


async def test_claude_gone_shows_both_attempts(traces: Traces) -> None:
    async with demo_world() as demo, tools_for(settings_for(demo)) as tools:
        result = await run("job-search", SEARCH, tools)

    assert {job["backend"] for job in result["jobs"]} == {"langchain"}
    group = traces.named("score job 1")
    first, second = [span for span in traces.children(group) if attributes(span)["spantail.kind"] == "llm_call"]
    assert (first.name, status(first)) == ("chat claude-sonnet-4-5", "skipped")
    assert "not on PATH" in attributes(first)["spantail.reason"]
    assert "spantail.attempt" not in attributes(first)
    assert (second.name, status(second)) == ("chat gpt-4o", "ok")
    said = attributes(second)
    assert said["spantail.attempt"] == 2
    assert said["spantail.fallback.from"] == "claude_cli"
    assert said["spantail.fallback.reason"] == "not_installed"
    assert said["spantail.cost.source"] == "calculated"
    assert said["gen_ai.response.time_to_first_chunk"] > 0
    assert said["gen_ai.usage.output_tokens"] > 0
    assert event(group, "llm_call_fallback")["spantail.fallback.reason"] == "not_installed"
    assert status(group) == "ok"


async def test_a_rate_limited_claude_falls_back(traces: Traces, claude: str) -> None:
    search = {**SEARCH, "job_titles": ["python developer [[demo-error 429 anthropic]]"], "max_results": 1}
    async with demo_world() as demo, tools_for(settings_for(demo, claude_command=claude)) as tools:
        await run("job-search", search, tools)

    fallbacks = [attributes(span) for span in traces.of_kind("llm_call") if "spantail.attempt" in attributes(span)]
    assert fallbacks
    assert {said["spantail.fallback.reason"] for said in fallbacks} == {"rate_limited"}


async def test_scoring_starts_while_a_source_is_still_being_read(traces: Traces) -> None:
    release = asyncio.Event()
    asked: list[str] = []

    async def hold(path: str) -> None:
        asked.append(path)
        if asked.count("/himalayas/jobs/api/search") == 2:
            await release.wait()

    async with demo_world(hold=hold) as demo, tools_for(settings_for(demo)) as tools:
        running = asyncio.create_task(run("job-search", {**SEARCH, "max_results": 20}, tools))
        await eventually_async(lambda: any(span.name.startswith("score job") for span in traces.spans), timeout_s=30)
        assert not running.done()
        assert "source himalayas" not in {span.name for span in traces.spans}
        release.set()
        await running
    assert (traces.named("score").start_time or 0) < (traces.named("source himalayas").end_time or 0)


async def test_the_second_search_comes_from_the_cache(traces: Traces) -> None:
    async with demo_world() as demo, tools_for(settings_for(demo)) as tools:
        first = await run("job-search", SEARCH, tools)
        source = traces.named("source himalayas")
        assert attributes(source)["spantail.cache"] == "miss"
        assert events(source)[0] == "cache_miss"
        traces.clear()
        second = await run("job-search", SEARCH, tools)
    source = traces.named("source himalayas")
    assert attributes(source)["spantail.cache"] == "hit"
    assert events(source) == ["cache_hit", "page_read"]
    assert second["sources"]["himalayas"]["cache"] == "hit"
    assert [job["id"] for job in second["jobs"]] == [job["id"] for job in first["jobs"]]


async def test_a_source_that_is_down_fails_the_search_when_it_is_the_only_one(
    traces: Traces, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    search = {"job_titles": ["python developer [[demo-error 503 himalayas]]"]}
    async with demo_world() as demo, tools_for(settings_for(demo)) as tools:
        with pytest.raises(OperationError, match="no source could be read: himalayas: HTTP 503"):
            await run("job-search", search, tools)
    source = traces.named("source himalayas")
    assert status(source) == "error"
    assert "503" in event(source, "exception")["exception.message"]
    assert "Traceback" in event(source, "exception")["exception.stacktrace"]
    assert status(traces.named("fetch")) == status(traces.named("job search")) == "error"
    assert status(traces.named("score")) == "skipped"
    assert "source himalayas is unavailable" in caplog.text


async def test_the_others_go_on_when_one_source_is_down(traces: Traces) -> None:
    """Indeed for real, behind a proxy that refuses: the library's own failure, without leaving the machine."""
    search = {**SEARCH, "sources": ["indeed", "himalayas"]}
    async with demo_world() as world:
        settings = settings_for(world, jobspy_proxies=("http://127.0.0.1:9",)).replaced(demo=False)
        async with tools_for(settings) as tools:
            result = await run("job-search", search, tools)
    assert status(traces.named("source indeed")) == "error"
    assert status(traces.named("source himalayas")) == "ok"
    assert status(traces.named("job search")) == "ok"
    assert result["sources"]["indeed"]["status"] == "error"
    assert result["sources"]["indeed"]["reason"] == "unreachable"
    assert len(result["jobs"]) == 4


async def test_nothing_found_is_no_error(traces: Traces) -> None:
    async with demo_world() as demo, tools_for(settings_for(demo)) as tools:
        result = await run("job-search", {"job_titles": ["zookeeper"]}, tools)
    assert result["jobs"] == []
    assert {name: status(traces.named(name)) for name in ("fetch", "score", "rank", "store", "job search")} == {
        "fetch": "ok",
        "score": "skipped",
        "rank": "skipped",
        "store": "skipped",
        "job search": "ok",
    }


async def test_all_backends_failing_names_every_reason(traces: Traces) -> None:
    search = {**SEARCH, "job_titles": ["python developer [[demo-error 500 openai]]"]}
    async with demo_world() as demo, tools_for(settings_for(demo)) as tools:
        with pytest.raises(OperationError, match="no job could be scored") as raised:
            await run("job-search", search, tools)
    assert "claude_cli not_installed" in str(raised.value)
    assert "langchain server_error" in str(raised.value)
    assert status(traces.named("score")) == status(traces.named("score job 1")) == "error"
    assert status(traces.named("source himalayas")) == "ok"


async def test_a_slow_source_times_out(traces: Traces) -> None:
    async def hold(path: str) -> None:
        if path.endswith("/search"):
            await asyncio.Event().wait()

    async with demo_world(hold=hold) as demo, tools_for(settings_for(demo, source_timeout_s=0.2)) as tools:
        with pytest.raises(OperationError, match="no source could be read"):
            await run("job-search", SEARCH, tools)
    assert status(traces.named("source himalayas")) == "error"


async def test_a_cancelled_search_leaves_nothing_running(traces: Traces, tmp_path: Path) -> None:
    command, pids = hanging_command(tmp_path)
    async with demo_world() as demo, tools_for(settings_for(demo, claude_command=str(command))) as tools:
        running = asyncio.create_task(run("job-search", SEARCH, tools))
        # Four calls, each a process and its child.
        await eventually_async(lambda: len(pids.read_text().split()) >= 8, timeout_s=30)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert {status(span) for span in traces.of_kind("llm_call")} == {"cancelled"}
    assert status(traces.named("job search")) == "cancelled"
    await eventually_async(lambda: not any(map(alive, pids.read_text().split())), what="all are gone")


async def test_an_llm_that_hangs_times_out_and_falls_back(traces: Traces, tmp_path: Path) -> None:
    command, pids = hanging_command(tmp_path)
    changes = {"claude_command": str(command), "llm_timeout_s": 2.0}
    async with demo_world() as demo, tools_for(settings_for(demo, **changes)) as tools:
        fallback = tools.llm._backends[-1]
        await fallback.prepare()
        with llm_call(backend=fallback.name, model=fallback.model_for("middle")) as call:  # the first imports a lot
            await fallback.complete(
                [{"role": "user", "content": "hi"}], tier="middle", max_tokens=9, call=call, on_text=lambda _text: None
            )
        traces.clear()
        result = await run("job-search", {**SEARCH, "max_results": 1}, tools)
    assert result["jobs"][0]["backend"] == "langchain"
    reasons = {attributes(span).get("spantail.fallback.reason") for span in traces.of_kind("llm_call")}
    assert reasons == {None, "timeout"}
    await eventually_async(lambda: not any(map(alive, pids.read_text().split())), what="all are gone")


def hanging_command(folder: Path) -> tuple[Path, Path]:
    """A program that starts a child and then does nothing, and the file where both leave their ids."""
    pids = folder / "pids"
    pids.touch()
    command = folder / "hanging-claude"
    command.write_text(f"#!/bin/sh\nsleep 300 &\necho $$ $! >> '{pids}'\nwait\n")
    command.chmod(0o755)
    return command, pids


def alive(pid: str) -> bool:
    """Whether a process runs; one that is dead and not yet collected does not."""
    try:
        return psutil.Process(int(pid)).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
