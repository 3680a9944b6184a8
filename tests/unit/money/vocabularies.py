"""One call's usage in the words of many sources: what each writes for the same tokens."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

_MILLION: Final = 10**6


@dataclass(frozen=True)
class Truth:
    """Every token of a call once. `write_1h` are those written to a cache for an hour."""

    fresh: int
    read: int
    write: int
    write_1h: int
    answer: int
    reasoning: int

    @property
    def input(self) -> int:
        """All input."""
        return self.fresh + self.cached

    @property
    def cached(self) -> int:
        """What a cache took or gave."""
        return self.read + self.write + self.write_1h

    @property
    def output(self) -> int:
        """All output."""
        return self.answer + self.reasoning


class Maker(NamedTuple):
    """A provider, its model, and USD for a million tokens (platform.openai.com and docs.claude.com, pricing)."""

    provider: str
    model: str
    fresh: str
    read: str
    write: str
    write_1h: str
    output: str

    def usd(self, truth: Truth) -> Decimal:
        """What the call costs."""
        parts = (
            (truth.fresh, self.fresh),
            (truth.read, self.read),
            (truth.write, self.write),
            (truth.write_1h, self.write_1h),
            (truth.output, self.output),
        )
        return sum((count * Decimal(rate) for count, rate in parts), Decimal(0)) / _MILLION


OPENAI: Final = Maker("openai", "gpt-5", "1.25", "0.125", "0", "0", "10")
ANTHROPIC: Final = Maker("anthropic", "claude-sonnet-4-5", "3", "0.3", "3.75", "6", "15")


def _call(maker: Maker) -> dict[str, Any]:
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": maker.provider,
        "gen_ai.request.model": maker.model,
    }


def _conventions(truth: Truth) -> dict[str, Any]:
    return {
        "gen_ai.usage.input_tokens": truth.input,
        "gen_ai.usage.output_tokens": truth.output,
        "gen_ai.usage.cache_read.input_tokens": truth.read,
        "gen_ai.usage.reasoning.output_tokens": truth.reasoning,
    }


def _conventions_with_writes(truth: Truth) -> dict[str, Any]:
    return {
        **_conventions(truth),
        "gen_ai.usage.cache_creation.input_tokens": truth.write + truth.write_1h,
        "gen_ai.usage.cache_creation.ephemeral_1h_input_tokens": truth.write_1h,
    }


def _openai_chat(truth: Truth) -> dict[str, Any]:
    return {
        "prompt_tokens": truth.input,
        "completion_tokens": truth.output,
        "total_tokens": truth.input + truth.output,
        "prompt_tokens_details": {"cached_tokens": truth.read, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": truth.reasoning, "audio_tokens": 0},
    }


def _openai_responses(truth: Truth) -> dict[str, Any]:
    return {
        "input_tokens": truth.input,
        "output_tokens": truth.output,
        "total_tokens": truth.input + truth.output,
        "input_tokens_details": {"cached_tokens": truth.read},
        "output_tokens_details": {"reasoning_tokens": truth.reasoning},
    }


def _anthropic(truth: Truth) -> dict[str, Any]:
    return {
        "input_tokens": truth.fresh,
        "output_tokens": truth.output,
        "cache_read_input_tokens": truth.read,
        "cache_creation_input_tokens": truth.write + truth.write_1h,
        "cache_creation": {
            "ephemeral_5m_input_tokens": truth.write,
            "ephemeral_1h_input_tokens": truth.write_1h,
        },
    }


def _litellm(truth: Truth) -> dict[str, Any]:
    return {
        **_openai_chat(truth),
        "cache_read_input_tokens": truth.read,
        "cache_creation_input_tokens": truth.write + truth.write_1h,
        "cache_creation_token_details": None,
        "prompt_tokens_details": {
            "cached_tokens": truth.read,
            "cache_creation_token_details": {
                "ephemeral_5m_input_tokens": truth.write,
                "ephemeral_1h_input_tokens": truth.write_1h,
            },
        },
    }


def _langchain(truth: Truth) -> dict[str, Any]:
    return {
        "input_tokens": truth.input,
        "output_tokens": truth.output,
        "total_tokens": truth.input + truth.output,
        "input_token_details": {
            "cache_read": truth.read,
            "cache_creation": truth.write + truth.write_1h,
            "ephemeral_5m_input_tokens": truth.write,
            "ephemeral_1h_input_tokens": truth.write_1h,
        },
        "output_token_details": {"reasoning": truth.reasoning},
    }


def _openinference(truth: Truth) -> dict[str, Any]:
    return {
        "llm.token_count.prompt": truth.input,
        "llm.token_count.completion": truth.output,
        "llm.token_count.total": truth.input + truth.output,
        "llm.token_count.prompt_details.cache_read": truth.read,
        "llm.token_count.completion_details.reasoning": truth.reasoning,
    }


def _ai_sdk_6(truth: Truth) -> dict[str, Any]:
    return {
        "ai.usage.inputTokens": truth.input,
        "ai.usage.outputTokens": truth.output,
        "ai.usage.totalTokens": truth.input + truth.output,
        "ai.usage.cachedInputTokens": truth.read,
        "ai.usage.reasoningTokens": truth.reasoning,
        "ai.usage.inputTokenDetails.noCacheTokens": truth.fresh,
        "ai.usage.inputTokenDetails.cacheReadTokens": truth.read,
    }


def _ai_sdk_5(truth: Truth) -> dict[str, Any]:
    return {
        "ai.usage.inputTokens": truth.fresh,
        "ai.usage.outputTokens": truth.output,
        "ai.usage.totalTokens": truth.fresh + truth.output,
        "ai.usage.cachedInputTokens": truth.read,
    }


def _flattened(usage: Callable[[Truth], dict[str, Any]], prefix: str) -> Callable[[Truth], dict[str, Any]]:
    def names(reported: dict[str, Any], before: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in reported.items():
            found |= names(value, f"{before}{name}.") if isinstance(value, dict) else {before + name: value}
        return {name: value for name, value in found.items() if value is not None}

    return lambda truth: names(usage(truth), prefix)


def _as_json(usage: Callable[[Truth], dict[str, Any]], name: str) -> Callable[[Truth], dict[str, Any]]:
    return lambda truth: {name: json.dumps(usage(truth))}


class Vocabulary(NamedTuple):
    """Who writes it, for which provider, which tokens it has words for, and what it writes."""

    source: str
    maker: Maker
    write: bool
    write_1h: bool
    of: Callable[[Truth], dict[str, Any]]

    def attributes(self, truth: Truth) -> dict[str, Any]:
        """The attributes of the span."""
        return _call(self.maker) | self.of(truth)


VOCABULARIES: Final = (
    Vocabulary("conventions, OpenAI", OPENAI, False, False, _conventions),
    Vocabulary("conventions, Anthropic", ANTHROPIC, True, True, _conventions_with_writes),
    Vocabulary("OpenAI chat as JSON", OPENAI, False, False, _as_json(_openai_chat, "gen_ai.usage.raw")),
    Vocabulary("OpenAI chat, flattened", OPENAI, False, False, _flattened(_openai_chat, "gen_ai.usage.")),
    Vocabulary("OpenAI chat, another name", OPENAI, False, False, _as_json(_openai_chat, "my.last.usage")),
    Vocabulary("OpenAI responses as JSON", OPENAI, False, False, _as_json(_openai_responses, "gen_ai.response.usage")),
    Vocabulary("OpenAI responses, flattened", OPENAI, False, False, _flattened(_openai_responses, "llm.usage.")),
    Vocabulary("Anthropic as JSON", ANTHROPIC, True, True, _as_json(_anthropic, "gen_ai.usage.raw")),
    Vocabulary("Anthropic, flattened", ANTHROPIC, True, True, _flattened(_anthropic, "gen_ai.response.usage.")),
    Vocabulary("LiteLLM", ANTHROPIC, True, True, _as_json(_litellm, "metadata.usage_object")),
    Vocabulary("LangChain", ANTHROPIC, True, True, _as_json(_langchain, "langsmith.usage_metadata")),
    Vocabulary("LangChain, flattened", ANTHROPIC, True, True, _flattened(_langchain, "usage_metadata.")),
    Vocabulary("OpenInference", OPENAI, False, False, _openinference),
    Vocabulary("OpenInference, Anthropic", ANTHROPIC, False, False, _openinference),
    Vocabulary("Vercel AI SDK 6", ANTHROPIC, False, False, _ai_sdk_6),
    Vocabulary("Vercel AI SDK 5", ANTHROPIC, False, False, _ai_sdk_5),
)
