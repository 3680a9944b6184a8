"""What an LLM attempt used and cost, taken from its attributes into fields of its state. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from spantail import attributes as key
from spantail_exporters.dialects.older_names import OLDER_NAMES
from spantail_exporters.model.rules.account import account_line, account_of
from spantail_exporters.model.rules.money import amount, nano_of
from spantail_exporters.model.rules.whole_numbers import MOST_TOKENS

if TYPE_CHECKING:
    from collections.abc import Mapping

TOKENS: Final = (
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
"""What a count is called in the field `tokens`, and its attribute."""
_OLDER: Final = frozenset(OLDER_NAMES)
_PLAIN: Final = frozenset({int, str})  # types of what is a number of an attempt


def add_usage(body: dict[str, Any], attributes: Mapping[str, Any]) -> str:
    """Take what trees and totals need of usage and cost from the redacted attributes into the `body` of a state.

    Returns:
        The account of an ended span (`account.account_of`); empty where it has none.
    """
    if body["kind"] == key.KIND_LLM_CALL:
        return _add_attempt(body, attributes, body["status"])
    if body["end"] is not None and (
        key.GEN_AI_USAGE_COST_AMOUNT in attributes or key.GEN_AI_USAGE_INPUT_TOKENS in attributes
    ):
        _add_account(body, attributes)
        return account_of(body)
    return ""


def _add_attempt(body: dict[str, Any], attributes: Mapping[str, Any], status: str) -> str:
    if not _OLDER.isdisjoint(attributes):
        attributes = _renamed(attributes)
    get = attributes.get
    backend = get(key.BACKEND) or get(key.GEN_AI_PROVIDER_NAME)
    if backend is not None:
        body["backend"] = backend = str(backend)
    if (tier := get(key.TIER)) is not None:
        body["tier"] = str(tier)
    model = get(key.GEN_AI_RESPONSE_MODEL) or get(key.GEN_AI_REQUEST_MODEL)
    if model is not None:
        body["model"] = model = str(model)
    nano, source = None, get(key.COST_SOURCE)
    if (cost := _cost(attributes)) is not None:
        body["cost_usd"] = cost
        body["cost_nano"] = nano = nano_of(cost)
        if source == key.SOURCE_UNPRICED:
            source = None  # a call with a cost is not without one, whatever else is said
    elif status != "running":
        source = key.SOURCE_UNPRICED
    if source is not None:
        body["cost_source"] = str(source)
    if (note := get(key.COST_NOTE)) is not None:
        body["cost_note"] = str(note)
    if tokens := _tokens(attributes, TOKENS):
        body["tokens"] = tokens
    # the run script reads a state as text up to its attributes: nothing nested that somebody sent stands before them
    if type(attempt := get(key.ATTEMPT)) in _PLAIN:
        body["attempt"] = attempt
    if (fallback_from := get(key.FALLBACK_FROM)) is not None:
        body["fallback_from"] = fallback_from = str(fallback_from)
    if (reason := get(key.FALLBACK_REASON)) is not None:
        body["fallback_reason"] = reason = str(reason)
    return account_line(status, tokens, nano, backend, fallback_from=fallback_from, fallback_reason=reason, model=model)


def _add_account(body: dict[str, Any], attributes: Mapping[str, Any]) -> None:
    """Add in `account` what the calls within a span came to; it counts where the calls themselves are not sent."""
    get = attributes.get
    tokens = _tokens(attributes, TOKENS[:2])
    cost = amount(get(key.GEN_AI_USAGE_COST_AMOUNT))
    known = cost is not None and get(key.GEN_AI_USAGE_COST_CURRENCY, "USD") == "USD"
    if not known and not tokens:
        return
    backend = str(get(key.BACKEND) or get(key.GEN_AI_PROVIDER_NAME) or "unknown")
    account: dict[str, Any] = {"backend": backend, "tokens": tokens}
    if model := get(key.GEN_AI_RESPONSE_MODEL) or get(key.GEN_AI_REQUEST_MODEL):
        account["model"] = str(model)
    if cost is not None and known:
        account["cost_nano"] = nano_of(cost)
    body["account"] = account


def _tokens(attributes: Mapping[str, Any], names: tuple[tuple[str, str], ...]) -> dict[str, int]:
    tokens = {}
    for name, attribute in names:
        if attribute in attributes and type(count := attributes[attribute]) is int and 0 <= count <= MOST_TOKENS:
            tokens[name] = count
    return tokens


def _renamed(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Read older names as what they are called now."""
    older = {new: attributes[old] for old, new in OLDER_NAMES.items() if old in attributes and new not in attributes}
    return {**attributes, **older}


def _cost(attributes: Mapping[str, Any]) -> float | None:
    cost = attributes.get(key.COST_USD)
    if cost is None and key.COST_NOTE not in attributes:  # the note says why another library's cost is none
        cost = attributes.get(key.GEN_AI_USAGE_COST)
    return amount(cost)
