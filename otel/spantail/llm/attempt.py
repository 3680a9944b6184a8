"""`llm_call()`: opens one attempt of an LLM call, with what is known of it before it begins."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from spantail import attributes as keys
from spantail.llm.call import LlmCall
from spantail.values import any_text, is_said

if TYPE_CHECKING:
    from collections.abc import Mapping

# Who serves a backend unless the caller says otherwise.
_PROVIDER_OF_BACKEND: Final[Mapping[str, str]] = MappingProxyType(
    {
        "claude_cli": "anthropic",
        "anthropic": "anthropic",
        "langchain": "openai",
        "openai": "openai",
        "openrouter": "openrouter",
    }
)


def llm_call(
    *,
    backend: str,
    model: str,
    provider: str | None = None,
    operation: str = "chat",
    tier: str | None = None,
    attempt: int = 1,
    fallback_from: str | None = None,
    fallback_reason: str | None = None,
    stream: bool = False,
    prompt: object = None,
    input_tokens: int | None = None,
    max_tokens: int | None = None,
    reported: bool = False,
    attributes: Mapping[str, object] | None = None,
) -> LlmCall:
    """Open one attempt of an LLM call at one backend.

    When it ends, it is priced from its tokens unless `LlmCall.cost` was called, or marked `unpriced`.

    Inside of a `budget()`, what it may cost at most is reserved before it begins, from `prompt` (or `input_tokens`) and
    `max_tokens`. Where it does not fit, entering it raises `BudgetExceededError`, and its span ends as `skipped`.

    Args:
        backend: Who serves it: `claude_cli`, `langchain`, …; empty where it is not known.
        model: The model asked for; empty where it is not known.
        provider: Whose model it is, in the words of the GenAI conventions: `anthropic`, `openai`, … Known backends
            have a default.
        operation: `chat`, `embeddings`, …
        tier: The model tier asked for.
        attempt: Which attempt it is, from 1; written from the second on.
        fallback_from: The backend that it fell back from.
        fallback_reason: Why it did.
        stream: Whether the answer is streamed.
        prompt: What is sent, as `LlmCall.prompt` takes it; tools and the like may be in it, in a mapping.
        input_tokens: Most tokens of what is sent, where they are known better than from the bytes of `prompt`.
        max_tokens: Most tokens of the answer, reasoning included, as the backend is told; of all answers where there
            are several.
        reported: Whether somebody else makes the call, which is only told of here: budgets then book what it cost, and
            never refuse it.
        attributes: Further attributes of the span.

    Returns:
        A scope, for `with` or `async with`.
    """
    if provider is None and isinstance(backend, str):
        provider = _PROVIDER_OF_BACKEND.get(backend)
    own: dict[str, object] = {
        keys.BACKEND: backend if is_said(backend) else None,
        keys.GEN_AI_OPERATION_NAME: operation,
        keys.GEN_AI_PROVIDER_NAME: provider,
        keys.GEN_AI_REQUEST_MODEL: model if is_said(model) else None,
        keys.GEN_AI_REQUEST_STREAM: True if is_said(stream) else None,
        keys.GEN_AI_REQUEST_MAX_TOKENS: max_tokens,
        keys.TIER: tier,
        keys.ATTEMPT: attempt if _is_later(attempt) else None,
        keys.FALLBACK_FROM: fallback_from,
        keys.FALLBACK_REASON: fallback_reason,
    }
    return LlmCall(
        f"{any_text(operation)} {any_text(model)}".strip(),
        model=model,
        provider=provider,
        own=own,
        attributes=attributes,
        prompt=prompt,
        input_tokens=input_tokens,
        max_tokens=0 if max_tokens is None and _is_embedding(operation) else max_tokens,
        reported=reported,
    )


def _is_embedding(operation: object) -> bool:
    return isinstance(operation, str) and operation == "embeddings"


def _is_later(attempt: object) -> bool:
    try:
        return isinstance(attempt, int) and attempt > 1
    except Exception:
        return False
