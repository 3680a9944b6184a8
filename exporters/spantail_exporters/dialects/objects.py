"""Usage objects: JSON in which tokens are told by the words of one provider or library, or of several. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from spantail_exporters.dialects import tokens as t
from spantail_exporters.dialects.shapes import PATHS, SHAPES
from spantail_exporters.dialects.values import count, mapping

if TYPE_CHECKING:
    from collections.abc import Iterator


class Counted(NamedTuple):
    """A count: of what, how many, and for cached tokens whether they are a part of the input."""

    kind: str
    number: int
    place: str


class UsageRule(NamedTuple):
    """`theirs` is a JSON object with tokens in it; `place` of its cached tokens, None = its shape says it."""

    theirs: str
    place: str | None
    source: str


USAGE_RULES: Final = (
    UsageRule("gen_ai.usage.raw", None, "Logfire 4 and 5, logfire._internal.integrations.llm_providers"),
    UsageRule("gen_ai.usage", None, "the provider's usage object as it is"),
    UsageRule("gen_ai.response.usage", None, "the provider's usage object as it is"),
    UsageRule("llm.usage", None, "the provider's usage object as it is"),
    UsageRule("ai.usage", None, "Vercel AI SDK 6, @ai-sdk/otel"),
    UsageRule("ai.response.usage", None, "Vercel AI SDK 6, @ai-sdk/otel"),
    UsageRule("usage_metadata", None, "LangChain and Google GenAI SDK, as attributes of a span"),
    UsageRule("langsmith.usage_metadata", None, "LangSmith 0.15, langsmith.wrappers: UsageMetadata"),
    UsageRule("gen_ai.usage.input_token_details", t.WITHIN, "LangSmith 0.15, _otel_exporter.py"),
    UsageRule("gen_ai.usage.output_token_details", t.WITHIN, "LangSmith 0.15, _otel_exporter.py"),
    UsageRule("metadata.usage_object", None, "LiteLLM 1.x, litellm.integrations.opentelemetry: in Python's notation"),
    UsageRule("langfuse.observation.usage_details", None, "Langfuse, Token & cost tracking: usage types"),
    UsageRule("mlflow.chat.tokenUsage", t.WITHIN, "MLflow 3, TokenUsageKey: its input includes cached tokens"),
    *(
        UsageRule(theirs, None, "another name for the provider's usage object; none of the libraries read writes it")
        for theirs in (
            "usage",
            "token_usage",
            "response.usage",
            "llm.response.usage",
            "llm.token_usage",
            "llm.usage.raw",
            "llm.usage_metadata",
            "ai.usage.raw",
            "gen_ai.usage_metadata",
            "gen_ai.response.usage_metadata",
            "anthropic.usage",
            "openai.usage",
            "gen_ai.anthropic.usage",
            "gen_ai.openai.usage",
            "langfuse.observation.usage",
        )
    ),
)


_BESIDE_OUTPUT: Final = frozenset({"thoughtsTokenCount", "thoughts_token_count"})  # Gemini API, UsageMetadata
_GOOGLE_DETAILS: Final = {
    "prompt_tokens_details": "promptTokensDetails",
    "candidates_tokens_details": "candidatesTokensDetails",
    "cache_tokens_details": "cacheTokensDetails",
}
_HARMLESS: Final = (
    "server_tool_use",  # by the piece, see `terms`
    "cost",  # money, see `costs`
    "tool_use_prompt_tokens_details", "toolUsePromptTokensDetails",
    "iterations", "num_search_queries", "numSearchQueries", "web_searches", "web_search_requests", "webSearchRequests",
    "web_search_calls", "web_search_count", "serverToolUse", "search_context_size", "citation_tokens", "citationTokens",
    "search_units", "billed_units.search_units", "billedUnits.searchUnits",
)  # fmt: skip
_DEEPEST: Final = 4
_MOST: Final = 200  # counts of an object that are looked at


PROVIDER_METADATA: Final = "ai.response.providerMetadata"
_OF_METADATA: Final = UsageRule(PROVIDER_METADATA, None, "Vercel AI SDK 5 and 6: what the provider's API answered")
ANSWER: Final = "mlflow.spanOutputs"
_OF_ANSWER: Final = UsageRule(ANSWER, None, "MLflow 3: the API's answer, which alone tells the tokens of embeddings")
OBJECT_NAMES: Final = frozenset({*(rule.theirs for rule in USAGE_RULES), PROVIDER_METADATA})

Objects = list[tuple[UsageRule, dict[str, Any]]]


def usage_objects(attributes: dict[str, Any]) -> tuple[Objects, str | None]:
    """The usage objects on a span, and what makes them doubtful (None = nothing)."""
    found: Objects = []
    doubt = None
    for rule in () if OBJECT_NAMES.isdisjoint(attributes) else USAGE_RULES:
        if rule.theirs in attributes:
            value = attributes[rule.theirs]
            usage = mapping(value) or _in_python(value)
            if usage:
                found.append((rule, unwrapped(usage)))
            elif value not in ("", "{}", "null", None, {}):
                doubt = "a usage object is not readable"
    if PROVIDER_METADATA in attributes:
        found += ((_OF_METADATA, usage) for usage in _answered(mapping(attributes[PROVIDER_METADATA])))
    answer = None if found else attributes.get(ANSWER)
    if isinstance(answer, str) and '"usage"' in answer and (usage := mapping(mapping(answer).get("usage"))):
        found.append((_OF_ANSWER, usage))
    return found, doubt


def unwrapped(answer: dict[str, Any]) -> dict[str, Any]:
    """The usage object within an answer, and what stands beside it of tier and cost; else the object itself."""
    for name in _WITHIN:
        if name in answer and (usage := mapping(answer[name])):
            return {**{name: answer[name] for name in _BESIDE_USAGE if answer.get(name) is not None}, **usage}
    return answer


def _answered(metadata: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The usage objects of a provider's metadata, with what it tells beside them of tier and cost."""
    for stated in map(mapping, metadata.values()):
        usage = unwrapped(stated)
        if usage is stated:
            usage = {name: stated[name] for name in _BESIDE_USAGE if stated.get(name) is not None}
        if usage:
            yield usage


