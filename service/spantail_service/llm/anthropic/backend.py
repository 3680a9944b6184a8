"""LangChain's ChatAnthropic as a backend, streamed. The library is imported on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Self

from spantail_service.llm.langchain.chat import stream_chat
from spantail_service.llm.library import Library
from spantail_service.llm.sdk_errors import as_backend_error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import SecretStr

    from spantail import LlmCall
    from spantail_service.llm.base import Completion, Message, OnText, Tier
    from spantail_service.settings import LlmSettings

MODELS: Final[Mapping[Tier, str]] = {
    "low": "claude-haiku-4-5",
    "middle": "claude-sonnet-4-5",
    "high": "claude-sonnet-4-5",
}


class Anthropic:
    """Backend `anthropic`. Tokens come from the API, the cost from the price table (`calculated`).

    Args:
        models: The model of each tier.
        base_url: Of the API; Anthropic's own without it.
        api_key: `ANTHROPIC_API_KEY` without it.
        timeout_s: Seconds that a request may take.
    """

    name = "anthropic"
    provider = "anthropic"
    streams = True

    def __init__(
        self, *, models: Mapping[Tier, str], base_url: str | None, api_key: SecretStr | None, timeout_s: float
    ) -> None:
        self._library = Library("langchain_anthropic", "langchain-anthropic")
        self._models = dict(models)
        self._options: dict[str, Any] = {"max_retries": 0, "timeout": timeout_s}
        if base_url is not None:
            self._options["base_url"] = base_url
        if api_key is not None:
            self._options["api_key"] = api_key
        self._chats: dict[str, Any] = {}

    @classmethod
    def from_settings(cls, settings: LlmSettings, models: Mapping[Tier, str]) -> Self:
        """The backend that the settings describe."""
        return cls(
            models=models,
            base_url=settings.anthropic_base_url,
            api_key=settings.anthropic_api_key,
            timeout_s=settings.llm_timeout_s,
        )

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
            chat = await self._chat(self.model_for(tier))
            return await stream_chat(chat, messages, max_tokens=max_tokens, call=call, on_text=on_text)
        except Exception as error:
            known = as_backend_error(error, "anthropic")
            if known is None:
                raise
            raise known from error

    async def _chat(self, model: str) -> Any:
        if model not in self._chats:
            library = await self._library.load()
            self._chats[model] = library.ChatAnthropic(model=model, **self._options)
        return self._chats[model]
