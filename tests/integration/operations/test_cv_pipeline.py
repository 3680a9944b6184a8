"""The CV pipeline with the real clients: its layers, the checks, the repair, and what happens when one is in vain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from spantail_service.demo.corpus import make_jobs
from spantail_service.llm import ChainError
from spantail_service.operations.base import OperationError
from spantail_service.operations.cv_pipeline.checks import RULES
from spantail_service.operations.cv_pipeline.sample import CV, POSTING
from spantail_service.operations.sources.himalayas import read_job
from tests.integration.operations.conftest import demo_world, settings_for, tools_for
from tests.integration.operations.traces import attributes, event, events, run, status

if TYPE_CHECKING:
    from tests.integration.operations.traces import Traces

TRY: dict[str, Any] = {"cv": CV, "posting": POSTING}


def _events(traces: Traces, span: str, name: str) -> list[dict[str, Any]]:
    return [dict(each.attributes or {}) for each in traces.named(span).events if each.name == name]


async def test_the_whole_trace(traces: Traces) -> None:
    async with demo_world() as demo, tools_for(settings_for(demo)) as tools:
        result = await run("cv-pipeline", TRY, tools)

    (whole,) = traces.children(traces.named("CV pipeline"))
    assert (whole.name, attributes(whole)["spantail.kind"]) == ("tailor CV", "pipeline")
    layers = ["load", "parse", "analyse", "plan", "write", "validate", "assemble"]
    assert [(span.name, status(span)) for span in traces.children(whole)] == [(name, "ok") for name in layers]
    assert [span.name for span in traces.children(traces.named("parse"))] == ["split sections", "read entries"]
    assert [span.name for span in traces.children(traces.named("plan"))] == ["match demands", "choose"]
    parts = traces.children(traces.named("draft"))
    assert {attributes(span)["spantail.kind"] for span in parts} == {"subphase"}
    assert sorted(span.name for span in parts) == ["position 1", "position 2", "position 3", "summary"]

    sections = [each["heading"] for each in _events(traces, "split sections", "cv_struct_section")]
    assert sections == ["Profile", "Experience", "Education", "Skills"]
    assert event(traces.named("parse"), "cv_struct_complete") == {
        "sections": 4, "positions": 3, "degrees": 1, "skills": 7,
    }  # fmt: skip
    demands = {each["demand"]: each["chosen"] for each in _events(traces, "match demands", "decision_point")}
    assert demands["Redis"] == "put forward"
    assert demands["Terraform"] == "leave out"
    assert {each["decision"] for each in _events(traces, "choose", "decision_point")} >= {"position 1", "skills"}

    document = result["document"]
    assert document.startswith("# Mara Lindqvist\n\nmara.lindqvist@example.com")
    assert "### Senior Backend Developer, Kestrel Systems, 2021 – today" in document
    assert "37" not in document
    assert result["job"] == {"id": None, "title": "Senior Python Developer", "company": "Northlight"}
    assert result["warnings"] == []
    paid = [attributes(span)["spantail.cost_usd"] for span in traces.of_kind("llm_call") if status(span) == "ok"]
    assert result["cost"]["answers"] == len(paid) == 8
    assert result["cost"]["usd"] == pytest.approx(sum(paid))


async def test_the_real_cli_writes_and_mends_too(traces: Traces, claude: str) -> None:
    async with demo_world() as demo, tools_for(settings_for(demo, claude_command=claude)) as tools:
        result = await run("cv-pipeline", TRY, tools)
    assert [(each["part"], each["backend"]) for each in result["repairs"]] == [("position 1", "claude_cli")]
    assert {attributes(span)["spantail.backend"] for span in traces.of_kind("llm_call")} == {"claude_cli"}
    assert result["left_out"] == []


async def test_what_a_check_rejects_is_repaired_and_nothing_else(traces: Traces) -> None:
    async with demo_world() as demo, tools_for(settings_for(demo)) as tools:
        result = await run("cv-pipeline", TRY, tools)

    steps = traces.children(traces.named("validate"))
    assert [(span.name, attributes(span)["spantail.kind"]) for span in steps] == [
        ("check 1", "phase"), ("repair 1", "phase"), ("check 2", "phase"),
    ]  # fmt: skip
    first, second = (_events(traces, name, "validation_result") for name in ("check 1", "check 2"))
    assert [each["rule"] for each in first] == [each["rule"] for each in second] == list(RULES)
    assert [each["rule"] for each in first if not each["valid"]] == ["numbers"]
    assert next(each for each in first if not each["valid"])["reason"] == "position 1: “37” does not stand in the CV"
    assert all(each["valid"] for each in second)
    assert event(traces.named("validate"), "decision_point")["chosen"] == "repair"
    assert [span.name for span in traces.children(traces.named("repair 1"))] == ["position 1"]
    assert result["repairs"] == [
        {"attempt": 1, "part": "position 1", "faults": ["“37” does not stand in the CV"], "backend": "langchain"}
    ]
    assert {each["rule"]: each["faults_at_first"] for each in result["checks"]}["numbers"] == 1
    assert result["left_out"] == []


async def test_without_repairs_what_is_wrong_is_left_out(traces: Traces) -> None:
    async with demo_world() as demo, tools_for(settings_for(demo)) as tools:
        result = await run("cv-pipeline", {**TRY, "max_repairs": 0}, tools)
    assert [span.name for span in traces.children(traces.named("validate"))] == ["check 1", "check 2"]
    assert event(traces.named("validate"), "decision_point")["chosen"] == "leave out"
    assert result["repairs"] == []
    assert len(result["left_out"]) == 1
    assert "37 %" in result["left_out"][0]
    assert "37" not in result["document"]


async def test_a_job_of_the_board_is_a_posting_too(traces: Traces) -> None:
    job = read_job(make_jobs(7)[0])
    assert job is not None
    async with demo_world() as demo, tools_for(settings_for(demo)) as tools:
        result = await run("cv-pipeline", {"cv": CV, "job_id": job.id}, tools)
    assert events(traces.named("load")) == ["cache_miss"]
    assert result["job"] == {"id": job.id, "title": job.title, "company": job.company}


async def test_an_unknown_job_costs_nothing(traces: Traces) -> None:
    async with demo_world() as demo, tools_for(settings_for(demo)) as tools:
        with pytest.raises(OperationError, match="job python-developer-1 is unknown"):
            await run("cv-pipeline", {"cv": CV, "job_id": "python-developer-1"}, tools)
    assert status(traces.named("load")) == status(traces.named("tailor CV")) == "error"
    assert traces.of_kind("llm_call") == []


async def test_a_text_that_is_no_cv_says_so(traces: Traces) -> None:
    async with demo_world() as demo, tools_for(settings_for(demo)) as tools:
        with pytest.raises(OperationError, match="no position and no degree"):
            await run("cv-pipeline", {"cv": "word " * 20, "posting": POSTING}, tools)
        with pytest.raises(OperationError, match="no text below its heading"):
            await run("cv-pipeline", {"cv": f"# {'name ' * 20}", "posting": POSTING}, tools)


async def test_who_the_cv_is_about_is_told_to_no_llm(traces: Traces, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "SPAN_ONLY")
    async with demo_world() as demo, tools_for(settings_for(demo)) as tools:
        await run("cv-pipeline", TRY, tools)
    asked = [str(attributes(span)["gen_ai.input.messages"]) for span in traces.of_kind("llm_call")
             if "gen_ai.input.messages" in attributes(span)]  # fmt: skip
    assert len(asked) >= 6
    for private in ("Lindqvist", "example.com", "+46"):
        assert not any(private in text for text in asked)


async def test_without_an_answer_the_run_fails_with_the_reason(traces: Traces) -> None:
    async with demo_world() as demo, tools_for(settings_for(demo, fallback_small_model="demo-error-500")) as tools:
        with pytest.raises(ChainError, match="langchain server_error"):
            await run("cv-pipeline", TRY, tools)
    assert status(traces.named("parse")) == "error"
    assert "analyse" not in {span.name for span in traces.spans}


async def test_without_a_plan_the_cv_s_own_order_must_do(traces: Traces) -> None:
    """Plan and summary are of the high tier, whose model fails; the positions are of the same model here."""
    async with demo_world() as demo, tools_for(settings_for(demo, fallback_model="demo-error-500")) as tools:
        with pytest.raises(OperationError, match="no part of the document could be written"):
            await run("cv-pipeline", TRY, tools)
    assert event(traces.named("plan"), "decision_point")["chosen"] == "the CV's own order"
    assert status(traces.named("write")) == "error"
