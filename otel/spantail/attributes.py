"""The attribute keys that Spantail writes and reads, by the names of their OpenTelemetry conventions.

The GenAI semantic conventions come first. Their constants in `opentelemetry.semconv` are marked deprecated
since the conventions moved to a repository of their own, so the names stand here.
"""

from __future__ import annotations

from typing import Final

# What a span is, and how it went
KIND: Final = "spantail.kind"
STATUS: Final = "spantail.status"  # `skipped` or `cancelled`: OTLP's own status has no word for them
REASON: Final = "spantail.reason"  # why it was skipped or cancelled
LAYER: Final = "spantail.layer"
LAYERS: Final = "spantail.layers"  # on the root: the layers to come, in order
PROGRESS_DONE: Final = "spantail.progress.done"
PROGRESS_TOTAL: Final = "spantail.progress.total"
PROGRESS_MESSAGE: Final = "spantail.progress.message"
RUN_NAME: Final = "spantail.run.name"
SESSION_ID: Final = "spantail.session.id"
USER_ID: Final = "spantail.user.id"

KIND_OPERATION: Final = "operation"
KIND_PIPELINE: Final = "pipeline"
KIND_LAYER: Final = "layer"
KIND_PHASE: Final = "phase"
KIND_SUBPHASE: Final = "subphase"
KIND_LLM_CALL: Final = "llm_call"
KIND_LLM_GROUP: Final = "llm_group"
KIND_TOOL: Final = "tool"
KIND_RETRIEVAL: Final = "retrieval"
KIND_QUEUE: Final = "queue"
KIND_SPAN: Final = "span"  # written only over another library's own word: what a span without a known kind counts as
KINDS: Final = frozenset(
    {
        KIND_OPERATION,
        KIND_PIPELINE,
        KIND_LAYER,
        KIND_PHASE,
        KIND_SUBPHASE,
        KIND_LLM_CALL,
        KIND_LLM_GROUP,
        KIND_TOOL,
        KIND_RETRIEVAL,
        KIND_QUEUE,
    }
)

STATUS_SKIPPED: Final = "skipped"
STATUS_CANCELLED: Final = "cancelled"

# One attempt of an LLM call
BACKEND: Final = "spantail.backend"
TIER: Final = "spantail.tier"
ATTEMPT: Final = "spantail.attempt"
FALLBACK_FROM: Final = "spantail.fallback.from"
FALLBACK_TO: Final = "spantail.fallback.to"  # on the span event `llm_call_fallback` only
FALLBACK_REASON: Final = "spantail.fallback.reason"
EXPECTED_REASONS: Final = ("budget", "circuit_open", "not_installed")  # nothing was asked: no failure of a backend
STREAM_CHUNKS: Final = "spantail.stream.chunks"
COST_USD: Final = "spantail.cost_usd"
COST_SOURCE: Final = "spantail.cost.source"
COST_PRICE_VERSION: Final = "spantail.cost.price_version"
COST_ESTIMATE_USD: Final = "spantail.cost.estimate_usd"  # of a streamed call so far, while it runs
COST_NOTE: Final = "spantail.cost.note"  # why there is no price, or what the price assumes

# On the operation around a call: the budget that has the least left
BUDGET_NAME: Final = "spantail.budget.name"
BUDGET_LIMIT_USD: Final = "spantail.budget.limit_usd"
BUDGET_SPENT_USD: Final = "spantail.budget.spent_usd"
BUDGET_RESERVED_USD: Final = "spantail.budget.reserved_usd"

# What a price depends on and the GenAI conventions have no name for. Each count is a part of the input or output.
USAGE_CACHE_WRITE_1H: Final = "spantail.usage.cache_write_1h_tokens"
USAGE_AUDIO_INPUT: Final = "spantail.usage.audio_input_tokens"
USAGE_AUDIO_OUTPUT: Final = "spantail.usage.audio_output_tokens"
USAGE_AUDIO_CACHE_READ: Final = "spantail.usage.audio_cache_read_tokens"
USAGE_IMAGE_INPUT: Final = "spantail.usage.image_input_tokens"
USAGE_IMAGE_OUTPUT: Final = "spantail.usage.image_output_tokens"
USAGE_IMAGE_CACHE_READ: Final = "spantail.usage.image_cache_read_tokens"
USAGE_VIDEO_INPUT: Final = "spantail.usage.video_input_tokens"
USAGE_WEB_SEARCHES: Final = "spantail.usage.web_searches"
USAGE_FILE_SEARCHES: Final = "spantail.usage.file_searches"
USAGE_CODE_EXECUTIONS: Final = "spantail.usage.code_executions"
SERVICE_TIER: Final = "spantail.service_tier"  # flex, priority, batch, …; absent = the standard one
SPEED: Final = "spantail.speed"  # fast
INFERENCE_GEO: Final = "spantail.inference_geo"  # where the provider was told to run the model

