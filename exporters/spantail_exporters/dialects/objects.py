"""Usage objects: JSON in which tokens are told by the words of one provider or library, or of several (pure)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from spantail_exporters.dialects import tokens as t
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


class Shape(NamedTuple):
    """An object that has all of `marks` at its top is one of these; `place` is where its cached tokens are."""

    marks: tuple[str, ...]
    place: str
    source: str


SHAPES: Final = (
    Shape(("prompt_tokens",), t.WITHIN, "OpenAI API; LiteLLM, which adds Anthropic's cached tokens to prompt_tokens"),
    Shape(("promptTokens",), t.UNSAID, "Vercel AI SDK 4"),
    Shape(("input_token_details",), t.WITHIN, "LangChain, UsageMetadata: input_tokens is the sum of all input"),
    Shape(("input_tokens_details",), t.WITHIN, "OpenAI Responses API"),
    Shape(("inputTokenDetails",), t.WITHIN, "Vercel AI SDK 6"),
    Shape(("cachedInputTokens",), t.UNSAID, "Vercel AI SDK 5: as the provider's API"),
    Shape(("promptTokenCount",), t.WITHIN, "Gemini API, UsageMetadata"),
    Shape(("prompt_token_count",), t.WITHIN, "Google GenAI SDK, GenerateContentResponseUsageMetadata"),
    Shape(("inputTokens",), t.BESIDE, "Bedrock Converse API, TokenUsage"),
    Shape(("input_tokens",), t.BESIDE, "Anthropic Messages API, Usage"),
    Shape(("input",), t.BESIDE, "Langfuse, usage types: each token in one of them"),
)
"""Looked at in this order; of an object that is none of these the cached tokens are unsaid."""

_PATHS: Final[dict[str, str]] = {
    # input
    "prompt_tokens": t.INPUT, "input_tokens": t.INPUT, "promptTokens": t.INPUT, "inputTokens": t.INPUT,
    "promptTokenCount": t.INPUT, "prompt_token_count": t.INPUT, "prompt_eval_count": t.INPUT, "input": t.INPUT,
    "inputTokenCount": t.INPUT, "input_token_count": t.INPUT, "tokens.input_tokens": t.OTHER,
    "billed_units.input_tokens": t.INPUT, "billedUnits.inputTokens": t.INPUT,
    # output
    "completion_tokens": t.OUTPUT, "output_tokens": t.OUTPUT, "completionTokens": t.OUTPUT, "outputTokens": t.OUTPUT,
    "candidatesTokenCount": t.OUTPUT, "candidates_token_count": t.OUTPUT, "eval_count": t.OUTPUT, "output": t.OUTPUT,
    "outputTokenCount": t.OUTPUT, "output_token_count": t.OUTPUT, "generated_token_count": t.OUTPUT,
    "billed_units.output_tokens": t.OUTPUT, "billedUnits.outputTokens": t.OUTPUT,
    # all
    "total_tokens": t.TOTAL, "totalTokens": t.TOTAL, "totalTokenCount": t.TOTAL, "total_token_count": t.TOTAL,
    "total": t.TOTAL,
    # read from a cache
    "prompt_tokens_details.cached_tokens": t.CACHE_READ, "input_tokens_details.cached_tokens": t.CACHE_READ,
    "promptTokensDetails.cachedTokens": t.CACHE_READ, "inputTokensDetails.cachedTokens": t.CACHE_READ,
    "prompt_cache_hit_tokens": t.CACHE_READ, "cached_tokens": t.CACHE_READ, "num_cached_tokens": t.CACHE_READ,
    "cache_read_input_tokens": t.CACHE_READ, "cacheReadInputTokens": t.CACHE_READ, "cache_read_tokens": t.CACHE_READ,
    "cacheReadInputTokenCount": t.CACHE_READ, "cache_read_input_token_count": t.CACHE_READ,
    "cachedContentTokenCount": t.CACHE_READ, "cached_content_token_count": t.CACHE_READ,
    "cachedInputTokens": t.CACHE_READ, "inputTokenDetails.cacheReadTokens": t.CACHE_READ,
    "cached_input_tokens": t.CACHE_READ, "input_token_details.cache_read": t.CACHE_READ, "cache_read": t.CACHE_READ,
    "input_token_details.cached_tokens": t.CACHE_READ, "cacheReadTokens": t.CACHE_READ, "cachedTokens": t.CACHE_READ,
    "cachedPromptTokens": t.CACHE_READ, "cached_prompt_text_tokens": t.CACHE_READ, "promptCacheHitTokens": t.CACHE_READ,
    "inputTokens.cacheRead": t.CACHE_READ, "cache_read.input_tokens": t.CACHE_READ,
    "prompt_tokens_details.cache_read_tokens": t.CACHE_READ,
    "prompt_tokens_details.cache_read_input_tokens": t.CACHE_READ,
    "prompt_tokens_details.cache_read": t.CACHE_READ, "input_tokens_details.cache_read": t.CACHE_READ,
    # LangChain tells the tier with the tokens, see `terms`
    "input_token_details.flex_cache_read": t.CACHE_READ, "input_token_details.priority_cache_read": t.CACHE_READ,
    "output_token_details.flex_reasoning": t.REASONING, "output_token_details.priority_reasoning": t.REASONING,
    # written to a cache
    "cache_creation_input_tokens": t.CACHE_WRITE, "cacheWriteInputTokens": t.CACHE_WRITE,
    "cacheWriteInputTokenCount": t.CACHE_WRITE, "cache_write_tokens": t.CACHE_WRITE,
    "cache_write_input_tokens": t.CACHE_WRITE, "cache_creation_tokens": t.CACHE_WRITE,
    "prompt_tokens_details.cache_write_tokens": t.CACHE_WRITE,
    "input_tokens_details.cache_write_tokens": t.CACHE_WRITE,
    "prompt_tokens_details.cache_creation_tokens": t.CACHE_WRITE,
    "inputTokenDetails.cacheWriteTokens": t.CACHE_WRITE, "input_token_details.cache_creation": t.CACHE_WRITE,
    "cache_creation": t.CACHE_WRITE, "cacheCreationInputTokens": t.CACHE_WRITE, "cacheWriteTokens": t.CACHE_WRITE,
    "cacheCreationTokens": t.CACHE_WRITE, "inputTokens.cacheWrite": t.CACHE_WRITE, "cache_write": t.CACHE_WRITE,
    "cache_creation.input_tokens": t.CACHE_WRITE, "cache_write.input_tokens": t.CACHE_WRITE,
    "prompt_tokens_details.cache_creation_input_tokens": t.CACHE_WRITE,
    "prompt_tokens_details.cache_write": t.CACHE_WRITE, "input_tokens_details.cache_creation": t.CACHE_WRITE,
    "input_tokens_details.cache_creation_tokens": t.CACHE_WRITE,
    "cache_creation.ephemeral_5m_input_tokens": t.CACHE_WRITE_5M,
    "cache_creation.ephemeral_1h_input_tokens": t.CACHE_WRITE_1H,
    "prompt_tokens_details.cache_creation_token_details.ephemeral_5m_input_tokens": t.CACHE_WRITE_5M,
    "prompt_tokens_details.cache_creation_token_details.ephemeral_1h_input_tokens": t.CACHE_WRITE_1H,
    "input_token_details.ephemeral_5m_input_tokens": t.CACHE_WRITE_5M,
    "input_token_details.ephemeral_1h_input_tokens": t.CACHE_WRITE_1H,
    "ephemeral_5m_input_tokens": t.CACHE_WRITE_5M, "ephemeral_1h_input_tokens": t.CACHE_WRITE_1H,
    "cache_creation_input_tokens_above_1hr": t.CACHE_WRITE_1H,
    "cacheDetails.5m": t.CACHE_WRITE_5M, "cacheDetails.1h": t.CACHE_WRITE_1H,
    "inputTokenDetails.noCacheTokens": t.FRESH, "prompt_cache_miss_tokens": t.FRESH,
    "promptCacheMissTokens": t.FRESH,
    "cacheCreation.ephemeral5mInputTokens": t.CACHE_WRITE_5M, "cacheCreation.ephemeral1hInputTokens": t.CACHE_WRITE_1H,
    "cache_creation_5m_input_tokens": t.CACHE_WRITE_5M, "cache_creation_1h_input_tokens": t.CACHE_WRITE_1H,
    # reasoning
    "completion_tokens_details.reasoning_tokens": t.REASONING, "output_tokens_details.reasoning_tokens": t.REASONING,
    "completionTokensDetails.reasoningTokens": t.REASONING, "output_tokens_details.thinking_tokens": t.REASONING,
    "outputTokenDetails.reasoningTokens": t.REASONING, "output_token_details.reasoning": t.REASONING,
    "reasoning_tokens": t.REASONING, "reasoningTokens": t.REASONING, "thoughtsTokenCount": t.REASONING,
    "thoughts_token_count": t.REASONING, "reasoning": t.REASONING, "reasoning_output_tokens": t.REASONING,
    "outputTokensDetails.reasoningTokens": t.REASONING, "thinking_tokens": t.REASONING,
    "reasoning.output_tokens": t.REASONING, "thinkingTokens": t.REASONING,
    "completion_tokens_details.reasoning": t.REASONING, "output_tokens_details.reasoning": t.REASONING,
    # audio, images, video
    "prompt_tokens_details.audio_tokens": t.AUDIO_INPUT, "input_tokens_details.audio_tokens": t.AUDIO_INPUT,
    "input_token_details.audio": t.AUDIO_INPUT, "input_token_details.audio_tokens": t.AUDIO_INPUT,
    "input_audio_tokens": t.AUDIO_INPUT, "input_audio": t.AUDIO_INPUT,
    "promptTokensDetails.audioTokens": t.AUDIO_INPUT, "inputTokensDetails.audioTokens": t.AUDIO_INPUT,
    "completionTokensDetails.audioTokens": t.AUDIO_OUTPUT, "outputTokensDetails.audioTokens": t.AUDIO_OUTPUT,
    "prompt_tokens_details.audio": t.AUDIO_INPUT, "completion_tokens_details.audio": t.AUDIO_OUTPUT,
    "audio_input_tokens": t.AUDIO_INPUT, "audio_output_tokens": t.AUDIO_OUTPUT,
    "completion_tokens_details.audio_tokens": t.AUDIO_OUTPUT, "output_tokens_details.audio_tokens": t.AUDIO_OUTPUT,
    "output_token_details.audio": t.AUDIO_OUTPUT, "output_token_details.audio_tokens": t.AUDIO_OUTPUT,
    "output_audio_tokens": t.AUDIO_OUTPUT, "output_audio": t.AUDIO_OUTPUT,
    "input_token_details.cached_tokens_details.audio_tokens": t.AUDIO_CACHE_READ,
    "input_token_details.cached_tokens_details.image_tokens": t.IMAGE_CACHE_READ,
    "input_token_details.cached_tokens_details.text_tokens": t.NOTHING,
    "prompt_tokens_details.cached_tokens_details.audio_tokens": t.AUDIO_CACHE_READ,
    "input_tokens_details.cached_tokens_details.audio_tokens": t.AUDIO_CACHE_READ,
    "input_tokens_details.cached_tokens_details.image_tokens": t.IMAGE_CACHE_READ,
    "input_tokens_details.cached_tokens_details.text_tokens": t.NOTHING,
    "prompt_image_tokens": t.IMAGE_INPUT, "input_image_tokens": t.IMAGE_INPUT, "output_image_tokens": t.IMAGE_OUTPUT,
    "promptTokensDetails.imageTokens": t.IMAGE_INPUT, "inputTokensDetails.imageTokens": t.IMAGE_INPUT,
    "output_token_details.image_tokens": t.IMAGE_OUTPUT,
    "prompt_tokens_details.image_tokens": t.IMAGE_INPUT, "input_tokens_details.image_tokens": t.IMAGE_INPUT,
    "input_token_details.image_tokens": t.IMAGE_INPUT, "input_token_details.image": t.IMAGE_INPUT,
    "completion_tokens_details.image_tokens": t.IMAGE_OUTPUT, "output_tokens_details.image_tokens": t.IMAGE_OUTPUT,
    "output_token_details.image": t.IMAGE_OUTPUT, "prompt_tokens_details.video_tokens": t.VIDEO_INPUT,
    "output_token_details.text_tokens": t.TEXT_OUTPUT, "completion_tokens_details.text_tokens": t.TEXT_OUTPUT,
    "output_tokens_details.text_tokens": t.TEXT_OUTPUT,
    "outputTokenDetails.textTokens": t.NOTHING,  # without the reasoning
    "promptTokensDetails.AUDIO": t.AUDIO_INPUT, "promptTokensDetails.IMAGE": t.IMAGE_INPUT,
    "promptTokensDetails.VIDEO": t.VIDEO_INPUT, "candidatesTokensDetails.AUDIO": t.AUDIO_OUTPUT,
    "candidatesTokensDetails.IMAGE": t.IMAGE_OUTPUT, "candidatesTokensDetails.VIDEO": t.VIDEO_OUTPUT,
    "candidatesTokensDetails.TEXT": t.TEXT_OUTPUT, "cacheTokensDetails.AUDIO": t.AUDIO_CACHE_READ,
    "cacheTokensDetails.IMAGE": t.IMAGE_CACHE_READ, "cacheTokensDetails.VIDEO": t.OTHER,
    "cacheTokensDetails.TEXT": t.NOTHING, "cacheTokensDetails.DOCUMENT": t.NOTHING,
    # beside the input
    "toolUsePromptTokenCount": t.TOOL_INPUT, "tool_use_prompt_token_count": t.TOOL_INPUT,
}  # fmt: skip
"""Where a count stands, down from the top of the object, and what it is of. Names are those of the APIs of
OpenAI (chat, responses, realtime), Anthropic, Bedrock, Gemini, DeepSeek, Cohere, Ollama, Moonshot and xAI; and of
LangChain, LiteLLM, the Vercel AI SDK, Langfuse and MLflow."""

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
    return found, doubt


def unwrapped(answer: dict[str, Any]) -> dict[str, Any]:
    """The usage object within an answer, and what stands beside it of tier and cost; else the object itself."""
    for name in _WITHIN:
        if name in answer and (usage := mapping(answer[name])):
            return {**{name: answer[name] for name in _BESIDE_USAGE if answer.get(name) is not None}, **usage}
    return answer


def _answered(metadata: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The usage objects of a provider's metadata, with what it tells beside them of tier and cost."""
    for told in map(mapping, metadata.values()):
        usage = unwrapped(told)
        if usage is told:
            usage = {name: told[name] for name in _BESIDE_USAGE if told.get(name) is not None}
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
        kind = _PATHS.get(path)
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
