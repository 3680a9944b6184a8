"""The Vercel AI SDK with its own mock models: an agent with a tool, a stream, a call that fails.

Each call of a model is one LLM call with its tokens and cost, whichever version made the spans; what is around the
calls counts nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.integration.clients import programs
from tests.integration.clients.trees import NODE_JITTER_US, assert_times, drawn_whole
from tests.support.tools import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.clients.conftest import Receiver
    from tests.support.programs.collectors import RunningCollector
    from tests.support.service.process import ServiceProcess

pytestmark = pytest.mark.xdist_group("clients")

_MINI: Final = "openai gpt-4o-mini-2024-07-18"
_OVERLOADED: Final = "Error: the model is overloaded, + exception"
_TREE_7: Final = f"""\
plan a day: span, internal, by examples.vercel-ai-sdk, + nobody has read the poem
  invoke_agent gpt-4o-mini: span, internal, by gen_ai
    step 1: span, internal, by gen_ai
      chat gpt-4o-mini: llm_call, client, by gen_ai, {_MINI}, input 120, output 20, cache_read 0, cache_write 0, \
30000 nano-USD calculated
      execute_tool weather: tool, internal, by gen_ai
    step 2: span, internal, by gen_ai
      chat gpt-4o-mini: llm_call, client, by gen_ai, {_MINI}, input 1200, output 30, cache_read 1024, cache_write 0, \
121200 nano-USD calculated
  invoke_agent gpt-4o-mini: span, internal, by gen_ai
    step 1: span, internal, by gen_ai
      chat gpt-4o-mini: llm_call, client, by gen_ai, {_MINI}, input 60, output 40, cache_read 0, cache_write 0, \
33000 nano-USD calculated
  invoke_agent claude-sonnet-4-5: span, internal, by gen_ai, error, {_OVERLOADED}
    step 1: span, internal, by gen_ai, error, {_OVERLOADED}
      chat claude-sonnet-4-5: llm_call, client, by gen_ai, error, anthropic claude-sonnet-4-5, ? nano-USD unpriced, \
{_OVERLOADED}
"""


_CALL_6: Final = "llm_call, internal, by ai"
_TREE_6: Final = f"""\
plan a day: span, internal, by tests.vercel-ai-sdk, + nobody has read the poem
  ai.generateText: span, internal, by ai
    ai.generateText.doGenerate: {_CALL_6}, {_MINI}, input 120, output 20, cache_read 0, cache_write 0, reasoning 0, \
30000 nano-USD calculated
    ai.toolCall: tool, internal, by ai
    ai.generateText.doGenerate: {_CALL_6}, {_MINI}, input 1200, output 30, cache_read 1024, cache_write 0, \
reasoning 0, 121200 nano-USD calculated
  ai.streamText: span, internal, by ai
    ai.streamText.doStream: {_CALL_6}, {_MINI}, input 60, output 40, cache_read 0, cache_write 0, reasoning 0, \
33000 nano-USD calculated, + ai.stream.firstChunk, + ai.stream.finish
  ai.embed: span, internal, by ai
    ai.embed.doEmbed: {_CALL_6}, openai text-embedding-3-small, input 500, 10000 nano-USD calculated
  ai.generateText: span, internal, by ai, error, {_OVERLOADED}
    ai.generateText.doGenerate: {_CALL_6}, error, anthropic claude-sonnet-4-5, ? nano-USD unpriced, {_OVERLOADED}
"""


@pytest.mark.parametrize("protocol", ["http/json", "grpc"])
def test_version_7(protocol: str, receiver: Receiver, tmp_path: Path) -> None:
    command = programs.node_program(ROOT / "examples" / "vercel_ai_sdk", tmp_path, "agent.mjs")
    trace = _trace(command, programs.sends_to(receiver, protocol), receiver.service, tmp_path, spans=13)
    assert drawn_whole(trace) == _TREE_7
    _assert_right(trace, "invoke_agent")


def test_version_7_through_the_collector(collector: RunningCollector, receiver: Receiver, tmp_path: Path) -> None:
    command = programs.node_program(ROOT / "examples" / "vercel_ai_sdk", tmp_path, "agent.mjs")
    trace = _trace(command, programs.sends_to(collector, "http/protobuf"), receiver.service, tmp_path, spans=13)
    assert drawn_whole(trace) == _TREE_7
    _assert_right(trace, "invoke_agent")


def test_version_6(receiver: Receiver, tmp_path: Path) -> None:
    """`experimental_telemetry`, whose spans have names of their own."""
    folder = ROOT / "tests" / "integration" / "clients" / "vercel_ai_sdk_6"
    command = programs.node_program(folder, tmp_path, "agent.mjs")
    trace = _trace(command, programs.sends_to(receiver, "http/protobuf"), receiver.service, tmp_path, spans=11)
    assert drawn_whole(trace) == _TREE_6
    _assert_right(trace, "ai.generateText", embedding_nano=10_000)
    (tool,) = [span for span in trace["spans"] if span["kind"] == "tool"]
    attributes = tool["attributes"]
    assert (attributes["spantail.session.id"], attributes["spantail.user.id"]) == ("a-session", "ada")


def _trace(
    command: list[str], sends_to: dict[str, str], service: ServiceProcess, folder: Path, spans: int
) -> dict[str, Any]:
    settings = {"SPANTAIL_URL": service.url, **sends_to}
    run_id = programs.run_id_in(programs.output_of(command, folder, settings))
    return programs.whole_trace(service, run_id, spans=spans)


def _assert_right(trace: dict[str, Any], agent: str, embedding_nano: int = 0) -> None:
    """What is true of every version: sums, the tool, the stream, no prompt, and times."""
    run = trace["run"]
    assert (run["status"], run["unpriced"]) == ("completed", 0)
    assert run["cost_nano"] == 30_000 + 121_200 + 33_000 + embedding_nano
    assert {name: (backend["calls"], backend["errors"]) for name, backend in run["backends"].items()} == {
        "openai": (4 if embedding_nano else 3, 0), "anthropic": (1, 1),
    }  # fmt: skip
    (of_two_calls, *_) = sorted((span for span in trace["spans"] if span["name"].startswith(agent)), key=_start)
    assert of_two_calls["account"]["cost_nano"] == 30_000 + 121_200, "what an agent tells of its calls is their sum"
    (tool,) = [span for span in trace["spans"] if span["kind"] == "tool"]
    assert (tool["attributes"]["gen_ai.tool.name"], tool["attributes"]["gen_ai.tool.call.id"]) == ("weather", "call-1")
    (streamed,) = [span for span in trace["spans"] if span.get("tokens", {}).get("output") == 40]
    assert 0 < streamed["attributes"]["gen_ai.response.time_to_first_chunk"] < 30
    assert not [word for word in ("Bern", "poetry", "Is this good") if word in str(trace)], "prompts stay at home"
    assert_times(trace, {}, NODE_JITTER_US)


def _start(span: dict[str, Any]) -> int:
    start: int = span["start"]
    return start
