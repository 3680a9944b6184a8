"""What other libraries export, sent to `POST /v1/traces` as they sent it: the right tree, tokens, cost and sessions.

The exports are real ones (`python -m tests.exports`); beside each stands what a viewer must see of it.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.exports.sources import SOURCES
from tests.integration.service.harness import running_app
from tests.support.otlp.exports import FOLDER, drawn, trace_requests
from tests.support.runs.live_runs import StoredRun, fold

if TYPE_CHECKING:
    import httpx
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


PROTOBUF = {"content-type": "application/x-protobuf"}
NAMES = [source.name for source in SOURCES]


def _run_ids(requests: list[ExportTraceServiceRequest]) -> list[str]:
    spans = [span for request in requests for group in request.resource_spans for scope in group.scope_spans
             for span in scope.spans]  # fmt: skip
    return sorted({span.trace_id.hex() for span in spans})


async def _send(client: httpx.AsyncClient, requests: list[ExportTraceServiceRequest]) -> None:
    for request in requests:
        answer = await client.post("/v1/traces", content=request.SerializeToString(), headers=PROTOBUF)
        assert (answer.status_code, answer.content) == (200, b"")


async def _snapshots(client: httpx.AsyncClient, run_ids: list[str]) -> list[dict[str, Any]]:
    return [(await client.get(f"/api/traces/{run_id}")).json() for run_id in run_ids]


@pytest.mark.parametrize("name", NAMES)
async def test_the_tree_that_a_viewer_sees(new_redis_url: str, name: str) -> None:
    requests = trace_requests(name)
    run_ids = _run_ids(requests)
    async with running_app(new_redis_url) as client:
        await _send(client, requests)
        seen = await _snapshots(client, run_ids)
    text = "\n".join(drawn(snapshot["spans"]) for snapshot in seen)
    assert text == (FOLDER / f"{name}.tree.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
async def test_the_same_in_any_order_and_twice(new_redis_url: str, name: str) -> None:
    requests = trace_requests(name)
    run_ids = _run_ids(requests)
    async with running_app(new_redis_url) as client:
        await _send(client, requests[::-1])
        await _send(client, requests)
        seen = await _snapshots(client, run_ids)
    text = "\n".join(drawn(snapshot["spans"]) for snapshot in seen)
    assert text == (FOLDER / f"{name}.tree.txt").read_text(encoding="utf-8")
    for run_id in run_ids:
        stored = StoredRun(new_redis_url, run_id)
        assert {span_id: span["status"] for span_id, span in fold(stored.events).items()} == {
            span_id: span["status"] for span_id, span in stored.spans.items()
        }


@pytest.mark.parametrize("name", NAMES)
async def test_money_adds_up_and_no_call_counts_twice(new_redis_url: str, name: str) -> None:
    requests = trace_requests(name)
    run_ids = _run_ids(requests)
    async with running_app(new_redis_url) as client:
        await _send(client, requests)
        for snapshot, run_id in zip(await _snapshots(client, run_ids), run_ids, strict=True):
            spans = {span["span_id"]: span for span in snapshot["spans"]}
            calls = [span for span in spans.values() if span["kind"] == "llm_call"]
            around = set(itertools.chain.from_iterable(_above(call, spans) for call in calls))
            counted = [call for call in calls if call["span_id"] not in around]
            frame = (await client.get(f"/api/logs/{run_id}")).json()
            assert sum(backend["calls"] for backend in frame["backends"].values()) == len(counted)
            spent = sum(call.get("cost_nano", 0) for call in counted)
            assert sum(backend["cost_nano"] for backend in frame["backends"].values()) == spent
            assert snapshot["run"]["cost_nano"] == spent


def _above(span: dict[str, Any], spans: dict[str, dict[str, Any]]) -> list[str]:
    above = []
    while (parent := spans.get(span["parent_id"] or "")) is not None:
        above.append(parent["span_id"])
        span = parent
    return above


async def test_a_wrapper_of_another_library_counts_nothing(new_redis_url: str) -> None:
    """OpenInference's span around the one that Anthropic's own client makes; the stream's is a trace of its own."""
    requests = trace_requests("openinference_anthropic")
    async with running_app(new_redis_url) as client:
        await _send(client, requests)
        frames = [(await client.get(f"/api/logs/{run_id}")).json() for run_id in _run_ids(requests)]
    assert [frame["backends"]["anthropic"]["calls"] for frame in frames] == [1, 1, 1]
    assert [frame["backends"]["anthropic"]["cost_nano"] for frame in frames] == [771_000] * 3


