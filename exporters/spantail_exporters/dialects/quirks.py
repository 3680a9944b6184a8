"""Where a library's counts mean something else than their names say, recognised by what it writes beside them. Pure."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, NamedTuple

from spantail import attributes as key
from spantail_exporters.dialects import tokens as t


class Quirk(NamedTuple):
    """What is known of who wrote the counts.

    `place` is where cached tokens stand (`tokens.WITHIN` …), None = as the names say. `own_total` says that the total
    is the library's own sum of input and output: it settles nothing. `reasoning` is where reasoning tokens stand, in
    a usage object as the provider's API answers it and elsewhere.
    """

    place: str | None = None
    own_total: bool = False
    reasoning: tuple[str, str] | None = None


_PLAIN: Final = Quirk()
_INCLUDING: Final = frozenset(
    {
        "openai", "azure", "azure.ai.openai", "azure.ai.inference", "az.ai.openai", "az.ai.inference", "azure_openai",
        "gcp.gemini", "gcp.gen_ai", "google", "gemini", "deepseek", "x_ai", "xai", "x-ai", "groq", "mistral_ai",
        "mistral", "mistralai", "openrouter", "perplexity", "fireworks", "together", "moonshotai", "cerebras",
    }
)  # fmt: skip
"""Providers whose API counts cached tokens as a part of the input."""

_APART: Final = ("anthropic", "bedrock", "claude", "aws", "amazon")
"""Words in the names of providers and models whose API counts cached tokens beside the input."""

_GOOGLE: Final = ("google", "gemini", "gcp", "vertex")
_XAI: Final = frozenset({"x_ai", "xai", "x-ai"})


class _Family(NamedTuple):
    """What the names of provider and model say: a quirk of every call, and where the API counts cached tokens."""

    quirk: Quirk | None
    including: bool
    apart: bool


@lru_cache(1_024)
def _family_of(provider: str, model: str) -> _Family:
    including = not _INCLUDING.isdisjoint({provider, provider.partition(".")[0]})
    quirk = None
    if provider.partition(".")[0] in _XAI:
        # docs.x.ai, "reasoning tokens": counted separately from completion_tokens; vercel/ai#12425
        quirk = Quirk(reasoning=(t.BESIDE, t.UNSAID))
    elif provider.startswith("perplexity"):
        # docs.perplexity.ai, pricing of Sonar Deep Research: reasoning tokens are billed beside the completion
        quirk = Quirk(own_total=True, reasoning=(t.BESIDE, t.BESIDE))
    apart = not including and any(word in provider or word in model for word in _APART)
    return _Family(quirk, including, apart)


def quirk_of(attributes: dict[str, Any]) -> tuple[Quirk, bool]:
    """The quirk of whoever wrote these counts, and whether the provider's API counts cached tokens into the input."""
    stated, asked = attributes.get(key.GEN_AI_PROVIDER_NAME), attributes.get(key.GEN_AI_REQUEST_MODEL)
    provider = stated.strip() if isinstance(stated, str) else ""
    lower = provider.lower()
    family = _family_of(lower, asked.lower() if isinstance(asked, str) else "")
    return family.quirk or _quirk_of_library(attributes, provider, lower, apart=family.apart), family.including


def _quirk_of_library(attributes: dict[str, Any], provider: str, lower: str, *, apart: bool) -> Quirk:
    if attributes.get("rpc.system") == "aws-api":
        # OpenTelemetry's instrumentation of botocore passes on the counts of Bedrock's API under the standard names
        return Quirk(t.BESIDE)
    if attributes.get("telemetry.sdk.name") == "openlit" and any(word in lower for word in _GOOGLE):
        # OpenLIT 1.45: candidates without the thoughts, but by its instrumentation of LangChain with them
        return Quirk(own_total=True, reasoning=(t.UNSAID, t.UNSAID))
    if not apart:
        return _PLAIN
    if isinstance(attributes.get(key.GEN_AI_USAGE_INPUT_TOKENS), str):
        # Spring AI 2.0 (AnthropicChatModel, getDefaultUsage), which writes counts as text: as the API tells them
        return Quirk(t.BESIDE, own_total=True)
    if attributes.get("telemetry.sdk.name") == "openlit":
        # OpenLIT 1.45: as the API tells them, but by its instrumentation of LangChain with the cached ones in it
        return Quirk(t.UNSAID, own_total=True)
    if "ai.usage.cachedInputTokens" in attributes and "ai.usage.inputTokenDetails.noCacheTokens" not in attributes:
        return Quirk(t.BESIDE, own_total=True)  # Vercel AI SDK 5: as the API tells them
    if "gen_ai.usage.cached_input_tokens" in attributes:
        return Quirk(t.UNSAID, own_total=True)  # Mastra before 1.0: as the AI SDK beneath it
    if "llm.token_count.prompt" in attributes:
        # OpenInference: its instrumentation of Agno ("Anthropic", "AwsBedrock") passes on what the API tells; that of
        # Bedrock adds up a total where Nova tells none
        agno = provider != lower
        return Quirk(t.UNSAID if agno else None, own_total=agno or "aws" in lower or "bedrock" in lower)
    # OpenLLMetry's instrumentation of Bedrock, and Strands' of Anthropic, make totals without the cached tokens
    return Quirk(own_total="bedrock" in lower or lower == "strands-agents")
