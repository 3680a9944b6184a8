"""Contact outreach with the real clients: its trace, and the text that reaches the caller while it is written."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from spantail_service.demo.corpus import make_jobs
from spantail_service.llm import ChainError, LlmChain, Restart
from spantail_service.operations.base import OperationError
from spantail_service.operations.sources.himalayas import read_job
from tests.integration.operations.conftest import demo_world, settings_for, tools_for
from tests.integration.operations.traces import attributes, event, events, run, status
from tests.support.work.scripted_backend import ScriptedBackend

if TYPE_CHECKING:
    from tests.integration.operations.traces import Traces


def a_job_id() -> str:
    job = read_job(make_jobs(7)[0])
    assert job is not None
    return job.id


async def test_the_text_arrives_while_the_call_is_traced(traces: Traces) -> None:
    pieces: list[str | Restart] = []
    async with demo_world() as demo, tools_for(settings_for(demo)) as tools:
        listening = replace(tools, on_text=pieces.append)
        result = await run("contact-outreach", {"job_id": a_job_id(), "type": "recruiter"}, listening)

    root = traces.named("contact outreach")
    assert [(span.name, status(span)) for span in traces.children(root)] == [
        ("load", "ok"), ("contacts", "ok"), ("write", "ok"), ("check", "ok"),
    ]  # fmt: skip
    assert len(pieces) > 3
    assert "".join(map(str, pieces)).strip() == result["message"]
    assert events(root) == ["outreach_start", "outreach_complete"]
    assert event(root, "outreach_start")["type"] == "recruiter"
    assert event(root, "outreach_complete")["cost_usd"] == result["cost"]["usd"]
    assert event(traces.named("contacts"), "decision_point")["chosen"] == f"Recruiter at {result['job']['company']}"
    said = events(traces.named("write"))
    assert set(said) == {"outreach_text"}
    assert 2 <= len(said) < len(pieces)
    (call,) = [span for span in traces.of_kind("llm_call") if status(span) == "ok"]
    assert attributes(call)["spantail.cost_usd"] == result["cost"]["usd"] > 0
    assert [check["valid"] for check in result["checks"]] == [True, True, True]
    assert result["warnings"] == []


async def test_the_text_of_the_real_cli_arrives_too(traces: Traces, claude: str) -> None:
    pieces: list[str | Restart] = []
    async with demo_world() as demo, tools_for(settings_for(demo, claude_command=claude)) as tools:
        listening = replace(tools, on_text=pieces.append)
        result = await run("contact-outreach", {"job_id": a_job_id()}, listening)
    assert result["backend"] == "claude_cli"
    assert len(pieces) > 3
    assert "".join(map(str, pieces)).strip() == result["message"]
    assert result["cost"]["usd"] > 0


async def test_nobody_has_to_listen(traces: Traces) -> None:
    async with demo_world() as demo, tools_for(settings_for(demo)) as tools:
        result = await run("contact-outreach", {"job_id": a_job_id(), "channel": "linkedin", "about": "I test."}, tools)
    assert "I test." in result["message"]
    assert status(traces.named("contact outreach")) == "ok"


@pytest.mark.parametrize(
    ("first", "why"),
    [
        (ScriptedBackend("one", "Dear ", "all", fails=True), "one: overloaded"),
        (ScriptedBackend("one", "Dear [name]"), "one: bad response"),
    ],
)
async def test_what_another_attempt_makes_void_is_taken_back(traces: Traces, first: ScriptedBackend, why: str) -> None:
    """Also where the first answer was whole, and nobody could send it."""
    pieces: list[str | Restart] = []
    chain = LlmChain([first, ScriptedBackend("two", "Hello, ", "how?")], concurrency=1, timeout_s=5)
    async with demo_world() as demo, tools_for(settings_for(demo)) as tools:
        listening = replace(tools, llm=chain, on_text=pieces.append)
        result = await run("contact-outreach", {"job_id": a_job_id()}, listening)
    restart = Restart(why)
    void = pieces.index(restart)
    assert void > 0
    assert pieces[void:] == [restart, "Hello, ", "how?"]
    assert (result["message"], result["backend"]) == ("Hello, how?", "two")
    assert event(traces.named("write"), "outreach_restart")["reason"] == why
    assert [check["rule"] for check in result["checks"] if not check["valid"]] == ["company"]
    assert len(result["warnings"]) == 1


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"job_id": "python-developer-1"}, "job python-developer-1 is unknown"),
        ({"job_id": "", "index": 3}, "no contact number 3 of type hiring_manager: there are 1, counted from 0"),
    ],
)
async def test_whom_there_is_not_is_not_written_to(traces: Traces, asked: dict[str, Any], why: str) -> None:
    async with demo_world() as demo, tools_for(settings_for(demo)) as tools:
        with pytest.raises(OperationError, match=why):
            await run("contact-outreach", {**asked, "job_id": asked["job_id"] or a_job_id()}, tools)
    assert traces.of_kind("llm_call") == []


async def test_without_an_answer_the_run_fails_with_the_reason(traces: Traces) -> None:
    async with demo_world() as demo, tools_for(settings_for(demo, fallback_model="demo-error-500")) as tools:
        with pytest.raises(ChainError, match="langchain server_error"):
            await run("contact-outreach", {"job_id": a_job_id()}, tools)
    assert status(traces.named("write")) == "error"
    assert "check" not in {span.name for span in traces.spans}
