"""The backends of the registry against the demo provider: text, tokens, cost, refusals."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import TYPE_CHECKING, get_args

import httpx
import pytest
from pydantic import ValidationError

from spantail_service.llm import ChainError, Message, Restart, Tier
from spantail_service.settings import Settings
from spantail_service.settings.llm import LLM_BACKENDS
from tests.integration.operations.conftest import demo_world, settings_for, tools_for
from tests.integration.operations.traces import attributes, status

if TYPE_CHECKING:
    from tests.integration.operations.traces import Traces

ASK: list[Message] = [{"role": "user", "content": "What is this?"}]


def asking(marker: str) -> list[Message]:
    return [{"role": "user", "content": f"What is this? [[demo-error {marker}]]"}]


async def test_openrouter_says_its_cost_itself(traces: Traces) -> None:
    heard: list[str | Restart] = []
    async with demo_world() as demo, tools_for(settings_for(demo, llm_backends="openrouter")) as tools:
        answer = await tools.llm.ask(ASK, str, name="ask", on_text=heard.append)
    assert (answer.backend, answer.model) == ("openrouter", "anthropic/claude-sonnet-4.5")
    assert len(heard) > 1
    assert "".join(map(str, heard)) == answer.value
    said = attributes(traces.named("chat anthropic/claude-sonnet-4.5"))
    asked, answered = said["gen_ai.usage.input_tokens"], said["gen_ai.usage.output_tokens"]
    assert said["spantail.cost.source"] == "provider"
    assert Decimal(str(said["spantail.cost_usd"])) == (3 * Decimal(asked) + 15 * Decimal(answered)) / 1_000_000
    assert said["gen_ai.provider.name"] == "openrouter"
    assert said["gen_ai.response.finish_reasons"] == ("stop",)


@pytest.mark.parametrize(
    ("status_code", "reason"),
    [(400, "bad_request"), (401, "auth"), (404, "not_found"), (429, "rate_limited"), (500, "server_error")],
)
async def test_why_openrouter_refused(status_code: int, reason: str) -> None:
    settings = {"llm_backends": "openrouter", "llm_retry_after_s": 0}
    async with demo_world() as demo, tools_for(settings_for(demo, **settings)) as tools:
        with pytest.raises(ChainError) as raised:
            await tools.llm.ask(asking(f"{status_code} openrouter"), str, name="ask")
    assert [failure.reason for failure in raised.value.failures] == [reason]


async def test_no_key_of_another_provider_goes_to_openrouter(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def hold(path: str) -> None:
        asked.append(path)

    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-openai")
    async with demo_world(hold=hold) as demo:
        settings = settings_for(demo, llm_backends="openrouter", openrouter_api_key=None)
        async with tools_for(settings) as tools:
            with pytest.raises(ChainError, match="SPANTAIL_OPENROUTER_API_KEY"):
                await tools.llm.ask(ASK, str, name="ask")
    assert asked == []


@pytest.mark.parametrize("backend", ["langchain", "openai", "openrouter"])
async def test_a_short_retry_after_is_waited_for(traces: Traces, backend: str) -> None:
    place = "openrouter" if backend == "openrouter" else "openai"
    async with demo_world() as demo, tools_for(settings_for(demo, llm_backends=backend)) as tools:
        answer = await tools.llm.ask(asking(f"429 {place} after=0.05 times=1"), str, name="ask")
    assert (answer.backend, answer.attempts) == (backend, 2)
    first, second = traces.of_kind("llm_call")
    assert (status(first), status(second)) == ("error", "ok")
    assert status(traces.named("waiting as asked")) == "ok"
    assert "spantail.fallback.from" not in attributes(second)


async def test_a_long_retry_after_falls_back(traces: Traces) -> None:
    async with demo_world() as demo, tools_for(settings_for(demo, llm_backends="langchain,openrouter")) as tools:
        answer = await tools.llm.ask(asking("429 openai after=600"), str, name="ask")
    assert (answer.backend, answer.attempts) == ("openrouter", 2)
    assert not [span for span in traces.spans if span.name == "waiting as asked"]


async def test_a_package_that_is_not_installed_is_skipped(traces: Traces) -> None:
    """`langchain-anthropic` is in none of the locks; with it, see `test_anthropic.py`."""
    pytest.importorskip("langchain_openai")
    async with demo_world() as demo, tools_for(settings_for(demo, llm_backends="anthropic,langchain")) as tools:
        answer = await tools.llm.ask(ASK, str, name="ask")
    assert answer.backend == "langchain"
    skipped = traces.named("chat claude-sonnet-4-5")
    assert status(skipped) == "skipped"
    assert "pip install 'langchain-anthropic'" in attributes(skipped)["spantail.reason"]


async def test_every_backend_can_be_made_and_models_chosen_by_tier() -> None:
    models = "claude_cli.high=claude-opus-4-5,openrouter.low=openai/gpt-4o-mini,openrouter.low=a/b:free"
    async with demo_world() as demo:
        settings = settings_for(demo, llm_backends=",".join(LLM_BACKENDS), llm_models=models)
        async with tools_for(settings) as tools:
            made = {backend.name: backend for backend in tools.llm._backends}
    assert tuple(made) == LLM_BACKENDS
    chosen = {name: [made[name].model_for(tier) for tier in get_args(Tier)] for name in ("claude_cli", "openrouter")}
    assert chosen == {
        "claude_cli": ["claude-haiku-4-5", "claude-sonnet-4-5", "claude-opus-4-5"],
        "openrouter": ["a/b:free", "anthropic/claude-sonnet-4.5", "anthropic/claude-sonnet-4.5"],
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"llm_backends": ""},
        {"llm_backends": "claude"},
        {"llm_backends": "langchain,langchain"},
        {"llm_models": "claude_cli.top=m"},
        {"llm_models": "gpt.low=m"},
        {"llm_models": "claude_cli.low=--help"},
        {"llm_models": "claude_cli.low"},
    ],
)
def test_settings_that_make_no_sense(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Settings(**wrong)


async def test_the_demo_speaks_openrouters_form() -> None:
    chat = {"model": "m", "messages": ASK}
    async with demo_world() as demo, httpx.AsyncClient() as http:
        url = f"{demo.openrouter_url}/chat/completions"
        whole = (await http.post(url, json=chat)).json()
        streamed = (await http.post(url, json={**chat, "stream": True})).text
        refused = await http.post(url, json={**chat, "messages": asking("429 openrouter after=7")})
    assert whole["usage"]["cost"] > 0
    assert '"cost"' in streamed.split("\n\n")[-3]
    assert refused.json()["error"]["code"] == 429
    assert refused.headers["retry-after"] == "7"


@pytest.mark.parametrize("backend", ["langchain", "openrouter"])
async def test_a_cancelled_call_closes_its_connection(backend: str) -> None:
    """In the middle of an answer: the provider need not write what nobody reads."""
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m",
             "choices": [{"index": 0, "delta": {"content": "Good "}, "finish_reason": None}]}  # fmt: skip
    closed, heard = asyncio.Event(), asyncio.Event()

    async def provide(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
        writer.write(f"data: {json.dumps(chunk)}\n\n".encode())
        while await reader.read(65_536):
            pass
        closed.set()
        writer.close()

    server = await asyncio.start_server(provide, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    async with server, demo_world() as demo:
        settings = settings_for(demo, llm_backends=backend, openai_base_url=url, openrouter_base_url=url)
        async with tools_for(settings) as tools:
            asked = tools.llm.ask(ASK, str, name="ask", on_text=lambda _text: heard.set())
            asking = asyncio.create_task(asked)
            await asyncio.wait_for(heard.wait(), 60)
            assert not closed.is_set()
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            await asyncio.wait_for(closed.wait(), 30)
