"""Usage objects of APIs and libraries: how to tell them apart, and what their counts are of. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

from spantail_exporters.dialects import tokens as t


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

PATHS: Final[dict[str, str]] = {
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
