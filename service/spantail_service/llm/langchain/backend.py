"""LangChain's ChatOpenAI as a backend, streamed. The library is imported on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spantail_service.llm.langchain.chat import stream_chat
from spantail_service.llm.sdk_errors import as_backend_error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_openai import ChatOpenAI

    from spantail import LlmCall
    from spantail_service.llm.base import Completion, Message, OnText, Tier
    from spantail_service.llm.langchain.library import OpenAiLibrary


class LangChain:
    """Backends `langchain` and `openai`, which differ in name and models. Tokens come from the API, the cost from the
    price table (`calculated`).
    """

    provider = "openai"
    streams = True

    def __init__(self, library: OpenAiLibrary, *, models: Mapping[Tier, str], name: str = "langchain") -> None:
        self.name = name
        self._library = library
        self._models = dict(models)
        self._chats: dict[str, ChatOpenAI] = {}

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
            chat = self._chat(self.model_for(tier))
            return await stream_chat(chat, messages, max_tokens=max_tokens, call=call, on_text=on_text)
        except Exception as error:
            known = as_backend_error(error, "openai")
            if known is None:
                raise
            raise known from error

    def _chat(self, model: str) -> ChatOpenAI:
        if model not in self._chats:
            from langchain_openai import ChatOpenAI

            self._chats[model] = ChatOpenAI(model=model, stream_usage=True, **self._library.options())
        return self._chats[model]
