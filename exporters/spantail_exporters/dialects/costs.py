"""What a call cost, where it is told: by one number or inside a JSON object (pure)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from spantail import attributes as key
from spantail_exporters.dialects.names import LITELLM, OPENINFERENCE
from spantail_exporters.dialects.values import mapping, usd

if TYPE_CHECKING:
    from spantail_exporters.dialects.objects import Objects


class CostRule(NamedTuple):
    """`theirs` is the cost of an attempt in USD, and `origin` who worked it out (`spantail.cost.source`)."""

    theirs: str
    origin: str
    source: str


COST_RULES: Final = (
    CostRule("gen_ai.usage.cost.amount", key.SOURCE_PROVIDER, "proposal open-telemetry/semantic-conventions-genai#443"),
    CostRule("gen_ai.usage.cost", key.SOURCE_PROVIDER, "OpenRouter's and OpenLIT's name; read by Langfuse"),
    CostRule("llm.cost.total", key.SOURCE_PROVIDER, OPENINFERENCE + "LLM_COST_TOTAL"),
    CostRule("operation.cost", key.SOURCE_CALCULATED, "Logfire and Pydantic AI: by genai-prices, in the application"),
    CostRule("gen_ai.cost.total_cost", key.SOURCE_CALCULATED, LITELLM + ": by its price map"),
    CostRule("litellm.cost.total", key.SOURCE_CALCULATED, "LiteLLM 1.x, litellm.integrations.otel.model.semconv"),
    CostRule("litellm.cost.usd", key.SOURCE_CALCULATED, "LiteLLM 1.x, litellm.integrations.otel"),
    CostRule("gen_ai.token.cost.total", key.SOURCE_CALCULATED, "OpenLIT 1.45, openlit/semcov: by its price map"),
    CostRule("llm.response.cost", key.SOURCE_CALCULATED, "LiteLLM 1.x: by its price map"),
    CostRule("total_cost_usd", key.SOURCE_PROVIDER, "Claude Agent SDK, ResultMessage.total_cost_usd"),
    CostRule("cost_usd", key.SOURCE_PROVIDER, "Claude Code 2.1, api_request"),
)
"""Looked at in this order. An amount in another currency (`gen_ai.usage.cost.currency`) is none."""

_TOTALS: Final = (
    ("langfuse.observation.cost_details", "total", "Langfuse, Token & cost tracking: the total, else the sum"),
    ("mlflow.llm.cost", "total_cost", "MLflow 3, CostKey"),
)

_TICKS: Final = 10**10  # xAI API, usage.cost_in_usd_ticks: ten billion ticks are a dollar
_SOURCES: Final = {
    "provider": key.SOURCE_PROVIDER,
    "calculated": key.SOURCE_CALCULATED,
    "estimated": key.SOURCE_CALCULATED,
}

COST_NAMES: Final = frozenset({*(rule.theirs for rule in COST_RULES), *(name for name, _, _ in _TOTALS)})


class Told(NamedTuple):
    """A cost in USD, and who worked it out."""

    usd: float
    origin: str


def read_cost(attributes: dict[str, Any], objects: Objects, *, used: bool) -> Told | None:
    """The cost that a span or one of its usage objects tells.

    `used` says whether it tells of tokens. Of a call that used some, 0 is believed only within a provider's own
    usage object: a library whose price map has no such model writes 0 as well.
    """
    for theirs, origin, _ in COST_RULES:
        if theirs in attributes and (cost := usd(attributes[theirs])) is not None and (cost or not used):
            currency = attributes.get(f"{theirs.removesuffix('.amount')}.currency", "USD")
            if str(currency).upper() == "USD":
                said = attributes.get(key.GEN_AI_USAGE_COST_SOURCE) if theirs.startswith("gen_ai.usage.cost") else None
                return Told(cost, _SOURCES.get(said, origin) if isinstance(said, str) else origin)
    for _, usage in objects:
        if (told := _within(usage, used=used)) is not None:
            return told
    for theirs, total, _ in _TOTALS:
        cost = _of_parts(mapping(attributes[theirs]), total) if theirs in attributes else None
        if cost is not None and (cost or not used):
            return Told(cost, key.SOURCE_PROVIDER)
    return None


def _within(usage: dict[str, Any], *, used: bool) -> Told | None:
    """The cost inside a usage object as a provider answers it."""
    get = usage.get
    details = get("cost")
    if isinstance(details, dict):  # Perplexity API, usage.cost
        cost = usd(details.get("total_cost"))
        return None if cost is None else Told(cost, key.SOURCE_PROVIDER)
    ticks = get("cost_in_usd_ticks")
    if isinstance(ticks, int) and not isinstance(ticks, bool) and ticks >= 0:
        return Told(ticks / _TICKS, key.SOURCE_PROVIDER)
    cost = usd(details)
    if cost is not None:
        # OpenRouter API: with a key of one's own this is OpenRouter's fee, and the provider's bill comes to it
        upstream = usd(mapping(get("cost_details")).get("upstream_inference_cost"))
        if get("is_byok") is True:
            return None if upstream is None else Told(cost + upstream, key.SOURCE_PROVIDER)
        return Told(cost, key.SOURCE_PROVIDER)
    for name, origin in (
        ("estimated_cost", key.SOURCE_PROVIDER),  # DeepInfra API, usage
        ("response_cost", key.SOURCE_CALCULATED),  # LiteLLM: by its price map
        ("total_cost_usd", key.SOURCE_PROVIDER),  # Claude Agent SDK, ResultMessage
    ):
        cost = usd(get(name))
        if cost is not None and (cost or not used):
            return Told(cost, origin)
    return None


def _of_parts(parts: dict[str, Any], total: str) -> float | None:
    """The total of an object of costs; without one the sum of its parts."""
    cost = usd(parts.get(total))
    known = [amount for name, value in parts.items() if name != total and (amount := usd(value)) is not None]
    return sum(known) if cost is None and known else cost
