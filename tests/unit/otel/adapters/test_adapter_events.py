"""Events of the older system become spans: steps, LLM calls, money."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import StatusCode

from spantail import BudgetExceededError, budget, layer, llm_call, operation
from spantail.adapters import (
    StructuredLogger,
    create_log_callback,
    create_operation_run,
    finish_operation_run,
    operation_run,
)
from spantail.adapters.runs import runs
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.sdk.trace import ReadableSpan

    from tests.unit.otel.conftest import Spans


@pytest.fixture(autouse=True)
def _context_of_its_own() -> Iterator[None]:
    """What a test leaves current does not reach the next one."""
    token = otel_context.attach(otel_context.Context())
    yield
    runs.end_all("the test is over")
    otel_context.detach(token)


@pytest.fixture
def structured() -> StructuredLogger:
    return StructuredLogger(job_id="job-1")


def said(span: ReadableSpan, name: str) -> Any:
    return (span.attributes or {}).get(name)


def events(span: ReadableSpan) -> list[str]:
    return [event.name for event in span.events]


def usd(spans: Spans) -> float:
    """What the calls cost together."""
    return round(sum(said(span, "spantail.cost_usd") or 0 for span in spans.all()), 9)


# -- steps --


def test_steps_stand_inside_of_each_other(spans: Spans, structured: StructuredLogger) -> None:
    with operation("work") as scope:
        structured.pipeline_start(layers=["extract", "write"])
        structured.layer_start(2, "extract")
        structured.info("phase_start", {"phase": "read"})
        structured.info("subphase_start", {"subphase": "parse"})
        structured.info("cv_struct_decision", {"chosen": "b"})
        structured.info("subphase_complete", {"subphase": "parse"})
        structured.info("phase_complete", {"phase": "read"})
        structured.layer_complete(2, "extract", duration_ms=12, metadata={"points": 5})
        structured.layer_start(3, "write")
        structured.layer_error(3, "write", "disk full")
        structured.layer_skip(4, "publish", reason="nothing to publish")
        structured.pipeline_complete(status="done")
        assert trace.get_current_span() is scope.span
    assert spans.tree() == {
        "work": None, "pipeline": "work", "extract": "pipeline", "read": "extract", "parse": "read",
        "write": "pipeline", "publish": "pipeline",
    }  # fmt: skip
    assert said(spans.one("extract"), "spantail.kind") == "layer"
    assert (said(spans.one("extract"), "points"), said(spans.one("extract"), "spantail.layer")) == (5, "extract")
    assert said(spans.one("pipeline"), "spantail.layers") == ("extract", "write")
    assert events(spans.one("parse")) == ["cv_struct_decision"]
    assert spans.one("write").status.status_code is StatusCode.ERROR
    assert said(spans.one("publish"), "spantail.status") == "skipped"


def test_log_lines_and_other_spans_stand_inside_of_a_step(spans: Spans, structured: StructuredLogger) -> None:
    with operation("work"):
        structured.layer_start(1, "fetch")
        with layer("native"):
            structured.info("page_fetched", {"page": 1})
        structured.layer_complete(1, "fetch")
        structured.info("over")
    assert spans.tree() == {"work": None, "fetch": "work", "native": "fetch"}
    assert events(spans.one("native")) == ["page_fetched"]
    assert events(spans.one("work")) == ["over"]


def test_layers_that_overlap_stand_beside_each_other(spans: Spans, structured: StructuredLogger) -> None:
    with operation("work") as scope:
        structured.layer_start(1, "a")
        structured.layer_start(2, "b")
        structured.layer_complete(1, "a")
        structured.info("in_b")
        structured.layer_complete(2, "b")
        assert trace.get_current_span() is scope.span
    assert spans.tree() == {"work": None, "a": "work", "b": "work"}
    assert events(spans.one("b")) == ["in_b"]


def test_a_step_that_nobody_ended_ends_with_a_word(spans: Spans, structured: StructuredLogger) -> None:
    with operation("work"):
        structured.layer_start(1, "a")
        structured.info("phase_start", {"phase": "p"})
        structured.layer_complete(1, "a")
        structured.layer_start(2, "b")
        structured.layer_start(2, "b")
        structured.layer_complete(2, "b")
    assert said(spans.one("p"), "spantail.status") == "cancelled"
    assert said(spans.one("p"), "spantail.reason") == "no end was reported before layer ended"
    first, second = (span for span in spans.all() if span.name == "b")
    assert said(first, "spantail.reason") == "it began again, and no end was reported"
    assert said(second, "spantail.status") is None


def test_an_end_without_a_start_is_a_span_of_the_time_that_it_tells(spans: Spans, structured: StructuredLogger) -> None:
    with operation("work"):
        structured.layer_complete(1, "a", duration_ms=1500)
    span = spans.one("a")
    assert (span.end_time or 0) - (span.start_time or 0) == pytest.approx(1.5e9, rel=0.05)


async def test_tasks_have_their_own_steps(spans: Spans, structured: StructuredLogger) -> None:
    async def job(number: int) -> None:
        structured.info("phase_start", {"phase": f"job {number}"})
        await asyncio.sleep(0)
        structured.info("llm_call_start", {"backend": "claude_cli", "model": "m"})
        await asyncio.sleep(0)
        structured.info("llm_call_complete", {"backend": "claude_cli", "cost_usd": number})
        structured.info("phase_complete", {"phase": f"job {number}"})

    with operation("work"):
        await asyncio.gather(*(job(number) for number in range(1, 4)))
    parents = {span.context.span_id: span.name for span in spans.all() if span.context}
    calls = {
        parents[span.parent.span_id]: said(span, "spantail.cost_usd")
        for span in spans.all() if span.name.startswith("chat") and span.parent
    }  # fmt: skip
    assert calls == {"job 1": 1, "job 2": 2, "job 3": 3}


# -- LLM calls --


def test_a_call_from_start_to_end(spans: Spans, structured: StructuredLogger) -> None:
    with operation("work"):
        structured.info(
            "llm_call_start", {"backend": "claude_cli", "model": "claude-sonnet-4-5", "tier": "high", "step_name": "s"}
        )
        structured.info(
            "llm_call_complete",
            {"backend": "claude_cli", "model": "claude-sonnet-4-5-20250929", "cost_usd": 0.0041,
             "input_tokens": 412, "output_tokens": 96, "duration_ms": 80},
        )  # fmt: skip
    call = spans.one("chat claude-sonnet-4-5")
    names = ("spantail.backend", "spantail.tier", "gen_ai.provider.name", "step_name")
    assert [said(call, name) for name in names] == ["claude_cli", "high", "anthropic", "s"]
    assert (said(call, "gen_ai.usage.input_tokens"), said(call, "gen_ai.usage.output_tokens")) == (412, 96)
    assert (said(call, "spantail.cost_usd"), said(call, "spantail.cost.source")) == (0.0041, "provider")
    assert said(call, "gen_ai.response.model") == "claude-sonnet-4-5-20250929"


def test_tokens_without_a_cost_are_priced(spans: Spans, structured: StructuredLogger) -> None:
    with operation("work"):
        structured.info(
            "llm_call_complete", {"backend": "openai", "model": "gpt-4o-mini", "input_tokens": 400, "output_tokens": 60}
        )
    assert said(spans.one("chat gpt-4o-mini"), "spantail.cost.source") == "calculated"


def test_a_call_without_tokens_and_cost_is_unpriced(spans: Spans, structured: StructuredLogger) -> None:
    with operation("work"):
        structured.info("llm_call_start", {"backend": "claude_cli"})
        structured.info("llm_call_complete", {"cost_usd": None})
    assert said(spans.one("chat"), "spantail.cost.source") == "unpriced"


def test_a_fallback(spans: Spans, structured: StructuredLogger) -> None:
    with operation("work"):
        structured.info("llm_call_start", {"backend": "claude_cli", "model": "claude-sonnet-4-5"})
        structured.warning(
            "llm_call_fallback", {"from_backend": "claude_cli", "to_backend": "langchain", "reason": "rate limited"}
        )
        structured.info("llm_call_complete", {"backend": "langchain", "model": "gpt-4o-mini", "cost_usd": 0.001})
    first, second = spans.one("chat claude-sonnet-4-5"), spans.one("chat gpt-4o-mini")
    assert (first.status.status_code, first.status.description) == (StatusCode.ERROR, "rate limited")
    names = ("attempt", "fallback.from", "fallback.reason", "backend")
    assert [said(second, f"spantail.{name}") for name in names] == [2, "claude_cli", "rate limited", "langchain"]
    (event,) = spans.one("work").events
    assert event.name == "llm_call_fallback"
    assert dict(event.attributes or {}) == {
        "spantail.fallback.from": "claude_cli", "spantail.fallback.to": "langchain",
        "spantail.fallback.reason": "rate limited", "job_id": "job-1",
    }  # fmt: skip


def test_an_error_before_a_fallback(spans: Spans, structured: StructuredLogger) -> None:
    with operation("work"):
        structured.info("llm_call_start", {"backend": "claude_cli", "model": "a"})
        structured.error("llm_call_error", {"backend": "claude_cli", "error": "exit code 1", "error_type": "CliError"})
        structured.info(
            "llm_call_fallback", {"from_backend": "claude_cli", "to_backend": "langchain", "reason": "exit code 1"}
        )
        structured.info("llm_call_start", {"backend": "langchain", "model": "b"})
        structured.info("llm_call_complete", {"backend": "langchain", "cost_usd": 0.002})
    assert said(spans.one("chat a"), "error.type") == "CliError"
    assert said(spans.one("chat b"), "spantail.fallback.from") == "claude_cli"
    assert usd(spans) == 0.002


def test_calls_that_are_open_at_once_are_told_apart_by_id(spans: Spans, structured: StructuredLogger) -> None:
    with operation("work"):
        for name in "ab":
            structured.info("llm_call_start", {"call_id": name, "backend": "x", "model": name})
        structured.info("llm_call_complete", {"call_id": "a", "cost_usd": 1})
        structured.info("llm_call_complete", {"call_id": "b", "cost_usd": 2})
    assert {span.name: said(span, "spantail.cost_usd") for span in spans.all()} == {
        "chat a": 1,
        "chat b": 2,
        "work": None,
    }
    assert spans.tree() == {"work": None, "chat a": "work", "chat b": "work"}


def test_a_call_that_began_in_another_thread_is_found(spans: Spans, structured: StructuredLogger) -> None:
    run_id = create_operation_run("j", "score")
    callback = create_log_callback(run_id)
    thread = threading.Thread(target=callback, args=("llm_call_start", {"backend": "x", "model": "m"}))
    thread.start()
    thread.join()
    callback("llm_call_complete", {"backend": "x", "cost_usd": 0.5})
    finish_operation_run(run_id)
    assert said(spans.one("chat m"), "spantail.cost_usd") == 0.5


# -- money on events that are no calls --


def test_a_cost_that_no_call_reported_counts(spans: Spans, structured: StructuredLogger) -> None:
    with operation("work"):
        structured.info("job_scored", {"job_id": "a", "score": 7, "cost_usd": 0.0041, "backend": "openrouter"})
        structured.info("job_scored", {"job_id": "b", "score": 3, "cost_usd": 0.0041, "backend": "openrouter"})
    assert usd(spans) == 0.0082
    calls = [span for span in spans.all() if said(span, "spantail.kind") == "llm_call"]
    assert [(said(call, "spantail.backend"), said(call, "event"), said(call, "job_id")) for call in calls] == [
        ("openrouter", "job_scored", "a"), ("openrouter", "job_scored", "b"),
    ]  # fmt: skip
    assert events(spans.one("work")) == ["job_scored", "job_scored"]


def test_a_cost_that_a_call_reported_counts_once(spans: Spans, structured: StructuredLogger) -> None:
    with operation("work"):
        for cost in (0.00412, 0.00389):
            structured.info("llm_call_start", {"backend": "openrouter", "model": "m"})
            structured.info("llm_call_complete", {"backend": "openrouter", "cost_usd": cost})
            structured.info("job_scored", {"cost_usd": round(cost, 4), "backend": "openrouter"})
        structured.info("ingest_complete", {"total_cost_usd": 0.00801})
    assert usd(spans) == 0.00801


def test_costs_of_events_can_be_declined(spans: Spans) -> None:
    with operation("work"):
        StructuredLogger("j", event_costs=False).info("job_scored", {"cost_usd": 1})
    assert usd(spans) == 0
    assert dict(spans.one("work").events[0].attributes or {})["cost_usd"] == 1


def test_a_sum_on_the_end_of_a_step_counts_only_where_nothing_inside_does(
    spans: Spans, structured: StructuredLogger
) -> None:
    with operation("work"):
        structured.layer_start(1, "a")
        structured.layer_complete(1, "a", cost_usd=0.25, backend="langchain")
    layer_span = spans.one("a")
    assert said(layer_span, "spantail.cost_usd") is None
    assert (said(layer_span, "gen_ai.usage.cost.amount"), said(layer_span, "gen_ai.usage.cost.currency")) == (
        0.25,
        "USD",
    )


def test_a_budget_books_what_is_reported_and_refuses_none_of_it(spans: Spans, structured: StructuredLogger) -> None:
    """What has been spent cannot be refused any more; what is about to be can."""
    with budget(usd=0.01) as limit, operation("work"):
        structured.info("llm_call_start", {"backend": "claude_cli", "model": "claude-sonnet-4-5"})
        structured.info("llm_call_complete", {"backend": "claude_cli", "cost_usd": 0.02})
        structured.info("job_scored", {"backend": "openrouter", "cost_usd": 0.005})
        with (
            pytest.raises(BudgetExceededError),
            llm_call(backend="openai", model="gpt-4o-mini", prompt="x", max_tokens=9),
        ):
            pass
    assert usd(spans) == 0.025
    assert limit.spent_usd == 0.025
    assert trace.get_current_span() is trace.INVALID_SPAN


# -- runs --


def test_a_run_ends_with_the_event_that_ends_what_its_first_one_began(spans: Spans) -> None:
    with operation("POST /jobs") as request:
        run_id = create_operation_run("ingest", "job-ingest")
    callback = create_log_callback(run_id)
    callback("[ingest_start] source=himalayas, limit=2")
    callback("source_search_start: himalayas")
    callback("job_scored", {"cost_usd": 0.5})
    assert not [span for span in spans.all() if span.name == "job-ingest"]
    callback("ingest_complete", {"ingested": 2, "total_cost_usd": 0.5})
    run = spans.one("job-ingest")
    assert run.context is not None
    assert f"{run.context.trace_id:032x}" == run_id
    assert run.parent is None
    assert [link.context for link in run.links] == [request.span.get_span_context()]
    assert events(run) == ["ingest_start", "source_search_start", "job_scored", "ingest_complete"]
    assert said(run, "spantail.status") is None
    assert said(run, "gen_ai.usage.cost.amount") == 0.5
    assert usd(spans) == 0.5


def test_a_run_fails_with_its_error(spans: Spans) -> None:
    callback = create_log_callback(create_operation_run("j", "pipeline"))
    callback("pipeline_start", {"name": "cv"})
    callback("layer_start", {"layer": "a"})
    callback("pipeline_error", {"error": "no model answers"})
    assert spans.tree() == {"pipeline": None, "cv": "pipeline", "a": "cv"}
    assert {span.name: span.status.status_code.name for span in spans.all()} == {
        "pipeline": "ERROR", "cv": "ERROR", "a": "UNSET",
    }  # fmt: skip


def test_what_comes_after_the_end_is_not_lost(spans: Spans) -> None:
    run_id = create_operation_run("j", "ingest")
    callback = create_log_callback(run_id)
    callback("ingest_start")
    callback("ingest_complete")
    callback("cleaned_up", {"files": 3})
    callback("llm_call_complete", {"backend": "x", "cost_usd": 2})
    late = spans.one("cleaned_up")
    assert late.parent is not None
    assert f"{late.parent.trace_id:032x}" == run_id
    assert said(late, "files") == 3
    assert usd(spans) == 2


def test_more_events_at_once_than_a_span_keeps_are_not_lost(spans: Spans) -> None:
    run_id = create_operation_run("j", "ingest")
    callback = create_log_callback(run_id)
    for number in range(300):
        callback("job_scored", {"n": number})
    finish_operation_run(run_id)
    run = spans.one("ingest")
    short = [said(span, "n") for span in spans.all() if span.name == "job_scored"]
    assert run.dropped_events == 0
    assert sorted([*short, *((event.attributes or {})["n"] for event in run.events)]) == list(range(300))


def test_a_block_outranks_the_events(spans: Spans) -> None:
    run_id = create_operation_run("j", "ingest")
    callback = create_log_callback(run_id)
    with operation_run(run_id):
        callback("ingest_start")
        callback("ingest_complete")
        callback("cleaned_up")
        with layer("native"):
            pass
    assert events(spans.one("ingest")) == ["ingest_start", "ingest_complete", "cleaned_up"]
    assert spans.tree() == {"ingest": None, "native": "ingest"}
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_an_exception_in_a_block_makes_the_run_fail(spans: Spans) -> None:
    run_id = create_operation_run("j", "ingest")
    with pytest.raises(ValueError, match="x"), operation_run(run_id):
        raise ValueError("x")
    assert said(spans.one("ingest"), "error.type") == "ValueError"


def test_a_run_whose_callback_is_gone_ends(spans: Spans) -> None:
    def search() -> None:
        callback = create_log_callback(create_operation_run("search", "job-search"))
        callback("search_start", {"sources": ["indeed"]})

    search()
    eventually(lambda: [span for span in spans.all() if span.name == "job-search"], what="the end of the run")
    assert said(spans.one("job-search"), "spantail.reason") == "no end was reported"


def test_a_logger_outside_of_all_spans_has_a_run_of_its_own(spans: Spans) -> None:
    structured = StructuredLogger(job_id="ingest")
    structured.info("ingest_start", {"source": "himalayas"})
    structured.info("job_scored", {"job_id": "a", "score": 8, "cost_usd": 0.01, "backend": "openrouter"})
    structured.info("ingest_complete", {"ingested": 1, "duplicates": 0, "total_cost_usd": 0.01})
    structured.info("ingest_start", {"source": "indeed"})
    structured.close("stopped")
    first, second = (span for span in spans.all() if span.name == "ingest")
    assert events(first) == ["ingest_start", "job_scored", "ingest_complete"]
    assert second.status.description == "stopped"
    assert usd(spans) == 0.01


def test_an_error_brings_the_exception_that_is_handled(spans: Spans, structured: StructuredLogger) -> None:
    with operation("work"):
        structured.layer_start(1, "a")
        try:
            dict[str, int]()["gone"]
        except KeyError as error:
            structured.error("job_failed", {"job_id": "x"})
            structured.layer_error(1, "a", str(error))
    (event, failure) = spans.one("a").events
    assert (event.name, failure.name) == ("job_failed", "exception")
    for one in (event, failure):
        attributes = dict(one.attributes or {})
        assert attributes["exception.type"] == "KeyError"
        assert "test_adapter_events.py" in str(attributes["exception.stacktrace"])


def test_calls_of_our_own_stand_in_a_run_that_is_told_by_events(spans: Spans) -> None:
    run_id = create_operation_run("j", "ingest")
    callback = create_log_callback(run_id)
    callback("layer_start", {"layer": "score"})
    with llm_call(backend="openai", model="gpt-4o-mini") as call:
        call.usage(input_tokens=1, output_tokens=1)
    callback("layer_complete", {"layer": "score"})
    finish_operation_run(run_id)
    assert spans.tree() == {"ingest": None, "score": "ingest", "chat gpt-4o-mini": "score"}


def test_unknown_runs_and_odd_data_disturb_nobody(spans: Spans, structured: StructuredLogger) -> None:
    create_log_callback("0" * 32)("ingest_start", {"a": 1})
    finish_operation_run("nothing")

    class Hostile:
        def __str__(self) -> str:
            raise RuntimeError("no")

    with operation("work"):
        structured.info("odd", {"a": Hostile(), "b": 2, "c": "\ud800"})
        structured.info("layer_start", Hostile())
        structured.info("llm_call_complete", {"cost_usd": Hostile(), "tokens": 3, "duration_ms": "x", "backend": 5})
        structured.info(Hostile())  # type: ignore[arg-type]
    assert dict(spans.one("work").events[0].attributes or {})["b"] == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_ends_nothing_of_its_parent(spans: Spans) -> None:
    run_id = create_operation_run("j", "ingest")
    callback = create_log_callback(run_id)
    callback("ingest_start")
    pid = os.fork()
    if pid == 0:
        callback("ingest_complete")
        child = spans.one("ingest_complete").name
        os._exit(0 if [child] == [span.name for span in spans.all()] else 1)
    assert os.waitpid(pid, 0)[1] == 0
    assert spans.all() == []
    callback("ingest_complete")
    assert events(spans.one("ingest")) == ["ingest_start", "ingest_complete"]


def test_fields_may_be_called_as_arguments_are_and_an_id_be_none(spans: Spans, structured: StructuredLogger) -> None:
    named: dict[str, Any] = {"level": "senior", "event": "fair", "error": "none"}
    with operation("work") as scope:
        structured.warning("match", level="senior")
        structured.pipeline_error(**named)
        structured.layer_start(1, "rank", event="fair", level="DEBUG")
        structured.layer_error(1, "rank", event="fair", level="ERROR")
        no_ids: list[Any] = [None, b"x", [1]]
        for run_id in no_ids:
            finish_operation_run(run_id)
            create_log_callback(run_id)("line")
            with operation_run(run_id):
                pass
    assert "match" in events(scope.span)  # type: ignore[arg-type]
    assert said(spans.one("rank"), "event") == "fair"
