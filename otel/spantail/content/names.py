"""The names of attributes that hold message content, each with its source. Pure.

Three kinds of names: those that mean content wherever they stand; those that do so unless their value is a number or
a flag (a `prompt` of 512 is a count of tokens); and everyday words (`content`, `input`), which mean it among the
attributes of a span or event of an LLM call.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_NAMES: Final = {
    "OpenTelemetry GenAI semantic conventions, also before 1.28": (
        "gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions", "gen_ai.tool.definitions",
        "gen_ai.tool.call.arguments", "gen_ai.tool.call.result", "gen_ai.retrieval.query.text",
        "gen_ai.retrieval.documents", "gen_ai.prompt", "gen_ai.completion",
    ),
    "Azure AI and Semantic Kernel, span events and agent spans": (
        "gen_ai.event.content", "gen_ai.agent.invocation_input", "gen_ai.agent.invocation_output",
    ),
    "OpenLIT, span events": (
        "gen_ai.content.prompt", "gen_ai.content.completion", "gen_ai.content.reasoning",
        "gen_ai.content.revised_prompt",
    ),
    "Sentry, gen_ai module": (
        "gen_ai.request.messages", "gen_ai.request.available_tools", "gen_ai.response.text",
        "gen_ai.response.tool_calls", "gen_ai.response.object", "gen_ai.tool.input", "gen_ai.tool.output",
        "gen_ai.tool.message", "gen_ai.embeddings.input",
    ),
    "OpenInference semantic conventions": (
        "input.value", "output.value", "embedding.text", "llm.prompts", "llm.completions", "llm.function_call",
        "llm.input_messages", "llm.output_messages", "llm.tools", "llm.prompt_template.template",
        "llm.prompt_template.variables", "message.content", "message.contents",
        "message.function_call_arguments_json", "tool_call.function.arguments", "document.content",
        "embedding.embeddings", "retrieval.documents", "reranker.query", "reranker.input_documents",
        "reranker.output_documents", "tool.parameters", "tool.json_schema",
    ),
    "OpenLLMetry, SpanAttributes": (
        "traceloop.entity.input", "traceloop.entity.output", "traceloop.prompt.template",
        "traceloop.prompt.template_variables", "llm.request.functions", "crewai.crew.result",
        "crewai.crew.tasks_output",
    ),
    "Langfuse SDK, LangfuseOtelSpanAttributes": (
        "langfuse.observation.input", "langfuse.observation.output", "langfuse.trace.input", "langfuse.trace.output",
    ),
    "MLflow, SpanAttributeKey and TraceMetadataKey": (
        "mlflow.spanInputs", "mlflow.spanOutputs", "mlflow.traceInputs", "mlflow.traceOutputs", "mlflow.chat.messages",
        "mlflow.chat.tools",
    ),
    "Vercel AI SDK, telemetry": (
        "ai.prompt", "ai.response.text", "ai.response.object", "ai.response.toolCalls", "ai.response.reasoning",
        "ai.response.files", "ai.result.text", "ai.result.object", "ai.result.toolCalls", "ai.toolCall.args",
        "ai.toolCall.result", "ai.value", "ai.values", "ai.documents", "ai.embedding", "ai.embeddings",
        "ai.request.text",
    ),
    "Pydantic AI and Logfire": (
        "pydantic_ai.all_messages", "all_messages_events", "final_result", "request_data", "response_data",
        "model_request_parameters",
    ),
    "Google ADK, telemetry/tracing.py": (
        "gcp.vertex.agent.llm_request", "gcp.vertex.agent.llm_response", "gcp.vertex.agent.tool_call_args",
        "gcp.vertex.agent.tool_response", "gcp.vertex.agent.data",
    ),
    "Spring AI, observation conventions": (
        "spring.ai.chat.client.input", "spring.ai.chat.client.output", "spring.ai.chat.client.user.text",
        "spring.ai.chat.client.user.params", "spring.ai.chat.client.system.text", "spring.ai.chat.client.system.params",
        "spring.ai.tool.call.arguments", "spring.ai.tool.call.result", "db.vector.query.content",
        "db.vector.query.response.documents",
    ),
    "Haystack, tracing of components and pipelines": (
        "haystack.component.input", "haystack.component.output", "haystack.pipeline.input_data",
        "haystack.pipeline.output_data", "haystack.agent.input", "haystack.agent.output",
    ),
    "Claude Code, detailed spans": (
        "user_prompt", "new_context", "response.model_output", "user_system_prompt", "system_prompt_preview",
    ),
}  # fmt: skip
_CONTENT: Final = frozenset(name for names in _NAMES.values() for name in names)
_INDEXED: Final = re.compile(
    # a list or object, flattened: `gen_ai.prompt.0.content`, `llm.tools.0.tool.json_schema`
    r"(?:gen_ai\.(?:prompt|completion|tool\.definitions)|gen_ai\.(?:input|output)\.messages"
    r"|llm\.(?:prompts|completions|input_messages|output_messages|tools|request\.functions)|message\.contents"
    r"|retrieval\.documents|reranker\.(?:input|output)_documents|embedding\.embeddings)\.\d+\b"
    # Vercel AI SDK
    r"|ai\.prompt\.(?:\d+\b|(?:messages|format|tools|toolChoice|system)$)"
    # Mastra: `mastra.agent_run.input`
    r"|mastra\.[a-z_]{1,40}\.(?:input|output)$"
    # LiteLLM's raw requests and answers: `llm.openai.messages`, `llm.anthropic.content`
    r"|llm\.(?!token_count|cost)[a-z0-9_]+\.(?:messages|choices|contents?|candidates|prompt|input|output|system|tools)$"
)

_TEXTS: Final = frozenset({
    "prompt", "prompts", "completion", "completions", "system_prompt", "system_instructions", "chat_history",
    "input_messages", "output_messages", "prompt_text", "response_text", "request_text",
    "tool_arguments", "tool_response", "tool_input", "tool_output", "tool_parameters", "function_args", "full_command",
})  # fmt: skip
"""Pydantic AI and Logfire (`prompt`, `tool_arguments`, `tool_response`), Claude Code, Codex, Gemini CLI, home-made."""

_EVERYDAY: Final = frozenset({
    "content", "contents", "message", "messages", "input", "inputs", "output", "outputs", "response", "answer",
    "question", "query", "text", "body", "parts", "choices", "events", "tool_calls", "tool.result", "arguments",
    "result", "reasoning", "thinking",
})  # fmt: skip
"""Strands (`content`, `message`, `tool.result` of span events), the GenAI events of 2024, Mastra (`input`, `output`),
Pydantic AI before 1.0 (`events`), raw bodies of Claude Code (`body`), tool results of Codex (`arguments`, `output`)."""

_EVENTS: Final = ("gen_ai.", "claude_code.", "com.anthropic.claude_code", "codex.", "gemini_cli.", "qwen-code.")
"""How the names of events begin that hold messages; for Claude Code, only their body and scope say so."""
_VOCABULARIES: Final = (
    "gen_ai.", "llm.", "openinference.", "traceloop.", "langfuse.", "langsmith.", "mlflow.", "ai.model.",
    "ai.operationId", "mastra.", "spring.ai.", "haystack.", "gcp.vertex.agent.",
)  # fmt: skip


def is_content(key: str) -> bool:
    """Tell whether a name means content wherever it stands."""
    return key in _CONTENT or _INDEXED.match(key) is not None


def is_content_text(key: str) -> bool:
    """Tell whether a name means content unless its value is a number or a flag."""
    return key in _TEXTS


def is_message_event(name: str) -> bool:
    """Tell whether an event holds messages, by its name (or, for a log record, by its scope or body)."""
    return name.startswith(_EVENTS)


def is_said_in_body(name: str) -> bool:
    """Tell whether the body of a log record with this event name is a prompt or an answer."""
    return name.startswith("gen_ai.")


def everyday_content(attributes: Mapping[str, Any], event: str = "") -> list[str]:
    """Return the names of attributes that are content by the other attributes or the event they are with.

    Args:
        attributes: All attributes of one span, event or log record.
        event: The name of the event that they are of.
    """
    if _EVERYDAY.isdisjoint(attributes):
        return []
    if not (is_message_event(event) or _is_of_llm_call(attributes)):
        return []
    return [
        name
        for name, value in attributes.items()
        if name in _EVERYDAY and value is not None and not isinstance(value, bool | int | float)
    ]


def _is_of_llm_call(names: Iterable[object]) -> bool:
    return any(isinstance(name, str) and name.startswith(_VOCABULARIES) for name in names)
