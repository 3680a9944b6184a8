"""Annotation generation with the real clients, and the traces it leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import redis

import spantail
from spantail_service.demo.corpus import make_jobs
from spantail_service.operations.base import OperationError
from spantail_service.operations.sources.himalayas import read_job
from tests.integration.operations.conftest import demo_world, settings_for, tools_for
from tests.integration.operations.traces import attributes, event, events, run, status

if TYPE_CHECKING:
    from tests.integration.operations.traces import Traces


def a_job_id() -> str:
    job = read_job(make_jobs(7)[0])
    assert job is not None
    return job.id


async def test_the_whole_trace(traces: Traces) -> None:
    async with demo_world() as demo, tools_for(settings_for(demo)) as tools:
        result = await run("generate-annotations", {"job_id": a_job_id(), "count": 5}, tools)

    root = traces.named("generate annotations")
    assert [span.name for span in traces.children(root)] == ["load", "embed", "annotate", "validate"]
    assert {status(span) for span in traces.children(root)} == {"ok"}
    load = traces.named("load")
    assert attributes(load)["spantail.cache"] == "miss"
    assert [span.name for span in traces.children(load)] == ["source himalayas"]
    embeddings = [span for span in traces.of_kind("llm_call") if span.name.startswith("embeddings ")]
    assert [span.name for span in embeddings] == ["embeddings text-embedding-3-small"] * 2
    for span in embeddings:
        said = attributes(span)
        assert said["gen_ai.operation.name"] == "embeddings"
        assert said["gen_ai.usage.input_tokens"] > 0
        assert said["spantail.cost.source"] == "calculated"
    phases = [span for span in traces.of_kind("phase") if span.name.startswith("annotation ")]
    assert sorted(span.name for span in phases) == [f"annotation {n}" for n in range(1, 6)]
    assert {attributes(span)["spantail.annotation.kind"] for span in phases} == {
        "strength",
        "gap",
        "keyword",
        "question",
    }
    assert all(event(span, "decision_point")["decision"] == "passage" for span in phases)
    assert event(traces.named("embed"), "decision_point")["method"] == "embeddings"
    assert events(traces.named("validate")) == ["validation_result"] * 5
    assert events(root) == ["annotation_start", "annotation_complete"]
    assert event(root, "annotation_start")["job_id"] == a_job_id()
    complete = event(root, "annotation_complete")
    assert (complete["annotations"], complete["missing"]) == (len(result["annotations"]), 0)
    annotate = traces.named("annotate")
    assert events(annotate) == ["annotation_written"] * 5
    written = event(annotate, "annotation_written")
    assert (written["backend"], written["cost_usd"] > 0) == ("langchain", True)
    assert attributes(annotate)["spantail.progress.done"] == 5
    assert len(result["annotations"]) + result["rejected"] == 5
    assert result["job"]["id"] == a_job_id()


async def test_a_job_of_an_earlier_search_is_known(traces: Traces) -> None:
    async with demo_world() as demo, tools_for(settings_for(demo)) as tools:
        search = await run("job-search", {"job_titles": ["python developer"], "max_results": 1}, tools)
        traces.clear()
        await run("generate-annotations", {"job_id": search["jobs"][0]["id"], "count": 1}, tools)
    assert attributes(traces.named("load"))["spantail.cache"] == "hit"
    assert traces.of_kind("retrieval") == []


async def test_without_the_job_store_the_board_is_asked(traces: Traces, new_redis_url: str) -> None:
    async with demo_world() as demo, tools_for(settings_for(demo)) as tools:
        with redis.Redis.from_url(new_redis_url) as plain:
            plain.config_set("min-replicas-to-write", 1)
            try:
                result = await run("generate-annotations", {"job_id": a_job_id(), "count": 1}, tools)
            finally:
                plain.config_set("min-replicas-to-write", 0)
    assert result["job"]["id"] == a_job_id()
    assert "the job store cannot be reached" in result["warnings"][0]
    assert status(traces.named("generate annotations")) == "ok"


async def test_an_unknown_job_says_so(traces: Traces) -> None:
    async with demo_world() as demo, tools_for(settings_for(demo)) as tools:
        with pytest.raises(OperationError, match="job python-developer-1 is unknown"):
            await run("generate-annotations", {"job_id": "python-developer-1"}, tools)
    assert status(traces.named("load")) == status(traces.named("generate annotations")) == "error"
    assert status(traces.named("source himalayas")) == "ok"


async def test_all_requests_of_one_embedding_count(traces: Traces) -> None:
    """LangChain sends a number of texts at a time."""
    async with demo_world() as demo, tools_for(settings_for(demo)) as tools:
        await tools.embedder._library.load()  # type: ignore[attr-defined]
        tools.embedder._embeddings().chunk_size = 100  # type: ignore[attr-defined]
        with spantail.operation("few"):
            await tools.embedder.embed(["some text"] * 100)
        with spantail.operation("many"):
            assert len(await tools.embedder.embed(["some text"] * 250)) == 250
    few, many = (attributes(span) for span in traces.of_kind("llm_call"))
    assert many["gen_ai.usage.input_tokens"] == 2.5 * few["gen_ai.usage.input_tokens"]
    assert many["spantail.cost_usd"] == pytest.approx(2.5 * few["spantail.cost_usd"])


async def test_without_embeddings_words_must_do(traces: Traces) -> None:
    async with demo_world() as demo, tools_for(settings_for(demo, embedding_model="demo-error-429")) as tools:
        result = await run("generate-annotations", {"job_id": a_job_id(), "count": 2}, tools)
    failed = [span for span in traces.of_kind("llm_call") if status(span) == "error"]
    assert "embeddings demo-error-429" in {span.name for span in failed}
    assert event(traces.named("embed"), "decision_point")["method"] == "words"
    assert status(traces.named("embed")) == "ok"
    assert "embeddings failed, rate_limited" in result["warnings"][0]


async def test_no_annotation_at_all_is_an_error(traces: Traces) -> None:
    async with demo_world() as demo:
        changes = {"fallback_model": "demo-error-500"}
        async with tools_for(settings_for(demo, **changes)) as tools:
            with pytest.raises(OperationError, match="langchain server_error"):
                await run("generate-annotations", {"job_id": a_job_id(), "count": 2}, tools)
    assert status(traces.named("annotate")) == "error"
    assert events(traces.named("annotate"))[:2] == ["annotation_error"] * 2
    assert "validate" not in {span.name for span in traces.spans}
