"""What a prompt may ask of the demo provider: tokens of special kinds, and calls of tools, over both of its APIs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from spantail_service.demo.faults import Pace
from spantail_service.demo.provider import create_provider_app
from spantail_service.demo.requested import NO_SPECIAL, ToolCall, requested_tool, requested_usage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ASKS = 'Weather? [[demo-tool weather {"city": "Bern"}]] [[demo-usage cached=40 written=10 reasoning=5]]'


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_provider_app(1, pace=Pace(0), rate_limited=0))
    async with httpx.AsyncClient(transport=transport, base_url="http://demo") as client:
        yield client


def _openai(*more: dict[str, Any], **fields: Any) -> dict[str, Any]:
    tools = [{"type": "function", "function": {"name": "weather"}}]
    return {"model": "m", "messages": [{"role": "user", "content": ASKS}, *more], "tools": tools, **fields}


def _anthropic(*more: dict[str, Any], **fields: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": ASKS}, *more]
    return {"model": "m", "messages": messages, "tools": [{"name": "weather"}], **fields}


@pytest.mark.parametrize(
    ("prompt", "body", "expected"),
    [
        (ASKS, _openai(), ToolCall("weather", '{"city": "Bern"}')),
        (ASKS, _anthropic(), ToolCall("weather", '{"city": "Bern"}')),
        (ASKS, {}, None),
        (ASKS, {"tools": "weather"}, None),
        ("[[demo-tool weather {no json}]]", _openai(), None),
        ("Weather?", _openai(), None),
        (ASKS, _openai({"role": "tool", "content": "sunny"}), None),
        (ASKS, _anthropic({"role": "user", "content": [{"type": "tool_result", "content": "sunny"}]}), None),
    ],
    ids=["openai", "anthropic", "no tools", "no list", "no json", "not asked", "answered", "answered there"],
)
def test_a_tool_is_called_once_where_it_is_offered(prompt: str, body: dict[str, Any], expected: object) -> None:
    assert requested_tool(prompt, body) == expected


def test_special_tokens_are_as_asked_and_none_by_default() -> None:
    assert requested_usage(ASKS) == (40, 10, 5)
    assert requested_usage("plain") == NO_SPECIAL == requested_usage("[[demo-usage cached=-1]]")


async def test_openai_counts_them_in(client: httpx.AsyncClient) -> None:
    answer = (await client.post("/v1/chat/completions", json=_openai())).json()
    usage, (choice,) = answer["usage"], answer["choices"]
    assert usage["prompt_tokens_details"] == {"cached_tokens": 40}
    assert usage["completion_tokens_details"] == {"reasoning_tokens": 5}
    assert usage["prompt_tokens"] > 50
    assert usage["completion_tokens"] > 5
    assert choice["finish_reason"] == "tool_calls"
    (call,) = choice["message"]["tool_calls"]
    assert call["function"] == {"name": "weather", "arguments": '{"city": "Bern"}'}


async def test_openai_streams_the_call(client: httpx.AsyncClient) -> None:
    text = (await client.post("/v1/chat/completions", json=_openai(stream=True))).text
    chunks = [json.loads(line.removeprefix("data: ")) for line in text.split("\n\n") if line.startswith("data: {")]
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    (call,) = [delta["tool_calls"][0] for delta in deltas if "tool_calls" in delta]
    assert call["function"]["name"] == "weather"
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


async def test_anthropic_tells_cached_tokens_apart(client: httpx.AsyncClient) -> None:
    answer = (await client.post("/v1/messages", json=_anthropic())).json()
    usage, (block,) = answer["usage"], answer["content"]
    assert (usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"]) == (40, 10)
    assert usage["input_tokens"] < 50
    assert answer["stop_reason"] == "tool_use"
    assert (block["type"], block["name"], block["input"]) == ("tool_use", "weather", {"city": "Bern"})


async def test_anthropic_streams_the_call(client: httpx.AsyncClient) -> None:
    text = (await client.post("/v1/messages", json=_anthropic(stream=True))).text
    events = [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: ")]
    assert events[1]["content_block"]["name"] == "weather"
    assert events[2]["delta"] == {"type": "input_json_delta", "partial_json": '{"city": "Bern"}'}
    assert events[-2]["delta"]["stop_reason"] == "tool_use"


async def test_some_calls_find_the_model_overloaded_always_the_same_ones() -> None:
    transport = httpx.ASGITransport(create_provider_app(1, pace=Pace(0), rate_limited=0, overloaded=0.25))
    async with httpx.AsyncClient(transport=transport, base_url="http://demo") as client:

        async def statuses(path: str) -> list[int]:
            bodies = [
                {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": f"{number}"}]}
                for number in range(20)
            ]
            return [(await client.post(path, json=body)).status_code for body in bodies]

        first = await statuses("/v1/chat/completions")
        assert set(first) == {200, 503}
        assert await statuses("/v1/chat/completions") == first
        assert set(await statuses("/v1/messages")) == {200}
