"""LangChain's OpenAIEmbeddings, with the usage that LangChain throws away."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from spantail import BudgetError, LlmCall, llm_call
from spantail_service.llm.base import UNBILLED, BackendError, BudgetRefusedError, Message
from spantail_service.llm.gates import Hold, Limits, Unlimited
from spantail_service.llm.prompt_size import most_input_tokens
from spantail_service.llm.sdk_errors import as_backend_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_openai import OpenAIEmbeddings

    from spantail_service.llm.langchain.library import OpenAiLibrary


class _Reading:
    """What the requests of one call have read: LangChain makes one for each thousand texts."""

    def __init__(self, call: LlmCall) -> None:
        self._call = call
        self._tokens = 0

    def add(self, response: Any) -> None:
        """Report a response."""
        usage = getattr(response, "usage", None)
        if usage is not None:
            self._tokens += usage.prompt_tokens
            self._call.usage(input_tokens=self._tokens)
            self._call.response(model=getattr(response, "model", None))


_current: ContextVar[_Reading | None] = ContextVar("spantail_embedding_call", default=None)


class LangChainEmbedder:
    """Turns texts into vectors; each call is an `llm_call` span with operation `embeddings`.

    Args:
        library: The library that speaks to the API.
        model: Which model.
        timeout_s: Seconds that a call may take.
        limits: Budgets; without them there are none.
    """

    def __init__(self, library: OpenAiLibrary, *, model: str, timeout_s: float, limits: Limits | None = None) -> None:
        self._library = library
        self._limits = limits or Unlimited()
        self._timeout_s = timeout_s
        self._client: OpenAIEmbeddings | None = None
        self.model = model

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector per text, in order.

        Raises:
            BackendError: The API gave no usable answer.
        """
        await self._library.load()
        asked: list[Message] = [{"role": "user", "content": text} for text in texts]
        call = llm_call(
            backend="langchain",
            model=self.model,
            provider="openai",
            operation="embeddings",
            tier="low",
            input_tokens=most_input_tokens("langchain", asked),
        )
        async with AsyncExitStack() as gates:
            try:
                hold = await gates.enter_async_context(
                    self._limits.hold(
                        backend="langchain", provider="openai", model=self.model, messages=asked, max_tokens=0
                    )
                )
            except BackendError as refused:
                with call as span:
                    span.skip(f"{refused.reason}: {refused}")
                raise
            return await self._held(texts, call, hold)

    async def _held(self, texts: Sequence[str], call: LlmCall, hold: Hold) -> list[list[float]]:
        try:
            vectors = await self._embed(texts, call)
        except BudgetError as refused:  # of a `spantail.budget()` around: nothing was sent
            hold.settle(0)
            raise BudgetRefusedError(refused) from None
        except BackendError as error:
            hold.settle(0 if call.cost_nano is None and error.reason in UNBILLED else call.cost_nano)
            raise
        hold.settle(call.cost_nano)
        return vectors

    async def _embed(self, texts: Sequence[str], scope: LlmCall) -> list[list[float]]:
        with scope as call:
            token = _current.set(_Reading(call))
            try:
                async with asyncio.timeout(self._timeout_s):
                    vectors = await self._embeddings().aembed_documents(list(texts))
            except TimeoutError as error:
                raise BackendError("timeout", f"no embeddings within {self._timeout_s:g} s") from error
            except Exception as error:
                known = as_backend_error(error, "openai")
                if known is None:
                    raise
                raise known from error
            finally:
                _current.reset(token)
            if len(vectors) != len(texts):
                raise BackendError("bad_response", f"{len(vectors)} vectors for {len(texts)} texts")
            return vectors

    def _embeddings(self) -> OpenAIEmbeddings:
        if self._client is None:
            from langchain_openai import OpenAIEmbeddings

            # Without this the client would download a tokenizer from the internet to count with.
            client = OpenAIEmbeddings(model=self.model, check_embedding_ctx_length=False, **self._library.options())
            client.async_client = _Metered(client.async_client)
            self._client = client
        return self._client


class _Metered:
    """Wraps the OpenAI client inside of LangChain's, which returns vectors and drops the usage."""

    def __init__(self, client: Any) -> None:
        self._client = client

    async def create(self, **request: Any) -> Any:
        response = await self._client.create(**request)
        reading = _current.get()
        if reading is not None:
            reading.add(response)
        return response
