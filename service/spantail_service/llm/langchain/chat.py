"""One streamed answer of any of LangChain's chat models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spantail_service.llm.base import BackendError, Completion, Message, OnText

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages.ai import UsageMetadata

    from spantail import LlmCall


async def stream_chat(
    chat: BaseChatModel, messages: Sequence[Message], *, max_tokens: int, call: LlmCall, on_text: OnText
) -> Completion:
    """Ask, and report text, usage and the model's own name as they come.

    Raises:
        BackendError: The model answered nothing (`bad_response`); what the library raises is raised as it is.
    """
    from langchain_core.messages.ai import add_usage

    text: list[str] = []
    usage: UsageMetadata | None = None
    asked: list[dict[str, Any]] = [dict(message) for message in messages]
    async for chunk in chat.astream(asked, max_tokens=max_tokens):
        if part := str(chunk.text):
            text.append(part)
            call.chunk(part)
            on_text(part)
        if more := getattr(chunk, "usage_metadata", None):
            usage = add_usage(usage, more)  # some providers tell it in parts
            _report(usage, call)
        if tier := chunk.response_metadata.get("service_tier"):
            call.usage(service_tier=str(tier))
        _set_response(call, chunk.response_metadata, chunk.id)
    if not text:
        raise BackendError("bad_response", "the model answered nothing")
    return Completion("".join(text))


def _report(usage: UsageMetadata, call: LlmCall) -> None:
    asked_of: Mapping[str, Any] = usage.get("input_token_details", {})
    answered_of = usage.get("output_token_details", {})
    kept_1h = asked_of.get("ephemeral_1h_input_tokens")
    written = [asked_of.get(name) for name in ("cache_creation", "ephemeral_5m_input_tokens")] + [kept_1h]
    call.usage(
        input_tokens=usage["input_tokens"] or None,  # LangChain says 0 where a server does not say it
        output_tokens=usage["output_tokens"],
        cache_read_tokens=asked_of.get("cache_read"),
        cache_write_tokens=sum(filter(None, written)) if any(count is not None for count in written) else None,
        cache_write_1h_tokens=kept_1h,
        reasoning_tokens=answered_of.get("reasoning"),
        audio_input_tokens=asked_of.get("audio"),
        audio_output_tokens=answered_of.get("audio"),
    )


def _set_response(call: LlmCall, metadata: Mapping[str, Any], message_id: str | None) -> None:
    """The model's own name and the reason to stop come at the beginning or the end."""
    reason = metadata.get("finish_reason") or metadata.get("stop_reason")
    model = metadata.get("model_name") or metadata.get("model")
    if reason or model:
        call.response(model=model, id=message_id, finish_reasons=[str(reason)] if reason else None)
