"""What an LLM attempt used and cost, lifted out of its attributes, and the account that a run's totals add up. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from spantail import attributes as key
from spantail.pricing import NANO
from spantail_exporters.dialects.costs import MOST_USD

if TYPE_CHECKING:
    from collections.abc import Mapping

_TOKENS: Final = (
    ("input", key.GEN_AI_USAGE_INPUT_TOKENS),
    ("output", key.GEN_AI_USAGE_OUTPUT_TOKENS),
    ("cache_read", key.GEN_AI_USAGE_CACHE_READ_TOKENS),
    ("cache_write", key.GEN_AI_USAGE_CACHE_WRITE_TOKENS),
    ("reasoning", key.GEN_AI_USAGE_REASONING_TOKENS),
    ("cache_write_1h", key.USAGE_CACHE_WRITE_1H),
    ("audio_input", key.USAGE_AUDIO_INPUT),
    ("audio_output", key.USAGE_AUDIO_OUTPUT),
    ("image_input", key.USAGE_IMAGE_INPUT),
    ("image_output", key.USAGE_IMAGE_OUTPUT),
)
# What is above them is a mistake, and sums of a batch of 500 must stay below 2**53 to be exact.
_MOST_TOKENS: Final = 10**12


def say_usage(body: dict[str, Any], attributes: Mapping[str, Any]) -> str:
    """Lift what trees and totals need of usage and cost out of the redacted attributes, into the `body` of a state.

    Returns the account of an ended span, as `append.lua` reads it; empty where it has none.
    """
    if body["kind"] == "llm_call":
        return _of_attempt(body, attributes, body["status"])
    if body["end"] is not None and (
        key.GEN_AI_USAGE_COST_AMOUNT in attributes or key.GEN_AI_USAGE_INPUT_TOKENS in attributes
    ):
        return _around_attempts(body, attributes, body["status"])
    return ""


def _of_attempt(body: dict[str, Any], attributes: Mapping[str, Any], status: str) -> str:
    if not _OLDER_NAMES.isdisjoint(attributes):
        attributes = _renamed(attributes)
    get = attributes.get
    backend = get(key.BACKEND) or get(key.GEN_AI_PROVIDER_NAME)
    if backend is not None:
        body["backend"] = backend = str(backend)
    if (tier := get(key.TIER)) is not None:
        body["tier"] = str(tier)
    model = get(key.GEN_AI_RESPONSE_MODEL) or get(key.GEN_AI_REQUEST_MODEL)
    if model is not None:
        body["model"] = str(model)
    tokens: dict[str, int] = {}
    for name, attribute in _TOKENS:
        if attribute in attributes and type(value := attributes[attribute]) is int and 0 <= value <= _MOST_TOKENS:
            tokens[name] = value
    nano = 0
    source = get(key.COST_SOURCE)
    unpriced = False
    if (cost := _cost(attributes)) is not None:
        body["cost_usd"] = cost
        body["cost_nano"] = nano = round(cost * NANO)
    elif status != "running":
        source = key.SOURCE_UNPRICED
        # an attempt that failed before a token was used has no price that totals could miss
        unpriced = status != "error" or bool(tokens)
    if source is not None:
        body["cost_source"] = str(source)
    if (note := get(key.COST_NOTE)) is not None:
        body["cost_note"] = str(note)
    if tokens:
        body["tokens"] = tokens
    if (attempt := get(key.ATTEMPT)) is not None:
        body["attempt"] = attempt
    fallback_from = get(key.FALLBACK_FROM)
    if fallback_from is not None:
        body["fallback_from"] = fallback_from = str(fallback_from)
    if (reason := get(key.FALLBACK_REASON)) is not None:
        body["fallback_reason"] = str(reason)
    if status == "running":
        return ""
    account = (
        f"{'1' if status == 'error' else '0'} {'1' if unpriced else '0'} "
        f"{tokens.get('input', 0)} {tokens.get('output', 0)} {nano} {_one_line(backend or 'unknown')}\n"
    )
    return account + _one_line(fallback_from) if fallback_from else account


def _around_attempts(body: dict[str, Any], attributes: Mapping[str, Any], status: str) -> str:
    """Account for a span around LLM calls, which counts where the calls themselves are not told.

    It stands in `account` of the body too, because the script that finds a call below takes it back from there.
    """
    get = attributes.get
    tokens = {
        name: value
        for name, attribute in _TOKENS[:2]
        if type(value := get(attribute)) is int and 0 <= value <= _MOST_TOKENS
    }
    cost = _amount(get(key.GEN_AI_USAGE_COST_AMOUNT))
    known = cost is not None and get(key.GEN_AI_USAGE_COST_CURRENCY, "USD") == "USD"
    if not known and not tokens:
        return ""
    nano = round(cost * NANO) if cost is not None and known else 0
    backend = str(get(key.BACKEND) or get(key.GEN_AI_PROVIDER_NAME) or "unknown")
    told: dict[str, Any] = {"backend": backend, "tokens": tokens}
    if known:
        told["cost_nano"] = nano
    body["account"] = told
    return (
        f"{'1' if status == 'error' else '0'} {'0' if known else '1'} "
        f"{tokens.get('input', 0)} {tokens.get('output', 0)} {nano} {_one_line(backend)}\n"
    )


def _one_line(value: str) -> str:
    # a newline would end a field of the account
    return value.replace("\n", " ") if "\n" in value else value


def _renamed(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Read older names as what they are called now."""
    older = {new: attributes[old] for old, new in key.ALIASES.items() if old in attributes and new not in attributes}
    return {**attributes, **older}


_OLDER_NAMES: Final = frozenset(key.ALIASES)


def _cost(attributes: Mapping[str, Any]) -> float | None:
    cost = attributes.get(key.COST_USD)
    if cost is None and key.COST_NOTE not in attributes:  # the note says why another library's cost is none
        cost = attributes.get(key.GEN_AI_USAGE_COST)
    return _amount(cost)


def _amount(cost: object) -> float | None:
    # a cost of NaN, infinity or below zero is no cost
    if type(cost) is float and 0 <= cost <= MOST_USD:
        return cost
    if isinstance(cost, (int, float)) and not isinstance(cost, bool) and 0 <= cost <= MOST_USD:
        return float(cost)
    return None
