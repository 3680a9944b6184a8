"""Tokens and money that come inside one JSON object, or under names that need more than a new name (pure)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from spantail import attributes as key
from spantail_exporters.dialects.values import count, mapping, usd

if TYPE_CHECKING:
    from collections.abc import Callable

_INPUT, _OUTPUT = key.GEN_AI_USAGE_INPUT_TOKENS, key.GEN_AI_USAGE_OUTPUT_TOKENS
_READ, _WRITE = key.GEN_AI_USAGE_CACHE_READ_TOKENS, key.GEN_AI_USAGE_CACHE_WRITE_TOKENS
_REASONING = key.GEN_AI_USAGE_REASONING_TOKENS

Tokens = dict[str, int]
"""Counts by our names."""


def _known(**found: object) -> Tokens:
    names = {"input": _INPUT, "output": _OUTPUT, "read": _READ, "write": _WRITE, "reasoning": _REASONING}
    return {names[name]: number for name, value in found.items() if (number := count(value)) is not None}


def provider_usage(usage: dict[str, Any]) -> Tokens:
    """`usage` as the APIs answer it: OpenAI's chat and responses, or Anthropic's, which tells cached tokens apart."""
    get = usage.get
    if "cache_read_input_tokens" in usage or "cache_creation_input_tokens" in usage:
        parts = [
            count(get(name)) for name in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
        ]
        return _known(
            input=sum(part or 0 for part in parts) if parts[0] is not None else None,
            output=get("output_tokens"),
            read=parts[1],
            write=parts[2],
        )
    prompt = mapping(get("prompt_tokens_details") or get("input_tokens_details"))
    answer = mapping(get("completion_tokens_details") or get("output_tokens_details"))
    return _known(
        input=get("prompt_tokens", get("input_tokens")),
        output=get("completion_tokens", get("output_tokens")),
        read=prompt.get("cached_tokens"),
        write=prompt.get("cache_write_tokens"),
        reasoning=answer.get("reasoning_tokens"),
    )


def langfuse_usage(usage: dict[str, Any]) -> Tokens:
    """Langfuse's usage types: a provider's own, or free names, of which those with "input" in them add up to it."""
    if "prompt_tokens" in usage or "input_tokens" in usage:
        return provider_usage(usage)
    found: dict[str, int] = {}
    for name, value in usage.items():
        number = count(value)
        if number is None:
            continue
        for part, meant in (("input", "input"), ("output", "output"), ("reasoning", "reasoning")):
            if part in name:
                found[meant] = found.get(meant, 0) + number
        if "cache_read" in name or "cached" in name:
            found["read"] = found.get("read", 0) + number
        elif "cache_creation" in name or "cache_write" in name:
            found["write"] = found.get("write", 0) + number
    return _known(**found)


def mlflow_usage(usage: dict[str, Any]) -> Tokens:
    """MLflow's token usage: its input includes cached tokens, whoever served it."""
    get = usage.get
    return _known(
        input=get("input_tokens"),
        output=get("output_tokens"),
        read=get("cache_read_input_tokens"),
        write=get("cache_creation_input_tokens"),
    )


class UsageRule(NamedTuple):
    """`theirs` is a JSON object with tokens in it."""

    theirs: str
    read: Callable[[dict[str, Any]], Tokens]
    source: str


USAGE_RULES: Final = (
    UsageRule("gen_ai.usage.raw", provider_usage, "Logfire 4 and 5, logfire._internal.integrations.llm_providers"),
    UsageRule("langfuse.observation.usage_details", langfuse_usage, "Langfuse, Token & cost tracking: usage types"),
    UsageRule("mlflow.chat.tokenUsage", mlflow_usage, "MLflow 3, TokenUsageKey"),
)

_TOTALS: Final = (
    ("langfuse.observation.cost_details", "total", "Langfuse, Token & cost tracking: the total, else the sum"),
    ("mlflow.llm.cost", "total_cost", "MLflow 3, CostKey"),
)


def read_usage(attributes: dict[str, Any]) -> Tokens:
    """The tokens that JSON objects tell of."""
    for theirs, read, _ in USAGE_RULES:
        if theirs in attributes and (tokens := read(mapping(attributes[theirs]))):
            return tokens
    return {}


def claude_code_usage(attributes: dict[str, Any]) -> Tokens:
    """Claude Code's LLM requests: plain names, and cached tokens beside the input, as Anthropic's API tells them."""
    if attributes.get("span.type") != "llm_request":
        return {}
    return provider_usage(
        {
            "input_tokens": attributes.get("input_tokens"),
            "output_tokens": attributes.get("output_tokens"),
            "cache_read_input_tokens": attributes.get("cache_read_tokens"),
            "cache_creation_input_tokens": attributes.get("cache_creation_tokens"),
        }
    )


def read_cost_details(attributes: dict[str, Any]) -> float | None:
    """The cost in USD that JSON objects tell of; without a total, the sum of the parts."""
    for theirs, total, _ in _TOTALS:
        if theirs in attributes:
            parts = mapping(attributes[theirs])
            known = [amount for name, value in parts.items() if name != total and (amount := usd(value)) is not None]
            cost = usd(parts.get(total))
            if cost is not None or known:
                return cost if cost is not None else sum(known)
    return None
