"""OpenRouter by OpenAI's client, streamed. LangChain would throw away the cost that comes with the usage."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final, Self

from spantail_service.llm.base import BackendError, Completion, Message, OnText, Tier
from spantail_service.llm.library import Library
from spantail_service.llm.sdk_errors import as_backend_error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from spantail import LlmCall
    from spantail_service.settings import LlmSettings

MODELS: Final[Mapping[Tier, str]] = {
    "low": "anthropic/claude-haiku-4.5",
    "middle": "anthropic/claude-sonnet-4.5",
    "high": "anthropic/claude-sonnet-4.5",
}


class OpenRouter:
    """Backend `openrouter`. Tokens and cost come from OpenRouter itself (`provider`), with the last message.

    Args:
        models: The model of each tier.
        base_url: Of the API.
        api_key: Without it every attempt fails (`auth`).
        timeout_s: Seconds that a request may take.
    """

    name = "openrouter"
    provider = "openrouter"
    streams = True

    def __init__(self, *, models: Mapping[Tier, str], base_url: str, api_key: str | None, timeout_s: float) -> None:
        self._library = Library("openai", "spantail[langchain]")
        self._models = dict(models)
        self._base_url = base_url
        self._api_key = api_key
        self._timeout_s = timeout_s
        self._client: Any = None

    @classmethod
    def from_settings(cls, settings: LlmSettings, models: Mapping[Tier, str]) -> Self:
        """The backend that the settings describe."""
        key = settings.openrouter_api_key
        return cls(
            models=models,
            base_url=settings.openrouter_base_url,
            api_key=os.environ.get("OPENROUTER_API_KEY") if key is None else key.get_secret_value(),
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
        if not self._api_key:  # the client would take OpenAI's key, and send it elsewhere
            raise BackendError("auth", "no key: set SPANTAIL_OPENROUTER_API_KEY or OPENROUTER_API_KEY")
        try:
            return await self._stream(messages, self.model_for(tier), max_tokens, call, on_text)
        except Exception as error:
            known = as_backend_error(error, "openai")
            if known is None:
                raise
            raise known from error

    async def close(self) -> None:
        """Close the HTTP client."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def _stream(
        self, messages: Sequence[Message], model: str, max_tokens: int, call: LlmCall, on_text: OnText
    ) -> Completion:
        if self._client is None:
            library = await self._library.load()
            self._client = library.AsyncOpenAI(
                base_url=self._base_url, api_key=self._api_key, max_retries=0, timeout=self._timeout_s
            )
        text: list[str] = []
        answer = await self._client.chat.completions.create(
            model=model, messages=list(messages), max_tokens=max_tokens, stream=True
        )
        async with answer:
            async for chunk in answer:
                choice = chunk.choices[0] if chunk.choices else None
                if choice is not None and (part := choice.delta.content):
                    text.append(part)
                    call.chunk(part)
                    on_text(part)
                if choice is not None and choice.finish_reason:
                    call.response(model=chunk.model, id=chunk.id, finish_reasons=[choice.finish_reason])
                if chunk.usage is not None:
                    _report(chunk.usage, call)
        if not text:
            raise BackendError("bad_response", "the model answered nothing")
        return Completion("".join(text))


def _report(usage: Any, call: LlmCall) -> None:
    asked_of, answered_of = usage.prompt_tokens_details, usage.completion_tokens_details
    call.usage(
        input_tokens=usage.prompt_tokens,
        output_tokens=usage.completion_tokens,
        cache_read_tokens=getattr(asked_of, "cached_tokens", None),
        cache_write_tokens=getattr(asked_of, "cache_write_tokens", None),
        reasoning_tokens=getattr(answered_of, "reasoning_tokens", None),
    )
    cost_usd = _amount(getattr(usage, "cost", None))  # no field of OpenAI's
    if cost_usd is None:
        return
    if getattr(usage, "is_byok", False) is True:  # with a key of the user's own, OpenRouter's cost is its fee alone
        upstream_usd = _amount((getattr(usage, "cost_details", None) or {}).get("upstream_inference_cost"))
        if upstream_usd is None:
            return
        cost_usd += upstream_usd
    call.cost(cost_usd, source="provider")


def _amount(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