_WITHIN: Final = ("usage", "usageMetadata", "usage_metadata", "token_usage", "tokenUsage")
_BESIDE_USAGE: Final = ("serviceTier", "service_tier", "cost", "performanceConfig")
FLAT: Final = UsageRule("", None, "the names of a usage object behind a prefix of the conventions, see `flattened`")


def _in_python(value: object) -> dict[str, Any]:
    """A Python dict as text, as LangSmith and LiteLLM write it: of plain names, numbers and None."""
    if not isinstance(value, str) or not value.startswith("{'"):
        return {}
    for theirs, json in (("'", '"'), ("None", "null"), ("True", "true"), ("False", "false")):
        value = value.replace(theirs, json)
    return mapping(value)


def counts_in(rule: UsageRule, usage: dict[str, Any]) -> tuple[list[Counted], str | None]:
    """The counts of a usage object, and what makes them doubtful (None = nothing)."""
    if rule.theirs.startswith("langfuse.") and not any(name in usage for name in _OF_A_PROVIDER):
        return _buckets(usage)
    place = rule.place or next((s.place for s in SHAPES if all(mark in usage for mark in s.marks)), t.UNSAID)
    found: list[Counted] = []
    doubt = None
    billed = "billed_units" in usage or "billedUnits" in usage  # Cohere API: `tokens` counts what is not billed too
    prefix = rule.theirs.removeprefix("gen_ai.usage.") + "." if rule.theirs.endswith("_token_details") else ""
    for path, value in _walk(usage, prefix):
        kind = PATHS.get(path)
        number = count(value)
        if kind is None:
            if number and not path.startswith(_HARMLESS) and any(word in path.lower() for word in t.ALARMING):
                doubt = doubt or f"{path[:60]}: not known what it counts"
        elif number is None:
            if value is not None:
                doubt = doubt or "a number of tokens is not readable"
        elif not (billed and path.startswith(("tokens.", "cached_tokens", "cachedTokens"))):
            beside = path in _BESIDE_OUTPUT or (kind == t.REASONING and place == t.BESIDE and "input" in usage)
            at = (t.BESIDE if beside else t.WITHIN) if kind == t.REASONING else place
            if rule is FLAT and kind != t.REASONING:
                at = t.WITHIN if "etails." in path else t.UNSAID
            found.append(Counted(kind, number, at))
    if any(step.get("type") not in {None, "message"} for step in _steps(usage)):
        doubt = doubt or "another model was asked within the call"
    return found, doubt


