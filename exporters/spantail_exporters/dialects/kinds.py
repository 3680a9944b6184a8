"""What a span is, by the words of each library: one table. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from spantail import attributes as key
from spantail_exporters.dialects.values import word

if TYPE_CHECKING:
    from collections.abc import Mapping


class KindRule(NamedTuple):
    """One attribute that says what a span is. A value that is not in `kinds` says nothing that is of use here."""

    name: str
    kinds: Mapping[str, str]
    source: str


_LLM, _TOOL, _RETRIEVAL = key.KIND_LLM_CALL, key.KIND_TOOL, key.KIND_RETRIEVAL

KIND_RULES: Final = (
    KindRule(
        "openinference.span.kind",
        {"llm": _LLM, "embedding": _LLM, "tool": _TOOL, "retriever": _RETRIEVAL, "reranker": _RETRIEVAL},
        "OpenInference semantic conventions, OpenInferenceSpanKindValues",
    ),
    KindRule(
        "langfuse.observation.type",
        {"generation": _LLM, "embedding": _LLM, "tool": _TOOL, "retriever": _RETRIEVAL},
        "Langfuse SDK 3 to 5, ObservationTypeLiteral",
    ),
    KindRule(
        "mlflow.spanType",
        {
            "llm": _LLM,
            "chat_model": _LLM,
            "embedding": _LLM,
            "tool": _TOOL,
            "retriever": _RETRIEVAL,
            "reranker": _RETRIEVAL,
            "workflow": key.KIND_PIPELINE,
            "task": key.KIND_PHASE,
        },
        "MLflow 3, mlflow.entities.SpanType; values are JSON",
    ),
    KindRule(
        "span.type",
        {"llm_request": _LLM, "tool": _TOOL},
        "Claude Code 2.1, traces of CLAUDE_CODE_ENHANCED_TELEMETRY_BETA",
    ),
    KindRule(
        "gen_ai.operation.name",
        {
            "chat": _LLM,
            "text_completion": _LLM,
            "text_completions": _LLM,  # Semantic Kernel 1.45
            "responses": _LLM,  # Sentry SDK 2.75
            "generate_content": _LLM,
            "embeddings": _LLM,
            "embedding": _LLM,  # Spring AI
            "image": _LLM,  # Spring AI, OpenLIT
            "audio": _LLM,  # OpenLIT
            "speech_to_text": _LLM,
            "text_to_speech": _LLM,
            "image_generation": _LLM,
            "speech": _LLM,
            "transcription": _LLM,
            "ai.generatespeech": _LLM,  # Vercel AI SDK 7, as the two below
            "ai.transcribe": _LLM,
            "ai.streamtranscribe": _LLM,
            "execute_tool": _TOOL,
            "retrieval": _RETRIEVAL,
            "rerank": _RETRIEVAL,  # Vercel AI SDK 7
            "invoke_workflow": key.KIND_PIPELINE,
        },
        "OpenTelemetry GenAI semantic conventions, gen_ai.operation.name",
    ),
    KindRule(
        "ai.operationId",
        {
            "ai.generatetext.dogenerate": _LLM,
            "ai.streamtext.dostream": _LLM,
            "ai.generateobject.dogenerate": _LLM,
            "ai.streamobject.dostream": _LLM,
            "ai.embed.doembed": _LLM,
            "ai.embedmany.doembed": _LLM,
            "ai.rerank.dorerank": _RETRIEVAL,
            "ai.toolcall": _TOOL,
        },
        "Vercel AI SDK 4 to 6, ai/src/telemetry; in 7 LegacyOpenTelemetry: the span around a call has no such ending",
    ),
    KindRule(
        "traceloop.span.kind",
        {"workflow": key.KIND_PIPELINE, "task": key.KIND_PHASE, "tool": _TOOL},
        "OpenLLMetry, opentelemetry.semconv_ai.TraceloopSpanKindValues",
    ),
    KindRule(
        "llm.request.type",
        {"chat": _LLM, "completion": _LLM, "embedding": _LLM, "rerank": _RETRIEVAL},
        "OpenLLMetry before 0.50 and LiteLLM, opentelemetry.semconv_ai.LLMRequestTypeValues",
    ),
)
"""Looked at in this order; the first that knows the value counts."""

_REQUEST: Final = ("gen_ai.request.model", "gen_ai.system")  # early GenAI conventions had no name of the operation


def kind_said(attributes: Mapping[str, Any]) -> str | None:
    """What the attributes say that the span is; None when they say nothing we know."""
    for name, kinds, _ in KIND_RULES:
        if name in attributes and (kind := kinds.get(word(attributes[name]))):
            return kind
    if "gen_ai.operation.name" not in attributes and all(name in attributes for name in _REQUEST):
        return _LLM
    return None


def is_retold_stream(attributes: Mapping[str, Any]) -> bool:
    """Whether this ended span of Logfire is a streamed request, whose tokens and cost stand in a log of its own.

    Logfire ends the request's span when the stream begins, without usage or id of the answer, and writes both onto
    "streaming response from …" when it is over. Counted as two calls, the first one would lack a price.
    """
    return (
        attributes.get("logfire.span_type") == "span"
        and "request_data" in attributes
        and "logfire.level_num" not in attributes  # an error has a level, and is told nowhere else
        and not any(name in attributes for name in _TOLD_OF_AN_ANSWER)
    )


_TOLD_OF_AN_ANSWER: Final = (key.GEN_AI_RESPONSE_ID, key.GEN_AI_USAGE_INPUT_TOKENS, key.GEN_AI_USAGE_OUTPUT_TOKENS)
