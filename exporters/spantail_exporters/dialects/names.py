"""One attribute for another: their name, ours, how the value is read, and where that is written down. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from spantail import attributes as key
from spantail_exporters.dialects.values import provider, seconds, seconds_of_ms, text, yes_or_no

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
AI_SDK: Final = "Vercel AI SDK 4 to 6, ai/src/telemetry"
AI_SDK_7: Final = "Vercel AI SDK 7, @ai-sdk/otel"
CLAUDE_CODE: Final = "Claude Code 2.1, traces of CLAUDE_CODE_ENHANCED_TELEMETRY_BETA"

NAME_RULES: Final = (
    # whose model, and which
    NameRule(key.GEN_AI_PROVIDER_NAME, "gen_ai.system", provider, GEN_AI + "before 1.37"),
    NameRule(key.GEN_AI_PROVIDER_NAME, "llm.provider", text, OPENINFERENCE + "LLM_PROVIDER: who serves it"),
    NameRule(key.GEN_AI_PROVIDER_NAME, "llm.system", text, OPENINFERENCE + "LLM_SYSTEM: whose product it is"),
    NameRule(key.GEN_AI_PROVIDER_NAME, "mlflow.llm.provider", text, MLFLOW),
    NameRule(key.GEN_AI_PROVIDER_NAME, "mlflow.message.format", text, MLFLOW + ": whose API was called"),
    NameRule(key.GEN_AI_REQUEST_MODEL, "llm.request.model_name", text, OPENINFERENCE + "LLM_REQUEST_MODEL_NAME"),
    NameRule(key.GEN_AI_REQUEST_MODEL, "llm.model_name", text, OPENINFERENCE + "LLM_MODEL_NAME"),
    NameRule(key.GEN_AI_REQUEST_MODEL, "embedding.model_name", text, OPENINFERENCE + "EMBEDDING_MODEL_NAME"),
    NameRule(key.GEN_AI_REQUEST_MODEL, "langfuse.observation.model.name", text, LANGFUSE),
    NameRule(key.GEN_AI_REQUEST_MODEL, "mlflow.llm.model", text, MLFLOW),
    NameRule(key.GEN_AI_PROVIDER_NAME, "ai.model.provider", provider, AI_SDK),
    NameRule(key.GEN_AI_REQUEST_MODEL, "ai.model.id", text, AI_SDK),
    NameRule(key.GEN_AI_RESPONSE_MODEL, "ai.response.model", text, AI_SDK),
    NameRule(key.GEN_AI_RESPONSE_MODEL, "llm.response.model", text, OPENLLMETRY + " before 0.4"),
    NameRule(key.GEN_AI_RESPONSE_MODEL, "llm.response.model_name", text, OPENINFERENCE + "LLM_RESPONSE_MODEL_NAME"),
    NameRule(key.GEN_AI_REQUEST_STREAM, "gen_ai.is_streaming", yes_or_no, OPENLLMETRY),
    NameRule(key.GEN_AI_REQUEST_STREAM, "llm.is_streaming", yes_or_no, OPENLLMETRY + " before 0.5"),
    NameRule(key.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK, "ttft_ms", seconds_of_ms, CLAUDE_CODE),
    NameRule(key.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK, "gen_ai.client.operation.time_to_first_chunk", seconds, AI_SDK_7),
    NameRule(key.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK, "ai.response.msToFirstChunk", seconds_of_ms, AI_SDK),
    # tools
    NameRule(key.GEN_AI_TOOL_NAME, "tool.name", text, OPENINFERENCE + "TOOL_NAME"),
    NameRule(key.GEN_AI_TOOL_NAME, "ai.toolCall.name", text, AI_SDK),
    NameRule(key.GEN_AI_TOOL_CALL_ID, "ai.toolCall.id", text, AI_SDK),
    # sessions and users
    NameRule(
        key.SESSION_ID, "session.id", text, "OpenTelemetry semantic conventions, Session; OpenInference; Langfuse"
    ),
    NameRule(key.SESSION_ID, "langfuse.session.id", text, "Langfuse, OpenTelemetry property mapping"),
    NameRule(key.SESSION_ID, "traceloop.association.properties.session_id", text, OPENLLMETRY),
    NameRule(key.SESSION_ID, "mlflow.trace.session", text, "MLflow 3, TraceMetadataKey.TRACE_SESSION"),
    NameRule(key.SESSION_ID, "ai.telemetry.metadata.sessionId", text, AI_SDK + ": metadata; Langfuse reads it so"),
    NameRule(key.SESSION_ID, "gen_ai.conversation.id", text, GEN_AI + "gen_ai.conversation.id"),
    NameRule(key.USER_ID, "user.id", text, "OpenTelemetry semantic conventions, User; OpenInference; Langfuse"),
    NameRule(key.USER_ID, "langfuse.user.id", text, "Langfuse, OpenTelemetry property mapping"),
    NameRule(key.USER_ID, "traceloop.association.properties.user_id", text, OPENLLMETRY),
    NameRule(key.USER_ID, "mlflow.trace.user", text, "MLflow 3, TraceMetadataKey.TRACE_USER"),
    NameRule(key.USER_ID, "ai.telemetry.metadata.userId", text, AI_SDK + ": metadata; Langfuse reads it so"),
    NameRule(key.USER_ID, "enduser.id", text, "OpenTelemetry semantic conventions, End user"),
)
"""Of several rules for the same name of ours, the first that finds a value counts; ours counts before all of them."""
