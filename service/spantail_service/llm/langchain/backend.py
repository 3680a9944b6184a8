"""LangChain's ChatOpenAI as a backend, streamed. The library is imported on first use."""

from __future__ import annotations

import asyncio
import importlib
import logging
import time
from typing import TYPE_CHECKING, Any

from spantail import LlmCall, phase
from spantail_service.llm.base import BackendError, Completion, Message, Tier
from spantail_service.llm.langchain.errors import as_backend_error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_openai import ChatOpenAI
    from pydantic import SecretStr

logger = logging.getLogger(__name__)


class OpenAiLibrary:
    """Loads `langchain_openai` once, in a thread, and owns the HTTP client of everything made from it."""

    def __init__(self, *, base_url: str | None, api_key: SecretStr | None, timeout_s: float) -> None:
        self._base_url = base_url
        self._api_key = api_key
        self._timeout_s = timeout_s
        self._loading = asyncio.Lock()
        self._module: Any = None
        self._http: Any = None

    async def load(self) -> Any:
        """The module. Raises `BackendError` (`not_found`) where the extra is not installed."""
        async with self._loading:
            if self._module is None:
                with phase("load langchain-openai"):
                    self._module = await self._import()
        return self._module

    async def _import(self) -> Any:
        started_s = time.monotonic()
        try:
            # Seconds of imports: in the loop's own thread they would freeze every other run.
            module = await asyncio.to_thread(importlib.import_module, "langchain_openai")
        except ImportError as error:
            raise BackendError(
                "not_found", "langchain-openai is not installed: pip install 'spantail[langchain]'"
            ) from error
        logger.info("langchain-openai loaded in %.1f s", time.monotonic() - started_s)
        return module

    def options(self) -> dict[str, Any]:
        """Constructor arguments that chat and embeddings share. No retries: each attempt is a span, and
        the chain falls back instead.
        """
        import openai  # noqa: PLC0415 - on first use only

        if self._http is None:
            # A client of our own: langchain caches its default one for the process, where it outlives
            # the event loop it belongs to.
            self._http = openai.DefaultAsyncHttpxClient(timeout=self._timeout_s)
        options: dict[str, Any] = {
            "max_retries": 0,
            "timeout": self._timeout_s,
            "http_async_client": self._http,
        }
        if self._base_url is not None:
            options["base_url"] = self._base_url
        if self._api_key is not None:
            options["api_key"] = self._api_key
        return options

    async def close(self) -> None:
        """Close the HTTP client."""
        if self._http is not None:
            await self._http.aclose()
            self._http = None


class LangChain:
    """Backend `langchain`. Tokens come from the API, the cost from the price table (`calculated`)."""

    name = "langchain"
    provider = "openai"
    streams = True

    def __init__(self, library: OpenAiLibrary, *, models: Mapping[Tier, str]) -> None:
        self._library = library
        self._models = dict(models)
        self._chats: dict[str, ChatOpenAI] = {}

    def model_for(self, tier: Tier) -> str:
        """The model that serves a tier."""
        return self._models[tier]

    async def prepare(self) -> None:
        """Load the library, as a span of its own."""
        await self._library.load()

    async def complete(self, messages: Sequence[Message], *, tier: Tier, max_tokens: int, call: LlmCall) -> Completion:
        """One streamed request."""
        try:
            return await self._stream(self._chat(self.model_for(tier)), messages, max_tokens, call)
        except Exception as error:
            known = as_backend_error(error)
            if known is None:
                raise
            raise known from error

    def _chat(self, model: str) -> ChatOpenAI:
        if model not in self._chats:
            from langchain_openai import ChatOpenAI  # noqa: PLC0415 - on first use only

            self._chats[model] = ChatOpenAI(model=model, stream_usage=True, **self._library.options())
        return self._chats[model]

    async def _stream(
        self, chat: ChatOpenAI, messages: Sequence[Message], max_tokens: int, call: LlmCall
    ) -> Completion:
        text: list[str] = []
        asked: list[dict[str, Any]] = [dict(message) for message in messages]
        async for chunk in chat.astream(asked, max_tokens=max_tokens):
            if part := str(chunk.text):
                text.append(part)
                call.chunk(part)
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
            _note_response(call, chunk.response_metadata, chunk.id)
        if not text:
            raise BackendError("bad_response", "the model answered nothing")
        return Completion("".join(text))


def _note_response(call: LlmCall, metadata: Mapping[str, Any], run_id: str | None) -> None:
    """The model's own name and the reason to stop come with the chunk that ends the choice."""
    reason = metadata.get("finish_reason")
    if reason:
        call.response(model=metadata.get("model_name"), id=run_id, finish_reasons=[str(reason)])