async def test_logfire_is_live(new_redis_url: str) -> None:
    """Its pending spans are starts: what is open is seen before it ends."""
    first, *others = trace_requests("logfire_openai")
    (run_id,) = _run_ids([first])
    async with running_app(new_redis_url) as client:
        await _send(client, [first])
        (open_,) = await _snapshots(client, [run_id])
        assert drawn(open_["spans"]) == "span 'answer Ada', running\n"
        assert (open_["run"]["status"], open_["run"]["name"]) == ("running", "answer Ada")
        await _send(client, others)
        (ended,) = await _snapshots(client, [run_id])
    assert ended["run"]["status"] == "completed"
    assert {span["status"] for span in ended["spans"]} == {"ok", "error"}
    events = StoredRun(new_redis_url, run_id).events
    root = [event["event"] for event in events if event["parent_id"] is None]
    assert root == ["span_start", "span_complete"]


async def test_a_run_is_named_by_its_root_and_an_orphan_stays_in_sight(new_redis_url: str) -> None:
    requests = trace_requests("official")
    (run_id,) = _run_ids(requests)
    async with running_app(new_redis_url) as client:
        await _send(client, requests)
        (seen,) = await _snapshots(client, [run_id])
        (listed,) = (await client.get("/api/runs")).json()["runs"]
    assert (listed["name"], listed["service"]) == ("GET /sell", "shop")
    assert drawn(seen["spans"]).startswith("(not received)\n  span 'GET /sell'\n")


async def test_sessions_and_users(new_redis_url: str) -> None:
    async with running_app(new_redis_url) as client:
        for name in ("openinference_langchain", "langfuse_app", "openllmetry"):
            requests = trace_requests(name)
            await _send(client, requests)
            run_id = _run_ids(requests)[0]
            (seen,) = await _snapshots(client, [run_id])
            root = next(span for span in seen["spans"] if span["parent_id"] is None)
            assert root["attributes"]["spantail.session.id"] == "s-1"
            assert root["attributes"]["spantail.user.id"] == "ada"
            await client.delete(f"/api/runs/{run_id}")


@pytest.fixture
def with_content(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "true")


@pytest.mark.parametrize(
    "name", [source.name for source in SOURCES if not source.has_logs and source.name != "official"]
)
async def test_prompts_and_answers_where_they_were_captured(new_redis_url: str, with_content: None, name: str) -> None:
    requests = trace_requests(name)
    async with running_app(new_redis_url) as client:
        await _send(client, requests)
        seen = await _snapshots(client, _run_ids(requests))
    spans = [span for snapshot in seen for span in snapshot["spans"]]
    calls = [span for span in spans if span["kind"] == "llm_call" and span["status"] == "ok"]
    captured = [call for call in calls if "gen_ai.input.messages" in call["attributes"]]
    assert captured
    answer = "Sun over Bern" if name.startswith("vercel") else "demo provider"  # the SDK's own mock models answer
    assert any(answer in str(call["attributes"].get("gen_ai.output.messages")) for call in captured)
    for tool in (span for span in spans if span["kind"] == "tool"):
        assert "gen_ai.tool.call.arguments" in tool["attributes"]
        assert "gen_ai.tool.call.result" in tool["attributes"]


_CONTENT = re.compile("nothing to add|demo-usage|demo-tool|Bern|poetry")


@pytest.mark.parametrize("name", NAMES)
async def test_without_leave_no_content_is_kept(new_redis_url: str, name: str) -> None:
    requests = trace_requests(name)
    async with running_app(new_redis_url) as client:
        await _send(client, requests)
        seen = await _snapshots(client, _run_ids(requests))
    for span in (span for snapshot in seen for span in snapshot["spans"]):
        reported = [name for name, value in span["attributes"].items() if _CONTENT.search(str(value))]
        assert not reported, span["name"]