SOURCE_PROVIDER: Final = "provider"
SOURCE_CALCULATED: Final = "calculated"
SOURCE_UNPRICED: Final = "unpriced"

# Message content that was not kept, as JSON (`content/left_out.py`)
CONTENT_LEFT_OUT: Final = "spantail.content.left_out"

# In our OTLP exports: what is not as it was sent in a span, an event or a link
CHANGED: Final = "spantail.changed"  # names of those that were masked or cut; `span:name` and the like for what is none
SPAN_NAME, SPAN_STATUS_MESSAGE, SPAN_TRACE_STATE = "span:name", "span:statusMessage", "span:traceState"
EVENT_NAME, LINK_TRACE_STATE, LINK_IDS = "event:name", "link:traceState", "link:ids"
DERIVED: Final = "spantail.derived"  # names of those that nobody sent, or sent otherwise (`dialects/origin.py`)
SENT: Final = "spantail.sent"  # the values of derived ones that were sent otherwise, by name

# Names of span events
EVENT_FALLBACK: Final = "llm_call_fallback"
EVENT_CANCELLED: Final = "cancelled"
EVENT_EXCEPTION: Final = "exception"

# GenAI semantic conventions
GEN_AI_OPERATION_NAME: Final = "gen_ai.operation.name"
GEN_AI_PROVIDER_NAME: Final = "gen_ai.provider.name"
GEN_AI_REQUEST_MODEL: Final = "gen_ai.request.model"
GEN_AI_REQUEST_MAX_TOKENS: Final = "gen_ai.request.max_tokens"
GEN_AI_REQUEST_STREAM: Final = "gen_ai.request.stream"
GEN_AI_RESPONSE_MODEL: Final = "gen_ai.response.model"
GEN_AI_RESPONSE_ID: Final = "gen_ai.response.id"
GEN_AI_RESPONSE_FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"  # seconds
GEN_AI_USAGE_INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"  # cached ones included
GEN_AI_USAGE_OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"  # reasoning included
GEN_AI_USAGE_CACHE_READ_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
GEN_AI_USAGE_CACHE_WRITE_TOKENS: Final = "gen_ai.usage.cache_write.input_tokens"
GEN_AI_USAGE_REASONING_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"
GEN_AI_USAGE_COST: Final = "gen_ai.usage.cost"  # USD; not in the conventions, but read by other tools
# Proposed: open-telemetry/semantic-conventions-genai#443
GEN_AI_USAGE_COST_AMOUNT: Final = "gen_ai.usage.cost.amount"
GEN_AI_USAGE_COST_CURRENCY: Final = "gen_ai.usage.cost.currency"  # ISO 4217, always USD here
GEN_AI_USAGE_COST_SOURCE: Final = "gen_ai.usage.cost.source"  # as `spantail.cost.source`
GEN_AI_CONVERSATION_ID: Final = "gen_ai.conversation.id"
GEN_AI_INPUT_MESSAGES: Final = "gen_ai.input.messages"
GEN_AI_OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
GEN_AI_SYSTEM_INSTRUCTIONS: Final = "gen_ai.system_instructions"
GEN_AI_TOOL_NAME: Final = "gen_ai.tool.name"
GEN_AI_TOOL_CALL_ID: Final = "gen_ai.tool.call.id"
GEN_AI_TOOL_CALL_ARGUMENTS: Final = "gen_ai.tool.call.arguments"
GEN_AI_TOOL_CALL_RESULT: Final = "gen_ai.tool.call.result"

ERROR_TYPE: Final = "error.type"  # on a span that ended in error

# Exception events (OpenTelemetry semantic conventions, "Exceptions in spans")
EXCEPTION_TYPE: Final = "exception.type"
EXCEPTION_MESSAGE: Final = "exception.message"
EXCEPTION_STACKTRACE: Final = "exception.stacktrace"

# Resource attributes
RESOURCE_LIVE: Final = "spantail.live"  # true when the spans already go to the live tier
RESOURCE_RUNNER: Final = "spantail.runner"
