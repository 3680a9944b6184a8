"""Other libraries' attribute names for what the event promotes: one table, name by name (pure)."""

from __future__ import annotations

from typing import Any, Final

from spantail import attributes as key

RENAMES: Final[dict[str, str]] = {
    # earlier names of the GenAI conventions
    **key.ALIASES,
    # OpenInference, "LLM spans"
    "llm.provider": key.GEN_AI_PROVIDER_NAME,
    "llm.model_name": key.GEN_AI_REQUEST_MODEL,
    "llm.token_count.prompt": key.GEN_AI_USAGE_INPUT_TOKENS,
    "llm.token_count.completion": key.GEN_AI_USAGE_OUTPUT_TOKENS,
    # costs in USD, by those who write one number
    "gen_ai.usage.cost": key.COST_USD,
    "gen_ai.usage.cost.amount": key.COST_USD,
    "llm.cost.total": key.COST_USD,
    "operation.cost": key.COST_USD,
}
"""Their name → ours. The first one found wins, and ours wins over all of them."""


def normalised(attributes: dict[str, Any]) -> dict[str, Any]:
    """``attributes`` with our names added beside the ones they came with; nothing is taken away.

    A cost that came along is one that the sender knew: without a source of its own it counts as ``provider``.
    """
    found = attributes.keys() & RENAMES.keys()
    if not found:
        return attributes
    for theirs, ours in RENAMES.items():
        if theirs in found and ours not in attributes:
            attributes[ours] = attributes[theirs]
    if key.COST_USD in attributes:
        attributes.setdefault(key.COST_SOURCE, key.SOURCE_PROVIDER)
    return attributes
