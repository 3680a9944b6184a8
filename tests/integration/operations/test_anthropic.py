"""The backend `anthropic` with the real `langchain-anthropic`, which has a folder of its own: in another process."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

from spantail_service.demo.faults import Pace
from tests.integration.operations.conftest import demo_world
from tests.support import tools
from tests.support.tools import ROOT

if TYPE_CHECKING:
    from spantail_service.demo.server import DemoServer

PROGRAM = """
import asyncio, json, sys
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from spantail import pricing
from spantail_service.llm import ChainError
from spantail_service.llm.registry import open_llm
from spantail_service.settings import Settings

sys.path.append(sys.argv[1])
exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)

async def main():
    heard = []
    settings = Settings(llm_backends="anthropic", anthropic_base_url=sys.argv[2], anthropic_api_key="demo",
                        llm_retry_after_s=0, llm_timeout_s=float(sys.argv[4]))
    async with open_llm(settings.llm, demo=False) as llm:
        try:
            answer = (await llm.chain.ask([{"role": "system", "content": "Be brief."},
                                           {"role": "user", "content": sys.argv[3]}], str, name="ask",
                                          on_text=heard.append)).value
        except ChainError as error:
            answer = error.failures[0].reason
    return answer, heard

answer, heard = asyncio.run(main())
(call,) = (span for span in exporter.get_finished_spans() if span.name.startswith("chat "))
print(json.dumps([answer, heard, dict(call.attributes)]))
"""


async def ask(demo: DemoServer, prompt: str, *, timeout_s: float = 60.0) -> tuple[str, list[str], dict[str, Any]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, tools.langchain_anthropic(), demo.anthropic_url, prompt, str(timeout_s),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("ANTHROPIC_")},
    )  # fmt: skip
    output, trouble = await process.communicate()
    assert process.returncode == 0, trouble.decode()
    answer, heard, said = json.loads(output)
    return answer, heard, said


async def test_text_tokens_and_cost() -> None:
    async with demo_world() as demo:
        answer, heard, said = await ask(demo, "What is this? [[demo-usage cached=400 written=100]]")
    assert len(heard) > 1
    assert "".join(heard) == answer
    assert said["gen_ai.usage.input_tokens"] > 500, "what was cached is part of the input"
    assert (said["gen_ai.usage.cache_read.input_tokens"], said["gen_ai.usage.cache_write.input_tokens"]) == (
        400,
        100,
    )
    assert said["gen_ai.usage.output_tokens"] > 0
    assert said["gen_ai.response.model"] == "claude-sonnet-4-5"
    assert list(said["gen_ai.response.finish_reasons"]) == ["end_turn"]
    assert said["spantail.cost.source"] == "calculated"


@pytest.mark.parametrize(
    ("marker", "reason"),
    [("401", "auth"), ("404", "not_found"), ("429", "rate_limited"), ("500", "server_error"), ("529", "overloaded")],
)
async def test_why_it_refused(marker: str, reason: str) -> None:
    async with demo_world() as demo:
        answer, heard, _ = await ask(demo, f"What is this? [[demo-error {marker} anthropic]]")
    assert (answer, heard) == (reason, [])


async def test_a_slow_answer_is_given_up() -> None:
    async with demo_world(pace=Pace(scale=500.0)) as demo:
        answer, _, said = await ask(demo, "What is this?", timeout_s=1.0)
    assert answer == "timeout"
    assert said["spantail.backend"] == "anthropic"
