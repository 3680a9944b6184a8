"""Prompts and answers by every name that they come under: kept nowhere unless asked for, and each leaves a mark."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import httpx
import orjson
import pytest

from spantail.content import CAPTURE_CONTENT_VARIABLE
from tests.integration.service.harness import START, Service, spantail_process
from tests.support.otlp.requests import JSON
from tests.support.redis.dump import dump

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.xdist_group("content-of-everybody")  # what its fixtures start is started once

SAID = "what was said between them"
NDJSON = {"content-type": "application/x-ndjson"}
CALL = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini"}
MESSAGES = f'[{{"role":"user","parts":[{{"type":"text","content":"{SAID}"}}]}}]'
SPAN = "00f067aa0ba902b7"

ON_SPANS: dict[str, dict[str, Any]] = {
    "OpenTelemetry, spans": {
        **CALL, "gen_ai.input.messages": MESSAGES, "gen_ai.output.messages": MESSAGES,
        "gen_ai.system_instructions": f'[{{"type":"text","content":"{SAID}"}}]',
        "gen_ai.tool.definitions": f'[{{"type":"function","name":"{SAID}"}}]',
    },
    "OpenTelemetry, structured": {**CALL, "gen_ai.input.messages": [{"role": "user", "parts": [{"content": SAID}]}]},
    "OpenTelemetry, a tool": {
        "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search", "gen_ai.tool.call.arguments": SAID,
        "gen_ai.tool.call.result": {"found": SAID},
    },
    "OpenTelemetry, retrieval": {
        "gen_ai.operation.name": "retrieval", "gen_ai.retrieval.query.text": SAID, "gen_ai.retrieval.documents": SAID,
    },
    "OpenInference, a call": {
        "openinference.span.kind": "LLM", "llm.model_name": "gpt-4o-mini", "input.value": SAID, "output.value": SAID,
        "llm.input_messages.0.message.content": SAID, "llm.input_messages.0.message.role": "user",
        "llm.output_messages.0.message.contents.0.message_content.text": SAID, "llm.prompts.0.prompt.text": SAID,
        "llm.tools.0.tool.json_schema": SAID, "llm.prompt_template.template": SAID, "llm.function_call": SAID,
    },
    "OpenInference, a tool": {"openinference.span.kind": "TOOL", "tool.parameters": SAID, "input.value": SAID},
    "OpenInference, reranking": {
        "openinference.span.kind": "RERANKER", "reranker.query": SAID,
        "reranker.input_documents.0.document.content": SAID, "reranker.output_documents.0.document.content": SAID,
        "retrieval.documents.0.document.content": SAID, "embedding.embeddings.0.embedding.text": SAID,
    },
    "OpenLLMetry": {
        "traceloop.span.kind": "workflow", "traceloop.entity.input": SAID, "traceloop.entity.output": SAID,
        "gen_ai.prompt.0.content": SAID, "gen_ai.completion.0.content": SAID, **CALL,
        "gen_ai.completion.0.tool_calls.0.arguments": SAID, "llm.request.functions.0.description": SAID,
    },
    "Langfuse": {
        "langfuse.observation.type": "generation", "langfuse.observation.input": SAID,
        "langfuse.observation.output": SAID, "langfuse.trace.input": SAID, "langfuse.trace.output": SAID,
    },
    "Vercel AI SDK": {
        "ai.operationId": "ai.generateText.doGenerate", "ai.prompt": SAID, "ai.prompt.messages": SAID,
        "ai.prompt.tools": [SAID], "ai.response.text": SAID, "ai.response.toolCalls": SAID, "ai.response.object": SAID,
        "ai.response.reasoning": SAID, "ai.values": [SAID], "ai.value": SAID, **CALL,
    },
    "Vercel AI SDK, a tool": {
        "ai.operationId": "ai.toolCall", "ai.toolCall.name": "x", "ai.toolCall.args": SAID, "ai.toolCall.result": SAID,
    },
    "Logfire and Pydantic AI": {
        **CALL, "request_data": {"messages": [{"content": SAID}]}, "response_data": {"message": {"content": SAID}},
        "events": f'[{{"event.name":"gen_ai.user.message","content":"{SAID}"}}]',
        "model_request_parameters": SAID, "pydantic_ai.all_messages": SAID, "all_messages_events": SAID, "prompt": SAID,
        "final_result": SAID, "tool_arguments": SAID, "tool_response": SAID,
    },
    "LangSmith": {"langsmith.span.kind": "llm", "gen_ai.prompt": SAID, "gen_ai.completion": SAID},
    "MLflow": {"mlflow.spanType": '"CHAT_MODEL"', "mlflow.spanInputs": SAID, "mlflow.spanOutputs": SAID,
               "mlflow.chat.tools": SAID},
    "LiteLLM": {**CALL, "llm.openai.messages": SAID, "llm.openai.choices": SAID},
    "Sentry": {**CALL, "gen_ai.request.messages": SAID, "gen_ai.response.text": SAID,
               "gen_ai.response.tool_calls": SAID, "gen_ai.request.available_tools": SAID},
    "Google ADK": {**CALL, "gcp.vertex.agent.llm_request": SAID, "gcp.vertex.agent.llm_response": SAID,
                   "gcp.vertex.agent.tool_call_args": SAID, "gcp.vertex.agent.tool_response": SAID},
    "Spring AI": {**CALL, "spring.ai.chat.client.input": SAID, "spring.ai.tool.call.arguments": SAID,
                  "db.vector.query.content": SAID, "db.vector.query.response.documents": [SAID]},
    "Mastra": {"mastra.span.type": "model_generation", "mastra.model_generation.input": SAID,
               "mastra.model_generation.output": SAID, "input": SAID, "output": SAID},
    "Haystack": {"haystack.component.name": "llm", "haystack.component.input": SAID,
                 "haystack.component.output": SAID},
    "Azure AI": {**CALL, "gen_ai.event.content": SAID, "gen_ai.agent.invocation_input": SAID},
    "Claude Code": {"span.type": "interaction", "user_prompt": SAID, "new_context": SAID, "tool_input": SAID,
                    "response.model_output": SAID, "user_system_prompt": SAID, "system_prompt": SAID},
}  # fmt: skip

ON_EVENTS: dict[str, dict[str, Any]] = {
    "gen_ai.system.message": {"content": SAID},
    "gen_ai.user.message": {"gen_ai.system": "openai", "content": SAID, "role": "user"},
    "gen_ai.assistant.message": {"content": SAID, "tool_calls": f'[{{"function":{{"arguments":"{SAID}"}}}}]'},
    "gen_ai.tool.message": {"content": SAID, "id": "call-1"},
    "gen_ai.choice": {"index": 0, "finish_reason": "stop", "message": SAID, "tool.result": SAID},
    "gen_ai.client.inference.operation.details": {
        "gen_ai.input.messages": MESSAGES, "gen_ai.output.messages": MESSAGES, "gen_ai.system_instructions": SAID,
        "gen_ai.tool.definitions": SAID,
    },
    "gen_ai.content.prompt": {"gen_ai.prompt": SAID},
    "gen_ai.content.completion": {"gen_ai.completion": SAID},
    "message": {"gen_ai.system": "az.ai.inference", "content": {"text": SAID}},
    "tool.output": {"gen_ai.tool.name": "Bash", "output": SAID},
}  # fmt: skip

IN_LOGS: list[dict[str, Any]] = [
    {"eventName": "gen_ai.user.message", "body": {"content": SAID}},
    {"eventName": "gen_ai.choice", "body": {"message": {"content": SAID}}},
    {"attributes": {"event.name": "gen_ai.user.message"}, "body": {"content": SAID}},
    {"eventName": "gen_ai.user.message", "attributes": {"content": SAID}},
    {"eventName": "gen_ai.client.inference.operation.details", "attributes": {
        "gen_ai.input.messages": [{"parts": [{"content": SAID}]}], "gen_ai.output.messages": MESSAGES}},
    {"body": "claude_code.user_prompt", "attributes": {"event.name": "user_prompt", "prompt": SAID,
                                                       "prompt_text": SAID, "prompt_length": 26}},
    {"body": "claude_code.assistant_response", "attributes": {"event.name": "assistant_response", "response": SAID}},
    {"body": "claude_code.tool_result", "attributes": {"tool_input": SAID, "tool_parameters": SAID}},
    {"body": "claude_code.api_request_body", "attributes": {"body": SAID}},
    {"attributes": {"event.name": "codex.user_prompt", "prompt": SAID}},
    {"attributes": {"event.name": "codex.tool_result", "arguments": SAID, "output": SAID}},
    {"body": "x", "attributes": {"event.name": "gemini_cli.api_response", "response_text": SAID}},
    {"attributes": {"event.name": "gemini_cli.tool_call", "function_args": SAID}},
    {"body": {"user_prompt": SAID, "n": 1}},
]  # fmt: skip


def value(held: Any) -> dict[str, Any]:
    if isinstance(held, dict):
        return {"kvlistValue": {"values": values(held)}}
    if isinstance(held, list):
        return {"arrayValue": {"values": [value(one) for one in held]}}
    return {"intValue": str(held)} if isinstance(held, int) else {"stringValue": held}


def values(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": name, "value": value(held)} for name, held in attributes.items()]


def span(run_id: str, attributes: dict[str, Any], events: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "traceId": run_id, "spanId": SPAN, "name": "a call", "kind": 3, "attributes": values(attributes),
        "events": events, "startTimeUnixNano": str(START * 1_000), "endTimeUnixNano": str((START + 9_000) * 1_000),
    }  # fmt: skip


def traces(one: dict[str, Any]) -> dict[str, Any]:
    return {"resourceSpans": [{"scopeSpans": [{"spans": [one]}]}]}


def logs(run_id: str, record: dict[str, Any]) -> dict[str, Any]:
    made = {**record, "traceId": run_id, "spanId": SPAN, "flags": 1, "timeUnixNano": str(START * 1_000)}
    if "body" in made:
        made["body"] = value(made["body"])
    made["attributes"] = values(made.get("attributes", {}))
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": [made]}]}]}


def _run(number: int) -> str:
    return f"{number:032x}"


REQUESTS: dict[str, tuple[str, str, dict[str, Any]]] = {}
for _name, _attributes in ON_SPANS.items():
    _id = _run(len(REQUESTS) + 1)
    REQUESTS[_name] = (_id, "/v1/traces", traces(span(_id, _attributes, [])))
for _name, _attributes in ON_EVENTS.items():
    _id = _run(len(REQUESTS) + 1)
    _event = {"timeUnixNano": str(START * 1_000), "name": _name, "attributes": values(_attributes)}
    REQUESTS[f"span event {_name}"] = (_id, "/v1/traces", traces(span(_id, {}, [_event])))
for _number, _record in enumerate(IN_LOGS):
    _id = _run(len(REQUESTS) + 1)
    REQUESTS[f"log record {_number}"] = (_id, "/v1/logs", logs(_id, _record))


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {kept: tmp_path_factory.mktemp("data") for kept in ("false", "true")}


def running(data: Path, kept: str) -> Any:
    arguments = ("serve", "--port", "0", "--data-dir", str(data))
    return spantail_process(*arguments, OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=kept)


@pytest.fixture(scope="module")
def dropping(places: dict[str, Path]) -> Iterator[Service]:
    with running(places["false"], "false") as service:
        service.await_ready()
        yield service


@pytest.fixture(scope="module")
def keeping(places: dict[str, Path]) -> Iterator[Service]:
    with running(places["true"], "true") as service:
        service.await_ready()
        yield service


def marks(held: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = held.get("content", [])
    return found


def state_of(client: httpx.Client, run_id: str, path: str) -> dict[str, Any]:
    if path == "/v1/logs":
        (line,) = client.get(f"/api/logs/{run_id}").json()["logs"]
        return dict(line)
    return dict(client.get(f"/api/traces/{run_id}/spans/{SPAN}").json())


@pytest.mark.parametrize("name", REQUESTS)
def test_it_is_kept_where_that_is_asked_for_and_nowhere_else(name: str, dropping: Service, keeping: Service) -> None:
    run_id, path, body = REQUESTS[name]
    sent = orjson.dumps(body).decode().count(SAID)
    assert sent
    with httpx.Client(base_url=dropping.url) as client:
        assert client.post(path, json=body).json() == {}
        held = state_of(client, run_id, path)
        assert SAID not in orjson.dumps(held).decode()
        assert marks(held), "it leaves a mark"
        for mark in marks(held):
            assert (mark["setting"], mark["where"]) == (CAPTURE_CONTENT_VARIABLE, "service")
        assert sum(mark["bytes"] for mark in marks(held)) >= sent * len(SAID)
        for kind in ("otlp", "ndjson", "perfetto"):
            assert SAID not in client.get(f"/api/runs/{run_id}/export", params={"format": kind}).text
    with httpx.Client(base_url=keeping.url) as client:
        assert client.post(path, json=body).json() == {}
        held = state_of(client, run_id, path)
        assert marks(held) == []
        assert orjson.dumps(held).decode().count(SAID) >= sent


def test_it_is_in_no_memory_and_no_file(dropping: Service, places: dict[str, Path]) -> None:
    with httpx.Client(base_url=dropping.url) as client:
        for _, path, body in REQUESTS.values():
            assert client.post(path, json=body).status_code == 200
    data = places["false"]
    stored = dict(dump(f"unix://{next(data.rglob('redis.sock'))}"))
    assert len(stored) > len(REQUESTS)
    files = {str(path): path.read_bytes() for path in data.rglob("*") if path.is_file()}
    assert any("appendonly" in path for path in files)
    assert [where for where, content in {**stored, **files}.items() if SAID.encode() in content] == []
    assert SAID not in dropping.output


def test_a_file_with_content_is_taken_without_it(dropping: Service, keeping: Service) -> None:
    """What one service kept and exported is left out by another that does not keep it, by a file of either format."""
    with httpx.Client(base_url=keeping.url) as there, httpx.Client(base_url=dropping.url) as here:
        for name, (run_id, path, body) in REQUESTS.items():
            assert there.post(path, json=body).status_code == 200
            for kind, headers in (("otlp", JSON), ("ndjson", NDJSON)):
                if path == "/v1/logs" and kind == "otlp":
                    continue  # it holds spans
                file = there.get(f"/api/runs/{run_id}/export", params={"format": kind})
                assert SAID in file.text, (name, kind)
                another = ("a" if kind == "otlp" else "b") + run_id[1:]
                content = file.text.replace(run_id, another)
                taken = here.post("/api/runs/import", content=content, headers=headers)
                assert taken.status_code == 200, (name, kind, taken.text)
                held = state_of(here, another, path)
                assert SAID not in orjson.dumps(held).decode(), (name, kind)
                assert marks(held), (name, kind)


@pytest.mark.parametrize(
    "attributes",
    [
        {
            "content": "of a page",
            "input": "a form",
            "message": "hello",
            "response": "200 OK",
            "query": "q",
            "body": "b",
        },
        {**CALL, "prompt": 512, "completion": 20, "input": 3, "output": 4},
        {"gen_ai.usage.input_tokens": 5, "gen_ai.response.id": "chatcmpl-1", "gen_ai.output.type": "text"},
    ],
    ids=["everyday words elsewhere", "counts", "what is said about a call"],
)
def test_what_is_no_content_stays(dropping: Service, attributes: dict[str, Any]) -> None:
    run_id = hashlib.md5(orjson.dumps(attributes), usedforsecurity=False).hexdigest()
    with httpx.Client(base_url=dropping.url) as client:
        event = {"name": "http", "timeUnixNano": str(START * 1_000), "attributes": values({"content": "of a page"})}
        assert client.post("/v1/traces", json=traces(span(run_id, attributes, [event]))).json() == {}
        held = state_of(client, run_id, "/v1/traces")
    assert held["attributes"].items() >= attributes.items()
    assert held["span_events"][0]["attributes"] == {"content": "of a page"}
    assert "content" not in held
