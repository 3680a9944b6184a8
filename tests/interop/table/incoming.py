"""What other libraries send, and what a viewer sees of it: read from the kept exports and the trees beside them."""

from __future__ import annotations

import json
import re
from typing import Final, NamedTuple

from tests.exports.sources import SOURCES, Source
from tests.support.otlp.exports import FOLDER
from tests.support.tools import ROOT

_PACKAGES: Final = {
    "logfire_openai": ("Logfire", "logfire"),
    "pydantic_ai_agent": ("Pydantic AI", "pydantic-ai-slim"),
    "openinference_langchain": ("OpenInference, LangChain", "openinference-instrumentation-langchain"),
    "openinference_anthropic": ("OpenInference, Anthropic", "openinference-instrumentation-anthropic"),
    "openllmetry": ("OpenLLMetry", "traceloop-sdk"),
    "openlit_app": ("OpenLIT", "openlit"),
    "langfuse_app": ("Langfuse's SDK", "langfuse"),
    "mlflow_app": ("MLflow's SDK", "mlflow-skinny"),
    "litellm_app": ("LiteLLM", "litellm"),
    "litellm_in_a_span": ("LiteLLM in a span of the application", "litellm"),
    "official": ("OpenTelemetry's own instrumentations", "opentelemetry-instrumentation-openai-v2"),
    "vercel_ai_sdk": ("Vercel AI SDK 7", "ai"),
    "vercel_ai_sdk_6": ("Vercel AI SDK 6", "ai"),
    "nodejs_web_app": ("Express, Redis and OpenAI in Node.js", "@opentelemetry/instrumentation-openai"),
    "claude_code": ("Claude Code", "@anthropic-ai/claude-code"),
}
_CALL: Final = re.compile(r"^ *llm_call ", re.MULTILINE)
_TOKENS: Final = re.compile(r"\b(input|output) (\d+)")
_COST: Final = re.compile(r"(\d+) nano-USD")


class Seen(NamedTuple):
    """One library's line of the table."""

    library: str
    version: str
    spans: int
    calls: int
    tokens: tuple[int, int]
    cost_usd: float


def seen_of(source: Source) -> Seen:
    """What the tree beside an export says; a test holds the service to it."""
    text = (FOLDER / f"{source.name}.tree.txt").read_text(encoding="utf-8")
    name, package = _PACKAGES[source.name]
    calls = [line for line in text.splitlines() if _CALL.match(line)]
    counts = [(kind, int(count)) for line in calls for kind, count in _TOKENS.findall(line)]
    return Seen(
        name,
        _version_of(source, package),
        sum(1 for line in text.splitlines() if line.strip() not in {"", "(not received)"}),
        len(calls),
        (sum(n for kind, n in counts if kind == "input"), sum(n for kind, n in counts if kind == "output")),
        sum(int(cost) for cost in _COST.findall("\n".join(calls))) / 1e9,
    )


def everything_seen() -> list[Seen]:
    """All libraries, in the order in which they are listed."""
    return [seen_of(source) for source in SOURCES]


def _version_of(source: Source, package: str) -> str:
    if source.venv:
        requirements = ROOT / "tests" / "exports" / "requirements" / f"{source.venv}.txt"
        lines = requirements.read_text(encoding="utf-8").splitlines()
        return next((line.partition("==")[2] for line in lines if line.startswith(f"{package}==")), "")
    folder = (ROOT / source.script).parent if source.script else ROOT / "deploy" / "claude-cli"
    lock = json.loads((folder / "package-lock.json").read_text(encoding="utf-8"))
    version: str = lock["packages"][f"node_modules/{package}"]["version"]
    return version
