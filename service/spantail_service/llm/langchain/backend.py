"""LangChain's ChatOpenAI as a backend, streamed. The library is imported on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from spantail_service.llm.base import BackendError, Completion, Message, OnText, Tier, models_by_tier
from spantail_service.llm.langchain.errors import as_backend_error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_openai import ChatOpenAI

    from spantail import LlmCall
    from spantail_service.llm.langchain.library import OpenAiLibrary
    from spantail_service.settings import LlmSettings


class LangChain:
    """Backend `langchain`. Tokens come from the API, the cost from the price table (`calculated`)."""

    name = "langchain"
    provider = "openai"
    streams = True

    def __init__(self, library: OpenAiLibrary, *, models: Mapping[Tier, str]) -> None:
        self._library = library
        self._models = dict(models)
        self._chats: dict[str, ChatOpenAI] = {}

    @classmethod
    def from_settings(cls, settings: LlmSettings, library: OpenAiLibrary) -> Self:
        """The backend that the settings describe."""
        return cls(library, models=models_by_tier(settings.fallback_model, settings.fallback_small_model))

    def model_for(self, tier: Tier) -> str:
        """The model that serves a tier."""
        return self._models[tier]

    async def prepare(self) -> None:
        """Load the library, as a span of its own."""
        await self._library.load()

    async def complete(
        self, messages: Sequence[Message], *, tier: Tier, max_tokens: int, call: LlmCall, on_text: OnText
    ) -> Completion:
        """One streamed request."""
        try:
            return await self._stream(self._chat(self.model_for(tier)), messages, max_tokens, call, on_text)
        except Exception as error:
            known = as_backend_error(error)
            if known is None:
                raise
            raise known from error

    def _chat(self, model: str) -> ChatOpenAI:
        if model not in self._chats:
            from langchain_openai import ChatOpenAI

            self._chats[model] = ChatOpenAI(model=model, stream_usage=True, **self._library.options())
        return self._chats[model]

    async def _stream(
        self, chat: ChatOpenAI, messages: Sequence[Message], max_tokens: int, call: LlmCall, on_text: OnText
    ) -> Completion:
        text: list[str] = []
        asked: list[dict[str, Any]] = [dict(message) for message in messages]
        async for chunk in chat.astream(asked, max_tokens=max_tokens):
            if part := str(chunk.text):
                text.append(part)
                call.chunk(part)
                on_text(part)
            if usage := chunk.usage_metadata:
                asked_of, answered_of = usage.get("input_token_details", {}), usage.get("output_token_details", {})
                call.usage(
                    input_tokens=usage["input_tokens"],
                    output_tokens=usage["output_tokens"],
                    cache_read_tokens=asked_of.get("cache_read"),
                    cache_write_tokens=asked_of.get("cache_creation"),
                    reasoning_tokens=answered_of.get("reasoning"),
                    audio_input_tokens=asked_of.get("audio"),
                    audio_output_tokens=answered_of.get("audio"),
                )
            if tier := chunk.response_metadata.get("service_tier"):
                call.usage(service_tier=str(tier))
            _set_response(call, chunk.response_metadata, chunk.id)
        if not text:
            raise BackendError("bad_response", "the model answered nothing")
        return Completion("".join(text))


def _set_response(call: LlmCall, metadata: Mapping[str, Any], run_id: str | None) -> None:
    """The model's own name and the reason to stop come with the chunk that ends the choice."""
    reason = metadata.get("finish_reason")
    if reason:
        call.response(model=metadata.get("model_name"), id=run_id, finish_reasons=[str(reason)])
