"""One attribute for another: their name, ours, how the value is read, and where that is written down (pure)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from spantail import attributes as key
from spantail_exporters.dialects.values import count, seconds_of_ms, text, usd, yes_or_no

if TYPE_CHECKING:
    from collections.abc import Callable


class NameRule(NamedTuple):
    """`theirs` means `ours`, where `read` makes something of its value."""

    ours: str
    theirs: str
    read: Callable[[Any], Any]
    source: str


GEN_AI: Final = "OpenTelemetry GenAI semantic conventions, "
OPENINFERENCE: Final = "OpenInference semantic conventions, "
OPENLLMETRY: Final = "OpenLLMetry, opentelemetry.semconv_ai.SpanAttributes"
LANGFUSE: Final = "Langfuse SDK 3 to 5, LangfuseOtelSpanAttributes"
MLFLOW: Final = "MLflow 3, mlflow.tracing.constant.SpanAttributeKey"
PYDANTIC_AI: Final = "Pydantic AI 0.x and 1.x, pydantic_ai.models.instrumented"
LITELLM: Final = "LiteLLM 1.x, litellm.integrations.opentelemetry"
CLAUDE_CODE: Final = "Claude Code 2.1, traces of CLAUDE_CODE_ENHANCED_TELEMETRY_BETA"

NAME_RULES: Final = (
    # whose model, and which
    NameRule(key.GEN_AI_PROVIDER_NAME, "gen_ai.system", text, GEN_AI + "before 1.37"),
    NameRule(key.GEN_AI_PROVIDER_NAME, "llm.provider", text, OPENINFERENCE + "LLM_PROVIDER: who serves it"),
    NameRule(key.GEN_AI_PROVIDER_NAME, "llm.system", text, OPENINFERENCE + "LLM_SYSTEM: whose product it is"),
    NameRule(key.GEN_AI_PROVIDER_NAME, "mlflow.llm.provider", text, MLFLOW),
    NameRule(key.GEN_AI_PROVIDER_NAME, "mlflow.message.format", text, MLFLOW + ": whose API was called"),
    NameRule(key.GEN_AI_REQUEST_MODEL, "llm.request.model_name", text, OPENINFERENCE + "LLM_REQUEST_MODEL_NAME"),
    NameRule(key.GEN_AI_REQUEST_MODEL, "llm.model_name", text, OPENINFERENCE + "LLM_MODEL_NAME"),
    NameRule(key.GEN_AI_REQUEST_MODEL, "embedding.model_name", text, OPENINFERENCE + "EMBEDDING_MODEL_NAME"),
    NameRule(key.GEN_AI_REQUEST_MODEL, "langfuse.observation.model.name", text, LANGFUSE),
    NameRule(key.GEN_AI_REQUEST_MODEL, "mlflow.llm.model", text, MLFLOW),
    NameRule(key.GEN_AI_RESPONSE_MODEL, "llm.response.model_name", text, OPENINFERENCE + "LLM_RESPONSE_MODEL_NAME"),
    NameRule(key.GEN_AI_REQUEST_STREAM, "gen_ai.is_streaming", yes_or_no, OPENLLMETRY),
    NameRule(key.GEN_AI_REQUEST_STREAM, "llm.is_streaming", yes_or_no, OPENLLMETRY + " before 0.5"),
    NameRule(key.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK, "ttft_ms", seconds_of_ms, CLAUDE_CODE),
    # tokens
    NameRule(key.GEN_AI_USAGE_INPUT_TOKENS, "gen_ai.usage.prompt_tokens", count, GEN_AI + "before 1.27"),
    NameRule(key.GEN_AI_USAGE_INPUT_TOKENS, "llm.token_count.prompt", count, OPENINFERENCE + "LLM_TOKEN_COUNT_PROMPT"),
    NameRule(key.GEN_AI_USAGE_OUTPUT_TOKENS, "gen_ai.usage.completion_tokens", count, GEN_AI + "before 1.27"),
    NameRule(
        key.GEN_AI_USAGE_OUTPUT_TOKENS,
        "llm.token_count.completion",
        count,
        OPENINFERENCE + "LLM_TOKEN_COUNT_COMPLETION",
    ),
    NameRule(
        key.GEN_AI_USAGE_CACHE_READ_TOKENS,
        "llm.token_count.prompt_details.cache_read",
        count,
        OPENINFERENCE + "LLM_TOKEN_COUNT_PROMPT_DETAILS_CACHE_READ",
    ),
    NameRule(
        key.GEN_AI_USAGE_CACHE_READ_TOKENS,
        "gen_ai.usage.cache_read_input_tokens",
        count,
        OPENLLMETRY + ", LLM_USAGE_CACHE_READ_INPUT_TOKENS",
    ),
    NameRule(
        key.GEN_AI_USAGE_CACHE_READ_TOKENS,
        "gen_ai.usage.details.cache_read_tokens",
        count,
        PYDANTIC_AI,
    ),
    NameRule(
        key.GEN_AI_USAGE_CACHE_WRITE_TOKENS,
        "gen_ai.usage.cache_creation.input_tokens",
        count,
        GEN_AI + "before 1.41",
    ),
    NameRule(
        key.GEN_AI_USAGE_CACHE_WRITE_TOKENS,
        "llm.token_count.prompt_details.cache_write",
        count,
        OPENINFERENCE + "LLM_TOKEN_COUNT_PROMPT_DETAILS_CACHE_WRITE",
    ),
    NameRule(
        key.GEN_AI_USAGE_CACHE_WRITE_TOKENS,
        "gen_ai.usage.cache_creation_input_tokens",
        count,
        OPENLLMETRY + ", LLM_USAGE_CACHE_CREATION_INPUT_TOKENS",
    ),
    NameRule(
        key.GEN_AI_USAGE_CACHE_WRITE_TOKENS,
        "gen_ai.usage.details.cache_write_tokens",
        count,
        PYDANTIC_AI,
    ),
    NameRule(
        key.GEN_AI_USAGE_REASONING_TOKENS,
        "llm.token_count.completion_details.reasoning",
        count,
        OPENINFERENCE + "LLM_TOKEN_COUNT_COMPLETION_DETAILS_REASONING",
    ),
    NameRule(key.GEN_AI_USAGE_REASONING_TOKENS, "gen_ai.usage.reasoning_tokens", count, OPENLLMETRY),
    NameRule(key.GEN_AI_USAGE_REASONING_TOKENS, "gen_ai.usage.details.reasoning_tokens", count, PYDANTIC_AI),
    # tools
    NameRule(key.GEN_AI_TOOL_NAME, "tool.name", text, OPENINFERENCE + "TOOL_NAME"),
    # sessions and users
    NameRule(
        key.SESSION_ID, "session.id", text, "OpenTelemetry semantic conventions, Session; OpenInference; Langfuse"
    ),
    NameRule(key.SESSION_ID, "langfuse.session.id", text, "Langfuse, OpenTelemetry property mapping"),
    NameRule(key.SESSION_ID, "traceloop.association.properties.session_id", text, OPENLLMETRY),
    NameRule(key.SESSION_ID, "mlflow.trace.session", text, "MLflow 3, TraceMetadataKey.TRACE_SESSION"),
    NameRule(key.SESSION_ID, "gen_ai.conversation.id", text, GEN_AI + "gen_ai.conversation.id"),
    NameRule(key.USER_ID, "user.id", text, "OpenTelemetry semantic conventions, User; OpenInference; Langfuse"),
    NameRule(key.USER_ID, "langfuse.user.id", text, "Langfuse, OpenTelemetry property mapping"),
    NameRule(key.USER_ID, "traceloop.association.properties.user_id", text, OPENLLMETRY),
    NameRule(key.USER_ID, "mlflow.trace.user", text, "MLflow 3, TraceMetadataKey.TRACE_USER"),
    NameRule(key.USER_ID, "enduser.id", text, "OpenTelemetry semantic conventions, End user"),
)
"""Of several rules for the same name of ours, the first that finds a value counts; ours counts before all of them."""


class CostRule(NamedTuple):
    """`theirs` is the cost of an attempt in USD, and `origin` who worked it out (`spantail.cost.source`)."""

    theirs: str
    origin: str
    source: str


COST_RULES: Final = (
    CostRule("gen_ai.usage.cost", key.SOURCE_PROVIDER, "OpenRouter's and OpenLIT's name; read by Langfuse"),
    CostRule("gen_ai.usage.cost.amount", key.SOURCE_PROVIDER, "proposal open-telemetry/semantic-conventions-genai#443"),
    CostRule("llm.cost.total", key.SOURCE_PROVIDER, OPENINFERENCE + "LLM_COST_TOTAL"),
    CostRule("operation.cost", key.SOURCE_CALCULATED, "Logfire and Pydantic AI: by genai-prices, in the application"),
    CostRule("gen_ai.cost.total_cost", key.SOURCE_CALCULATED, LITELLM + ": by its price map"),
    CostRule("litellm.cost.total", key.SOURCE_CALCULATED, "LiteLLM 1.x, litellm.integrations.otel.model.semconv"),
)
"""Looked at in this order. An amount in another currency (`gen_ai.usage.cost.currency`) is none."""


def read_cost(attributes: dict[str, Any]) -> tuple[float, str] | None:
    """The cost that one number tells, in USD, and its origin."""
    for theirs, origin, _ in COST_RULES:
        if theirs in attributes and (cost := usd(attributes[theirs])) is not None:
            currency = attributes.get(f"{theirs.removesuffix('.amount')}.currency", "USD")
            if str(currency).upper() == "USD":
                return cost, origin
    return None
