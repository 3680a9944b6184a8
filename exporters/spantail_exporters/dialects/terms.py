"""What a price depends on beside the tokens: how a call was served, and what was used by the piece. Pure."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from spantail import attributes as key
from spantail_exporters.dialects.values import count, mapping, text, word

if TYPE_CHECKING:
    from spantail_exporters.dialects.objects import Objects


class TermRule(NamedTuple):
    """`theirs` means `ours`, as a word or as a number of pieces."""

    theirs: str
    ours: str
    source: str


_GEN_AI: Final = "OpenTelemetry GenAI semantic conventions, OpenAI"
_SPELLING: Final = "another spelling; none of the libraries that were read writes it"
_ANTHROPIC: Final = "Anthropic Messages API, usage, flattened"

TERM_RULES: Final = (
    # what the answer says was done counts before what the request asked for
    TermRule("openai.response.service_tier", key.SERVICE_TIER, _GEN_AI),
    TermRule("gen_ai.openai.response.service_tier", key.SERVICE_TIER, _GEN_AI + " before 1.37; LiteLLM"),
    TermRule("anthropic.response.service_tier", key.SERVICE_TIER, "Anthropic SDK for Python 2.14, its own spans"),
    TermRule("gen_ai.response.service_tier", key.SERVICE_TIER, _SPELLING),
    TermRule("gen_ai.usage.service_tier", key.SERVICE_TIER, _ANTHROPIC),
    TermRule("gen_ai.usage.details.service_tier", key.SERVICE_TIER, _SPELLING),
    TermRule("openai.request.service_tier", key.SERVICE_TIER, _GEN_AI),
    TermRule("gen_ai.openai.request.service_tier", key.SERVICE_TIER, _GEN_AI + " before 1.37; LiteLLM"),
    TermRule("gen_ai.request.service_tier", key.SERVICE_TIER, _SPELLING),
    TermRule("service_tier", key.SERVICE_TIER, "plain name of the request parameter"),
    TermRule("gen_ai.usage.speed", key.SPEED, _ANTHROPIC),
    TermRule("speed", key.SPEED, "Claude Code 2.1, traces of CLAUDE_CODE_ENHANCED_TELEMETRY_BETA"),
    TermRule("gen_ai.request.speed", key.SPEED, "plain name of the request parameter"),
    TermRule("anthropic.response.speed", key.SPEED, "Anthropic SDK for Python 2.14, its own spans"),
    TermRule("anthropic.usage.speed", key.SPEED, "Anthropic SDK for Python 2.14, its own spans"),
    TermRule("anthropic.response.inference_geo", key.INFERENCE_GEO, "Anthropic SDK for Python 2.14, its own spans"),
    TermRule("anthropic.usage.inference_geo", key.INFERENCE_GEO, "Anthropic SDK for Python 2.14, its own spans"),
    TermRule(
        "anthropic.usage.server_tool_use.web_search_requests",
        key.USAGE_WEB_SEARCHES,
        "Anthropic SDK for Python 2.14, its own spans",
    ),
    TermRule("gen_ai.usage.inference_geo", key.INFERENCE_GEO, _ANTHROPIC),
    TermRule("gen_ai.request.inference_geo", key.INFERENCE_GEO, "plain name of the request parameter"),
    TermRule("gen_ai.usage.server_tool_use.web_search_requests", key.USAGE_WEB_SEARCHES, _ANTHROPIC),
    TermRule("gen_ai.usage.web_search_requests", key.USAGE_WEB_SEARCHES, _ANTHROPIC),
    TermRule("gen_ai.usage.details.web_search_requests", key.USAGE_WEB_SEARCHES, _SPELLING),
    TermRule("gen_ai.usage.web_searches", key.USAGE_WEB_SEARCHES, "genai-prices, units"),
    TermRule("gen_ai.usage.server_tool_use.code_execution_requests", key.USAGE_CODE_EXECUTIONS, _ANTHROPIC),
)
"""Looked at in this order; what the request asked for counts after all that the answer says, in objects too."""

_TIERS: Final = ("service_tier", "serviceTier")
_TIER_ENDINGS: Final = (*_TIERS, "servicetier", "traffic_type", "trafficType")
_SPEED_ENDINGS: Final = ("speed", "fast_mode", "fastMode")
_SEARCH_ENDINGS: Final = (
    "web_search_requests",
    "webSearchRequests",
    "web_search_calls",
    "web_search_count",
    "web_searches",
)
_ENDINGS: Final = (*_TIER_ENDINGS, *_SPEED_ENDINGS, *_SEARCH_ENDINGS, ".batch", ".is_batch", ".processing")
"""Names with these endings are read whoever writes them: an unknown tier must not be taken for the standard one."""
_OF_REQUESTS: Final = ("request", "settings", "param", "option", "invocation", "config")
_OF_CALLS: Final = ("gen_ai.", "llm.", "openai.", "anthropic.")  # `batch` alone may be one of the application's own

_WORDS: Final = (key.SERVICE_TIER, key.SPEED, key.INFERENCE_GEO)
TERM_NAMES: Final = frozenset(rule.theirs for rule in TERM_RULES)

_WORD_PATHS: Final = (
    ("service_tier", key.SERVICE_TIER),  # OpenAI, Anthropic and Groq APIs
    ("serviceTier", key.SERVICE_TIER),  # Bedrock API
    ("trafficType", key.SERVICE_TIER),  # Gemini API on Vertex AI
    ("traffic_type", key.SERVICE_TIER),
    ("speed", key.SPEED),  # Anthropic API
    ("inference_geo", key.INFERENCE_GEO),
    ("inferenceGeo", key.INFERENCE_GEO),
)
_TIERS_OF_DETAILS: Final = ("flex", "priority")  # LangChain, UsageMetadata: the tokens of these tiers
_PIECE_PATHS: Final = (
    ("server_tool_use", "web_search_requests", key.USAGE_WEB_SEARCHES),  # Anthropic API
    ("server_tool_use", "code_execution_requests", key.USAGE_CODE_EXECUTIONS),
    ("server_tool_use", "tool_search_requests", None),
    ("", "num_search_queries", key.USAGE_WEB_SEARCHES),  # Perplexity API
    ("", "web_search_requests", key.USAGE_WEB_SEARCHES),
    ("prompt_tokens_details", "web_search_requests", key.USAGE_WEB_SEARCHES),  # LiteLLM
    ("serverToolUse", "webSearchRequests", key.USAGE_WEB_SEARCHES),  # Anthropic API in camel case
    ("", "numSearchQueries", key.USAGE_WEB_SEARCHES),  # Vercel AI SDK, of Perplexity
    ("", "web_searches", key.USAGE_WEB_SEARCHES),  # genai-prices
    ("", "webSearchRequests", key.USAGE_WEB_SEARCHES),  # Claude Agent SDK, ModelUsage
    ("", "web_search_calls", key.USAGE_WEB_SEARCHES),
    ("server_side_tool_usage_details", "web_search_calls", key.USAGE_WEB_SEARCHES),  # xAI API
    ("server_side_tool_usage_details", "code_interpreter_calls", key.USAGE_CODE_EXECUTIONS),
    ("server_side_tool_usage_details", "file_search_calls", key.USAGE_FILE_SEARCHES),
)
_FEES: Final = (
    ("", "num_sources_used", "search sources"),  # xAI API
    ("billed_units", "search_units", "search units"),  # Cohere API
    ("billed_units", "classifications", "classifications"),
    ("", "citation_tokens", "citation tokens"),  # Perplexity API
    ("", "citationTokens", "citation tokens"),
    ("", "image_count", "images"),
    ("", "search_units", "search units"),
    ("billedUnits", "searchUnits", "search units"),
)
_REQUESTS: Final = (  # what was asked for, as JSON
    "llm.invocation_parameters",  # OpenInference
    "langfuse.observation.model.parameters",  # Langfuse
    "gen_ai.request.parameters",
    "request_data",  # Logfire
    "input.value",  # OpenInference
    "metadata",  # OpenInference
)
_RESPONSES: Final = ("output.value", "response_data", "response_metadata", "hidden_params")
"""The answer as JSON, by OpenInference, Logfire, LangChain and LiteLLM."""


_WHOLE: Final = frozenset({*_REQUESTS, *_RESPONSES})


class Found(NamedTuple):
    """Terms by our names, and what makes them doubtful (None = nothing)."""

    terms: dict[str, Any]
    doubt: str | None


def read_terms(attributes: dict[str, Any], objects: Objects) -> Found:
    """All that a span and its usage objects say about how a call was served and what is paid by the piece."""
    found: dict[str, Any] = {}
    doubt = _of_rules(attributes, found, _OF_ANSWERS)
    anywhere = [name for name in attributes if _is_telling(name)]
    asked = [name for name in anywhere if any(part in name.lower() for part in _OF_REQUESTS)]
    if anywhere:
        _of_endings(attributes, [name for name in anywhere if name not in asked], found)
    for _, usage in objects:
        doubt = _of_object(usage, found) or doubt
    whole = attributes.keys() & _WHOLE
    for name in _RESPONSES if whole else ():
        _tier_of(_telling(attributes, name, _TIERS), found)
    doubt = _of_rules(attributes, found, _OF_ASKING) or doubt
    _of_endings(attributes, asked, found)
    for name in _REQUESTS if whole else ():
        request = _telling(attributes, name, (*_TIERS, "speed"))
        _tier_of(request, found)
        if (said := text(request.get("speed"))) is not None:
            found.setdefault(key.SPEED, said)
    if found and found.get(key.SERVICE_TIER, "").lower() in {"unspecified", "traffic_type_unspecified"}:
        del found[key.SERVICE_TIER]
    return Found(found, doubt)


@lru_cache(4_096)  # every attribute of every call is asked for
def _is_telling(name: str) -> bool:
    return name.endswith(_ENDINGS) and name not in TERM_NAMES


def _of_endings(attributes: dict[str, Any], names: list[str], found: dict[str, Any]) -> None:
    """Take over what stands under names that no rule knows."""
    for name in names:
        value = attributes[name]
        if name.endswith(_TIER_ENDINGS):
            if (said := text(value)) is not None:
                found.setdefault(key.SERVICE_TIER, said)
        elif name.endswith(_SPEED_ENDINGS):
            if value is True or word(value) == "fast":  # of speech it is a number
                found.setdefault(key.SPEED, "fast")
        elif name.endswith(_SEARCH_ENDINGS):
            if number := count(value):
                found[key.USAGE_WEB_SEARCHES] = max(found.get(key.USAGE_WEB_SEARCHES, 0), number)
        elif name.startswith(_OF_CALLS) and (value is True or word(value) in {"true", "batch"}):
            found.setdefault(key.SERVICE_TIER, "batch")


def _telling(attributes: dict[str, Any], name: str, words: tuple[str, ...]) -> dict[str, Any]:
    """A JSON object, read only if one of `words` stands in it: most are large and have none."""
    value = attributes.get(name)
    if isinstance(value, str) and not any(f'"{word}"' in value for word in words):
        return {}
    return mapping(value)


def _tier_of(stated: dict[str, Any], found: dict[str, Any]) -> None:
    for name in _TIERS:
        if (said := text(stated.get(name))) is not None:
            found.setdefault(key.SERVICE_TIER, said)


_OF_ASKING: Final = tuple(rule for rule in TERM_RULES if ".request." in rule.theirs or rule.theirs == "service_tier")
_OF_ANSWERS: Final = tuple(rule for rule in TERM_RULES if rule not in _OF_ASKING)


def _of_rules(attributes: dict[str, Any], found: dict[str, Any], rules: tuple[TermRule, ...]) -> str | None:
    doubt = None
    if TERM_NAMES.isdisjoint(attributes):
        return None
    for theirs, ours, _ in rules:
        if theirs in attributes and ours not in found:
            value = attributes[theirs]
            if ours in _WORDS:
                if (said := text(value)) is not None:
                    found[ours] = said
            elif (number := count(value)) is not None:
                found[ours] = number
            else:
                doubt = doubt or "a number of uses is not readable"
    return doubt


def _of_object(usage: dict[str, Any], found: dict[str, Any]) -> str | None:
    doubt = None
    for name, ours in _WORD_PATHS:
        value = usage.get(name)
        if isinstance(value, dict):
            value = value.get("type")
        if (said := text(value)) is not None:
            found.setdefault(ours, said)
    for tier in _TIERS_OF_DETAILS if "input_token_details" in usage else ():
        if tier in mapping(usage["input_token_details"]):
            found.setdefault(key.SERVICE_TIER, tier)
    for group, name, piece in _PIECE_PATHS:
        if (group or name) not in usage:
            continue
        used = mapping(usage.get(group)) if group else usage
        if used.get(name) is not None:
            number = count(used[name])
            if number is None:
                doubt = doubt or "a number of uses is not readable"
            elif piece is not None:
                found[piece] = max(found.get(piece, 0), number)
            elif number:
                doubt = doubt or f"{name.replace('_', ' ')}: no price known"
    if word(mapping(usage.get("performanceConfig")).get("latency")) not in {"", "standard"}:  # Bedrock API
        doubt = doubt or "latency-optimized inference: no price known"
    if word(usage.get("search_context_size")) in {"low", "medium"}:
        # Perplexity API: the fee of the request depends on it, and the table has that of the high one
        doubt = doubt or f"a search of {usage['search_context_size']} context: no price known"
    for holder, name, words in _FEES:
        if (holder or name) in usage and count((mapping(usage[holder]) if holder else usage).get(name)):
            doubt = doubt or f"{words}: no price known"
    return doubt