def _steps(usage: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Anthropic API, Usage.iterations: what an advisor or a compaction used is not in the counts at the top."""
    steps = usage.get("iterations")
    yield from (step for step in (steps if isinstance(steps, list) else ()) if isinstance(step, dict))


def _walk(usage: dict[str, Any], prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    for name, value in [*usage.items()][:_MOST]:
        path = prefix + name
        if isinstance(value, dict):
            if depth < _DEEPEST:
                yield from _walk(value, path + ".", depth + 1)
        elif isinstance(value, list):
            # Gemini tells tokens by modality, Bedrock those written to a cache by how long they stay
            for part in (part for part in value[:_MOST] if isinstance(part, dict)):
                group = _GOOGLE_DETAILS.get(name, name)
                modality, ttl = part.get("modality"), part.get("ttl")
                if modality is not None:
                    yield (
                        f"{group}.{str(modality).upper().rpartition('.')[2]}",
                        part.get("tokenCount", part.get("token_count")),
                    )
                elif ttl is not None:
                    yield f"{group}.{ttl}", part.get("inputTokens")
        else:
            yield path, value


_OF_A_PROVIDER: Final = (
    "prompt_tokens", "input_tokens", "promptTokenCount", "prompt_token_count", "inputTokens", "promptTokens",
)  # fmt: skip
_BUCKETS: Final = (
    (("cache_read", "cached"), t.CACHE_READ),
    (("1h",), t.CACHE_WRITE_1H),
    (("5m",), t.CACHE_WRITE_5M),
    (("cache_creation", "cache_write"), t.CACHE_WRITE),
)
_ANSWERED: Final = ("output", "reasoning", "thought")
_SIDES: Final = (("audio", (t.AUDIO_INPUT, t.AUDIO_OUTPUT)), ("image", (t.IMAGE_INPUT, t.IMAGE_OUTPUT)))


def _buckets(usage: dict[str, Any]) -> tuple[list[Counted], str | None]:
    """Langfuse's free names: each token is in one of them, and those with "input" in them add up to the input."""
    sums: dict[str, int] = {}
    doubt = None

    def add(kind: str, number: int) -> None:
        sums[kind] = sums.get(kind, 0) + number

    for theirs, value in usage.items():
        name, number = theirs.lower(), count(value)
        if number is None:
            doubt = doubt or ("a number of tokens is not readable" if value is not None else None)
            continue
        if name == "total":
            sums[t.TOTAL] = number
            continue
        cache = next((kind for words, kind in _BUCKETS if any(word in name for word in words)), None)
        is_input, is_output = "input" in name or cache is not None, any(word in name for word in _ANSWERED)
        if is_input:
            add(t.INPUT, number)
        elif is_output:
            add(t.OUTPUT, number)
        elif number and any(word in name for word in t.ALARMING):
            doubt = doubt or f"{name[:60]}: not known what it counts"
        if cache is not None:
            add(cache, number)
        if "reasoning" in name or "thought" in name:
            add(t.REASONING, number)
        for word, (asked, answered) in _SIDES:
            if word in name and cache is not None and number:
                doubt = doubt or f"{name[:60]}: not known what it counts"
            elif word in name:
                add(asked if is_input else answered, number)
    return [Counted(kind, number, t.WITHIN) for kind, number in sums.items()], doubt
