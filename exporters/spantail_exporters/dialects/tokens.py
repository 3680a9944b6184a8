"""Token counts on a span, by their names: whose they are, and whether the input includes them. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

from spantail import attributes as key
from spantail_exporters.dialects.names import (
    CLAUDE_CODE,
    GEN_AI,
    LITELLM,
    OPENINFERENCE,
    OPENLLMETRY,
    PYDANTIC_AI,
)

# What a count is of. Those that end up on the span under a name of ours …
INPUT, OUTPUT = "input", "output"
CACHE_READ, CACHE_WRITE, CACHE_WRITE_1H = "cache_read", "cache_write", "cache_write_1h"
REASONING = "reasoning"
AUDIO_INPUT, AUDIO_OUTPUT, AUDIO_CACHE_READ = "audio_input", "audio_output", "audio_cache_read"
IMAGE_INPUT, IMAGE_OUTPUT, IMAGE_CACHE_READ = "image_input", "image_output", "image_cache_read"
VIDEO_INPUT = "video_input"
# … those that help to understand them …
TOTAL = "total"
CACHE_WRITE_5M = "cache_write_5m"
FRESH = "fresh"  # the input without what a cache took or gave
TEXT_OUTPUT = "text_output"
TOOL_INPUT = "tool_input"  # beside the input: what the provider's own tools put into the prompt
VIDEO_OUTPUT = "video_output"  # never priced
OTHER = "other"  # never priced: a name whose meaning is not known
# … and what says nothing about the price.
NOTHING = "nothing"

OURS: Final = {
    INPUT: key.GEN_AI_USAGE_INPUT_TOKENS,
    OUTPUT: key.GEN_AI_USAGE_OUTPUT_TOKENS,
    CACHE_READ: key.GEN_AI_USAGE_CACHE_READ_TOKENS,
    CACHE_WRITE: key.GEN_AI_USAGE_CACHE_WRITE_TOKENS,
    CACHE_WRITE_1H: key.USAGE_CACHE_WRITE_1H,
    REASONING: key.GEN_AI_USAGE_REASONING_TOKENS,
    AUDIO_INPUT: key.USAGE_AUDIO_INPUT,
    AUDIO_OUTPUT: key.USAGE_AUDIO_OUTPUT,
    AUDIO_CACHE_READ: key.USAGE_AUDIO_CACHE_READ,
    IMAGE_INPUT: key.USAGE_IMAGE_INPUT,
    IMAGE_OUTPUT: key.USAGE_IMAGE_OUTPUT,
    IMAGE_CACHE_READ: key.USAGE_IMAGE_CACHE_READ,
    VIDEO_INPUT: key.USAGE_VIDEO_INPUT,
}
"""Counts by our names, in the order of the fields of `pricing.Tokens`."""

OF_MEDIA: Final = frozenset(
    {AUDIO_INPUT, AUDIO_OUTPUT, AUDIO_CACHE_READ, IMAGE_INPUT, IMAGE_OUTPUT, IMAGE_CACHE_READ, VIDEO_INPUT}
)
"""Counts that most calls have none of: none is written for them."""

# Whether cached tokens (or the reasoning ones, of the output) are a part of the count beside them.
WITHIN = "within"
BESIDE = "beside"
UNSAID = "unsaid"  # as the provider's API counts it: for some as a part, for others beside


class TokenRule(NamedTuple):
    """`theirs` counts `kind`; `place` says for cached tokens whether the input includes them by this source."""

    theirs: str
    kind: str
    place: str
    source: str


_GEN_AI_OLD: Final = GEN_AI + "before 1.27"
_SPELLING: Final = "another spelling; none of the libraries that were read writes it"
_OPENLIT: Final = "OpenLIT 1.45, openlit/semcov"
_STRANDS: Final = "Strands Agents 1.62, strands/telemetry/tracer.py: as the provider's API; the total tells"
_AI_SDK: Final = "Vercel AI SDK 4 to 6, ai/src/telemetry"
_AI_SDK_CACHED: Final = _AI_SDK + ": as the provider's API before 6, a part of the input since"
_MASTRA: Final = "Mastra, @mastra/otel-exporter 0.3: as the AI SDK beneath it"
_OPENINFERENCE_DETAILS: Final = OPENINFERENCE + "LLM_TOKEN_COUNT_PROMPT_DETAILS: a part of the prompt"
_DETAILS: Final = PYDANTIC_AI + " and 2.x, usage.py: details"
_FRAMEWORK: Final = "Microsoft Agent Framework 1.23, observability.py"
_LANGFUSE_BUG: Final = "langfuse/langfuse#14902: OpenAI's details, flattened; OpenAI's input includes them"
_GENAI_SDK: Final = "Google ADK 2.13, google/adk/telemetry"

_ANTHROPIC_SDK: Final = "Anthropic SDK for Python 2.14, its own spans"
_MODALITY: Final = GEN_AI + "proposed modalities, written by the instrumentation of Google's GenAI SDK 1.3b0"

_U, _L = "gen_ai.usage.", "llm.token_count."

TOKEN_RULES: Final = (
    *(TokenRule(ours, kind, WITHIN, "our own") for kind, ours in OURS.items()),
    TokenRule(_U + "prompt_tokens", INPUT, WITHIN, _GEN_AI_OLD),
    TokenRule(_L + "prompt", INPUT, WITHIN, OPENINFERENCE + "LLM_TOKEN_COUNT_PROMPT"),
    TokenRule("llm.usage.prompt_tokens", INPUT, WITHIN, OPENLLMETRY + " before 0.4"),
    TokenRule("ai.usage.inputTokens", INPUT, WITHIN, _AI_SDK),
    TokenRule("ai.usage.promptTokens", INPUT, WITHIN, _AI_SDK),
    TokenRule("ai.usage.tokens", INPUT, WITHIN, _AI_SDK + ": of embeddings"),
    TokenRule("litellm.tokens.prompt", INPUT, WITHIN, LITELLM),
    TokenRule("gen_ai.token.usage.input", INPUT, WITHIN, _OPENLIT),
    TokenRule(
        "llm.token.counts.prompt", INPUT, WITHIN, "LiteLLM 1.110, litellm/integrations/otel/mappers/langtrace.py"
    ),
    TokenRule(_U + "completion_tokens", OUTPUT, WITHIN, _GEN_AI_OLD),
    TokenRule(_L + "completion", OUTPUT, WITHIN, OPENINFERENCE + "LLM_TOKEN_COUNT_COMPLETION"),
    TokenRule("llm.usage.completion_tokens", OUTPUT, WITHIN, OPENLLMETRY + " before 0.4"),
    TokenRule("ai.usage.outputTokens", OUTPUT, WITHIN, _AI_SDK),
    TokenRule("ai.usage.completionTokens", OUTPUT, WITHIN, _AI_SDK),
    TokenRule("litellm.tokens.completion", OUTPUT, WITHIN, LITELLM),
    TokenRule("gen_ai.token.usage.output", OUTPUT, WITHIN, _OPENLIT),
    TokenRule(
        "llm.token.counts.completion", OUTPUT, WITHIN, "LiteLLM 1.110, litellm/integrations/otel/mappers/langtrace.py"
    ),
    TokenRule(_U + "total_tokens", TOTAL, WITHIN, OPENLLMETRY + ", GEN_AI_USAGE_TOTAL_TOKENS; Strands; OpenLIT"),
    TokenRule(_L + "total", TOTAL, WITHIN, OPENINFERENCE + "LLM_TOKEN_COUNT_TOTAL"),
    TokenRule("llm.usage.total_tokens", TOTAL, WITHIN, OPENLLMETRY + ", LLM_USAGE_TOTAL_TOKENS"),
    TokenRule("ai.usage.totalTokens", TOTAL, WITHIN, _AI_SDK),
    TokenRule("litellm.tokens.total", TOTAL, WITHIN, LITELLM),
    TokenRule("gen_ai.token.usage.total", TOTAL, WITHIN, _OPENLIT),
    TokenRule("llm.token.counts.total", TOTAL, WITHIN, "LiteLLM 1.110, litellm/integrations/otel/mappers/langtrace.py"),
    # read from a cache
    TokenRule(_L + "prompt_details.cache_read", CACHE_READ, WITHIN, _OPENINFERENCE_DETAILS),
    TokenRule(_L + "prompt_details.cache_input", CACHE_READ, WITHIN, _OPENINFERENCE_DETAILS),
    TokenRule(_U + "cache_read_input_tokens", CACHE_READ, UNSAID, OPENLLMETRY + " (a part); " + _STRANDS),
    TokenRule(_U + "cache_read_tokens", CACHE_READ, UNSAID, _SPELLING),
    TokenRule(_U + "details.cache_read_tokens", CACHE_READ, WITHIN, _DETAILS),
    TokenRule(_U + "details.cached_tokens", CACHE_READ, WITHIN, _DETAILS + " of OpenAI"),
    TokenRule(_U + "details.cache_read_input_tokens", CACHE_READ, WITHIN, _DETAILS + " of Anthropic, added up"),
    TokenRule(_U + "details.cached_content_tokens", CACHE_READ, WITHIN, _DETAILS + " of Google"),
    TokenRule(_U + "prompt_tokens_details.cached_tokens", CACHE_READ, WITHIN, _OPENLIT),
    TokenRule(_U + "prompt_tokens_details.cache_read", CACHE_READ, UNSAID, _OPENLIT),
    TokenRule(_U + "input_tokens_details.cached_tokens", CACHE_READ, WITHIN, "OpenAI Responses API, flattened"),
    TokenRule(_U + "input_token_details.cache_read", CACHE_READ, WITHIN, "LangChain usage_metadata, flattened"),
    TokenRule(_U + "input_cached_tokens", CACHE_READ, WITHIN, _LANGFUSE_BUG),
    TokenRule(_U + "cached_tokens", CACHE_READ, WITHIN, "OpenAI API, prompt_tokens_details, flattened"),
    TokenRule(_U + "input_tokens.cached", CACHE_READ, WITHIN, _SPELLING),
    TokenRule(_U + "cached_input_tokens", CACHE_READ, UNSAID, _MASTRA),
    TokenRule(_U + "cache_read_input_token_count", CACHE_READ, UNSAID, _FRAMEWORK),
    TokenRule(_U + "cached_content_token_count", CACHE_READ, WITHIN, "Gemini API, usage_metadata, flattened"),
    TokenRule("ai.usage.cachedInputTokens", CACHE_READ, UNSAID, _AI_SDK_CACHED),
    TokenRule("ai.usage.inputTokenDetails.cacheReadTokens", CACHE_READ, WITHIN, _AI_SDK),
    TokenRule("llm.usage.cache_read_input_tokens", CACHE_READ, UNSAID, OPENLLMETRY + " before 0.4"),
    TokenRule("openai.cached_input_tokens", CACHE_READ, WITHIN, _FRAMEWORK),
    TokenRule("anthropic.cache_read_input_tokens", CACHE_READ, UNSAID, _FRAMEWORK),
    # written to a cache
    TokenRule(_U + "cache_creation.input_tokens", CACHE_WRITE, WITHIN, GEN_AI + "before 1.41"),
    TokenRule(_L + "prompt_details.cache_write", CACHE_WRITE, WITHIN, _OPENINFERENCE_DETAILS),
    TokenRule(_U + "cache_creation_input_tokens", CACHE_WRITE, UNSAID, OPENLLMETRY + " (a part); Mastra"),
    TokenRule(_U + "cache_write_input_tokens", CACHE_WRITE, UNSAID, _STRANDS),
    TokenRule(_U + "cache_write_tokens", CACHE_WRITE, UNSAID, _SPELLING),
    TokenRule(_U + "cache_creation_tokens", CACHE_WRITE, UNSAID, _SPELLING),
    TokenRule(_U + "details.cache_write_tokens", CACHE_WRITE, WITHIN, _DETAILS),
    TokenRule(_U + "details.cache_creation_input_tokens", CACHE_WRITE, WITHIN, _DETAILS + " of Anthropic, added up"),
    TokenRule(_U + "prompt_tokens_details.cache_creation_tokens", CACHE_WRITE, WITHIN, _OPENLIT),
    TokenRule(_U + "prompt_tokens_details.cache_write", CACHE_WRITE, UNSAID, _OPENLIT),
    TokenRule(_U + "input_token_details.cache_creation", CACHE_WRITE, WITHIN, "LangChain usage_metadata, flattened"),
    TokenRule("ai.usage.inputTokenDetails.cacheWriteTokens", CACHE_WRITE, WITHIN, _AI_SDK),
    TokenRule("llm.usage.cache_creation_input_tokens", CACHE_WRITE, UNSAID, OPENLLMETRY + " before 0.4"),
    TokenRule("anthropic.cache_creation_input_tokens", CACHE_WRITE, UNSAID, _FRAMEWORK),
    TokenRule(
        _U + "cache_creation.ephemeral_1h_input_tokens", CACHE_WRITE_1H, UNSAID, "Anthropic API, usage, flattened"
    ),
    TokenRule(
        _U + "cache_creation.ephemeral_5m_input_tokens", CACHE_WRITE_5M, UNSAID, "Anthropic API, usage, flattened"
    ),
    TokenRule("anthropic.usage.cache_creation.ephemeral_1h_input_tokens", CACHE_WRITE_1H, WITHIN, _ANTHROPIC_SDK),
    TokenRule("anthropic.usage.cache_creation.ephemeral_5m_input_tokens", CACHE_WRITE_5M, WITHIN, _ANTHROPIC_SDK),
    TokenRule(_U + "details.cache_write_1h_tokens", CACHE_WRITE_1H, WITHIN, _DETAILS),
    TokenRule(_U + "details.ephemeral_1h_input_tokens", CACHE_WRITE_1H, WITHIN, _DETAILS + " of Anthropic"),
    TokenRule(_U + "details.ephemeral_5m_input_tokens", CACHE_WRITE_5M, WITHIN, _DETAILS + " of Anthropic"),
    TokenRule(_U + "cache_creation_1h_input_tokens", CACHE_WRITE_1H, UNSAID, _SPELLING),
    TokenRule(_U + "cache_creation_5m_input_tokens", CACHE_WRITE_5M, UNSAID, _SPELLING),
    TokenRule("ai.usage.inputTokenDetails.noCacheTokens", FRESH, WITHIN, _AI_SDK),
    # reasoning, a part of the output
    TokenRule(
        _L + "completion_details.reasoning",
        REASONING,
        WITHIN,
        OPENINFERENCE + "LLM_TOKEN_COUNT_COMPLETION_DETAILS_REASONING",
    ),
    TokenRule(_U + "reasoning_tokens", REASONING, WITHIN, OPENLLMETRY + "; OpenLIT; Mastra"),
    TokenRule("llm.usage.reasoning_tokens", REASONING, WITHIN, OPENLLMETRY),
    TokenRule(_U + "thinking_tokens", REASONING, WITHIN, _SPELLING),
    TokenRule(_U + "output_tokens.reasoning", REASONING, WITHIN, _SPELLING),
    TokenRule(_U + "details.reasoning_tokens", REASONING, WITHIN, _DETAILS),
    TokenRule(_U + "details.thoughts_tokens", REASONING, WITHIN, _DETAILS + " of Google"),
    TokenRule(_U + "completion_tokens_details.reasoning_tokens", REASONING, WITHIN, _OPENLIT),
    TokenRule(_U + "completion_tokens_details.reasoning", REASONING, WITHIN, _OPENLIT),
    TokenRule(_U + "output_tokens_details.reasoning_tokens", REASONING, WITHIN, "OpenAI Responses API, flattened"),
    TokenRule(_U + "output_token_details.reasoning", REASONING, WITHIN, "LangChain usage_metadata, flattened"),
    TokenRule(_U + "experimental.reasoning_tokens", REASONING, WITHIN, _GENAI_SDK),
    TokenRule("ai.usage.reasoningTokens", REASONING, WITHIN, _AI_SDK),
    TokenRule("ai.usage.outputTokenDetails.reasoningTokens", REASONING, WITHIN, _AI_SDK),
    TokenRule("openai.reasoning_tokens", REASONING, WITHIN, _FRAMEWORK),
    # audio and images, parts of both
    TokenRule(_L + "prompt_details.audio", AUDIO_INPUT, WITHIN, _OPENINFERENCE_DETAILS),
    TokenRule(_L + "completion_details.audio", AUDIO_OUTPUT, WITHIN, OPENINFERENCE + "COMPLETION_DETAILS_AUDIO"),
    TokenRule(_U + "details.input_audio_tokens", AUDIO_INPUT, WITHIN, _DETAILS),
    TokenRule(_U + "details.output_audio_tokens", AUDIO_OUTPUT, WITHIN, _DETAILS),
    TokenRule(_U + "details.cache_audio_read_tokens", AUDIO_CACHE_READ, WITHIN, _DETAILS),
    TokenRule(_U + "prompt_tokens_details.audio_tokens", AUDIO_INPUT, WITHIN, _OPENLIT),
    TokenRule(_U + "completion_tokens_details.audio_tokens", AUDIO_OUTPUT, WITHIN, _OPENLIT),
    TokenRule(_U + "completion_tokens_details.audio", AUDIO_OUTPUT, WITHIN, _OPENLIT),
    TokenRule(_U + "input_token_details.audio", AUDIO_INPUT, WITHIN, "LangChain usage_metadata, flattened"),
    TokenRule(
        _U + "input_token_details.audio_tokens", AUDIO_INPUT, WITHIN, "OpenAI transcription API; Vercel AI SDK 7"
    ),
    TokenRule(_U + "output_token_details.audio", AUDIO_OUTPUT, WITHIN, "LangChain usage_metadata, flattened"),
    TokenRule(_U + "input_audio_tokens", AUDIO_INPUT, WITHIN, "OpenAI Realtime API, usage, flattened"),
    TokenRule(_U + "output_audio_tokens", AUDIO_OUTPUT, WITHIN, "OpenAI Realtime API, usage, flattened"),
    TokenRule(_U + "audio_input_tokens", AUDIO_INPUT, WITHIN, _SPELLING),
    TokenRule(_U + "audio_output_tokens", AUDIO_OUTPUT, WITHIN, _SPELLING),
    TokenRule(_U + "input_image_tokens", IMAGE_INPUT, WITHIN, "OpenAI Images API, flattened"),
    TokenRule(_U + "output_image_tokens", IMAGE_OUTPUT, WITHIN, "OpenAI Images API, flattened"),
    TokenRule(_L + "prompt_details.image", IMAGE_INPUT, WITHIN, _OPENINFERENCE_DETAILS),
    TokenRule(_L + "completion_details.image", IMAGE_OUTPUT, WITHIN, OPENINFERENCE + "COMPLETION_DETAILS"),
    TokenRule("ai.usage.outputTokenDetails.textTokens", NOTHING, WITHIN, _AI_SDK + ": without the reasoning"),
    TokenRule(_U + "audio.input_tokens", AUDIO_INPUT, WITHIN, _MODALITY),
    TokenRule(_U + "audio.output_tokens", AUDIO_OUTPUT, WITHIN, _MODALITY),
    TokenRule(_U + "audio.cache_read.input_tokens", AUDIO_CACHE_READ, WITHIN, _MODALITY),
    TokenRule(_U + "image.input_tokens", IMAGE_INPUT, WITHIN, _MODALITY),
    TokenRule(_U + "image.output_tokens", IMAGE_OUTPUT, WITHIN, _MODALITY),
    TokenRule(_U + "image.cache_read.input_tokens", IMAGE_CACHE_READ, WITHIN, _MODALITY),
    TokenRule(_U + "video.input_tokens", VIDEO_INPUT, WITHIN, _MODALITY),
    TokenRule(_U + "video.output_tokens", VIDEO_OUTPUT, WITHIN, _MODALITY),
    TokenRule(_U + "text.output_tokens", TEXT_OUTPUT, WITHIN, _MODALITY),
    TokenRule(_U + "text.cache_read.input_tokens", NOTHING, WITHIN, _MODALITY),
    # what Gemini's own tools put into the prompt, beside it
    TokenRule(_U + "tool_use_prompt_token_count", TOOL_INPUT, BESIDE, "Gemini API, usage_metadata, flattened"),
)
"""Of several names for the same count the first counts, if it is not 0; where they disagree, there is no price."""

CLAUDE_CODE_RULES: Final = (
    TokenRule("input_tokens", INPUT, BESIDE, CLAUDE_CODE),
    TokenRule("output_tokens", OUTPUT, BESIDE, CLAUDE_CODE),
    TokenRule("cache_read_tokens", CACHE_READ, BESIDE, CLAUDE_CODE),
    TokenRule("cache_creation_tokens", CACHE_WRITE, BESIDE, CLAUDE_CODE),
)
"""Plain names, which mean this only on a span with `span.type` `llm_request`."""

USAGE_PREFIXES: Final = ("gen_ai.usage.", "llm.token_count.", "llm.usage.", "ai.usage.")
ALARMING: Final = ("cach", "audio", "image", "video", "ephemeral", "search", "reason", "think", "thought", "citation")
"""A count with such a word in its name may have a rate of its own: one that no rule knows makes the call unpriced."""
