"""What a call cost, where it is stated: by one number or inside a JSON object. Pure."""

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
    *(
        CostRule(theirs, key.SOURCE_PROVIDER, "another spelling; none of the libraries that were read writes it")
        for theirs in (
            "gen_ai.usage.total_cost",
            "gen_ai.usage.cost_usd",
            "gen_ai.usage.total_cost_usd",
            "gen_ai.response.cost",
            "gen_ai.cost",
            "gen_ai.cost.total",
            "gen_ai.cost.amount",
            "gen_ai.cost.usd",
            "gen_ai.usage.cost.total",
            "llm.usage.cost",
            "llm.usage.total_cost",
            "llm.cost",
            "llm.total_cost",
            "ai.usage.cost",
            "ai.cost",
            "openrouter.cost",
            "openrouter.usage.cost",
            "portkey.cost",
            "helicone.cost",
            "response_cost",
            "cost",
            "total_cost",
            "cost.total",
        )
    ),
)
"""Looked at in this order. An amount in another currency (`gen_ai.usage.cost.currency`) is none."""

_SUMS: Final = (
    ("llm.cost.prompt", "llm.cost.completion", OPENINFERENCE + "LLM_COST_PROMPT, LLM_COST_COMPLETION"),
    ("gen_ai.token.cost.input", "gen_ai.token.cost.output", "OpenLIT 1.45, openlit/semcov"),
    ("gen_ai.cost.input_cost", "gen_ai.cost.output_cost", LITELLM),
    ("litellm.cost.input", "litellm.cost.output", "LiteLLM 1.x, litellm.integrations.otel.model.semconv"),
    ("gen_ai.usage.input_cost", "gen_ai.usage.output_cost", "another spelling"),
)
"""Where there is no total, it is the sum of these two."""

_TOTALS: Final = (
    ("langfuse.observation.cost_details", "total", "Langfuse, Token & cost tracking: the total, else the sum"),
    ("mlflow.llm.cost", "total_cost", "MLflow 3, CostKey"),
    ("hidden_params", "response_cost", "LiteLLM 1.x, litellm.integrations.opentelemetry"),
)

MOST_USD: Final = 10_000
"""No call costs more."""

_TICKS: Final = 10**10  # xAI API, usage.cost_in_usd_ticks: ten billion ticks are a dollar
_SOURCES: Final = {
    "provider": key.SOURCE_PROVIDER,
    "calculated": key.SOURCE_CALCULATED,
    "estimated": key.SOURCE_CALCULATED,
}

COST_NAMES: Final = frozenset(
    {
        *(rule.theirs for rule in COST_RULES),
        *(name for name, _, _ in _TOTALS),
        *(name for asked, answered, _ in _SUMS for name in (asked, answered)),
    }
)


def _cost(value: object) -> float | None:
    """An amount that a call may have cost."""
    cost = usd(value)
    return cost if cost is not None and cost <= MOST_USD else None


class Told(NamedTuple):
    """A cost in USD, and who worked it out."""

    usd: float
    origin: str


def read_cost(attributes: dict[str, Any], objects: Objects, *, used: bool) -> Told | None:
    """The cost on a span or in one of its usage objects.

    `used` says whether there are token counts too. For a call that used tokens, 0 is believed only within a provider's
    own usage object: a library whose price map has no such model writes 0 as well.
    """
    told_flat = not COST_NAMES.isdisjoint(attributes)
    for theirs, origin, _ in COST_RULES if told_flat else ():
        cost = _cost(attributes[theirs]) if theirs in attributes else None
        if cost is not None and (cost or not used) and _currency_of(attributes, theirs) == "USD":
            said = attributes.get(key.GEN_AI_USAGE_COST_SOURCE) if theirs.startswith("gen_ai.usage.cost") else None
            return Told(cost, _SOURCES.get(said, origin) if isinstance(said, str) else origin)
    for _, usage in objects:
        if (stated := _within(usage, used=used)) is not None:
            return stated
    if not told_flat:
        return None
    for theirs, total, _ in _TOTALS:
        cost = _of_parts(mapping(attributes[theirs]), total) if theirs in attributes else None
        if cost is not None and (cost or not used):
            return Told(cost, key.SOURCE_PROVIDER)
    for asked, answered, _ in _SUMS:
        parts = _cost(attributes.get(asked)), _cost(attributes.get(answered))
        if parts[0] is not None and parts[1] is not None and (any(parts) or not used):
            return Told(parts[0] + parts[1], key.SOURCE_PROVIDER)
    return None


def other_currency(attributes: dict[str, Any]) -> str | None:
    """The note on a cost in another currency than USD; None without one."""
    for theirs, _, _ in () if COST_NAMES.isdisjoint(attributes) else COST_RULES:
        if theirs in attributes and _cost(attributes[theirs]) and (stated := _currency_of(attributes, theirs)) != "USD":
            return f"its cost is told in {stated[:10]}, which is not converted"
    return None


def _currency_of(attributes: dict[str, Any], theirs: str) -> str:
    whole = theirs.removesuffix(".amount")
    stated = attributes.get(f"{whole}.currency", attributes.get(f"{whole}_currency"))
    return stated.strip().upper() if isinstance(stated, str) and stated else "USD"


def _within(usage: dict[str, Any], *, used: bool) -> Told | None:
    """The cost inside a usage object as a provider answers it."""
    get = usage.get
    details = get("cost")
    currency = get("currency", get("cost_currency"))
    if isinstance(currency, str) and currency.upper() not in {"", "USD"}:
        return None
    if isinstance(details, dict):  # Perplexity API, usage.cost
        cost = _cost(details.get("total_cost", details.get("total")))
        return None if cost is None else Told(cost, key.SOURCE_PROVIDER)
    ticks = get("cost_in_usd_ticks")
    if isinstance(ticks, int) and not isinstance(ticks, bool) and ticks >= 0:
        return Told(ticks / _TICKS, key.SOURCE_PROVIDER)
    cost = _cost(details)
    if cost is not None:
        # OpenRouter API: with a key of one's own this is OpenRouter's fee, and the provider's bill comes to it
        upstream = _cost(mapping(get("cost_details")).get("upstream_inference_cost"))
        if get("is_byok") is True:
            return None if upstream is None else Told(cost + upstream, key.SOURCE_PROVIDER)
        return Told(cost, key.SOURCE_PROVIDER)
    for name, origin in (
        ("estimated_cost", key.SOURCE_PROVIDER),  # DeepInfra API, usage
        ("response_cost", key.SOURCE_CALCULATED),  # LiteLLM: by its price map
        ("total_cost_usd", key.SOURCE_PROVIDER),  # Claude Agent SDK, ResultMessage
        ("total_cost", key.SOURCE_PROVIDER),  # LangSmith, UsageMetadata
        ("totalCost", key.SOURCE_PROVIDER),
        ("cost_usd", key.SOURCE_PROVIDER),
        ("costUSD", key.SOURCE_PROVIDER),  # Claude Agent SDK, ModelUsage
    ):
        cost = _cost(get(name))
        if cost is not None and (cost or not used):
            return Told(cost, origin)
    return None


def _of_parts(parts: dict[str, Any], total: str) -> float | None:
    """The total of an object of costs; without one the sum of its parts."""
    cost = _cost(parts.get(total))
    known = [amount for name, value in parts.items() if name != total and (amount := _cost(value)) is not None]
    return sum(known) if cost is None and known else cost
