"""Every LLM backend that the service has, made from its settings.

A new backend is a folder beside this file with a class that fits `LlmBackend`, a line in `_backends`, and its name in
`settings.llm.LLM_BACKENDS`.
"""

from __future__ import annotations

import tempfile
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from spantail_service.llm.anthropic.backend import MODELS as ANTHROPIC_MODELS
from spantail_service.llm.anthropic.backend import Anthropic
from spantail_service.llm.base import models_by_tier
from spantail_service.llm.breaker.shared import BreakerRules, SharedBreaker
from spantail_service.llm.chain import LlmChain
from spantail_service.llm.claude_cli.backend import ClaudeCli
from spantail_service.llm.gates import AlwaysClosed, Breaker, Limits, Unlimited
from spantail_service.llm.langchain.backend import LangChain
from spantail_service.llm.langchain.embeddings import LangChainEmbedder
from spantail_service.llm.langchain.library import OpenAiLibrary
from spantail_service.llm.openrouter.backend import MODELS as OPENROUTER_MODELS
from spantail_service.llm.openrouter.backend import OpenRouter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from redis.asyncio import Redis

    from spantail_service.llm.base import Embedder, LlmBackend, Tier
    from spantail_service.settings import LlmSettings


# Beyond the time that an attempt may take: for ending it, and for budgets.
_TRIAL_MARGIN_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class Llm:
    """What operations ask: a chain for answers, an embedder for vectors."""

    chain: LlmChain
    embedder: Embedder


@asynccontextmanager
async def open_llm(
    settings: LlmSettings, *, demo: bool, redis: Redis | None = None, limits: Limits | None = None
) -> AsyncIterator[Llm]:
    """The backends of a process, for the time of its life; opening them reaches nothing outside.

    Args:
        settings: The part of the settings that is about LLM backends.
        demo: Keep the user's own logins out.
        redis: Where the circuit breaker is shared; without it there is none.
        limits: Budgets; without them there are none.
    """
    library = OpenAiLibrary.from_settings(settings)
    with tempfile.TemporaryDirectory(prefix="spantail-", ignore_cleanup_errors=True) as scratch:
        backends = _backends(settings, library, Path(scratch), demo=demo)
        try:
            yield Llm(
                LlmChain(
                    backends,
                    concurrency=settings.llm_concurrency,
                    timeout_s=settings.llm_timeout_s,
                    max_wait_s=settings.llm_retry_after_s,
                    breaker=_breaker(settings, redis),
                    limits=limits or Unlimited(),
                ),
                LangChainEmbedder(
                    library, model=settings.embedding_model, timeout_s=settings.llm_timeout_s, limits=limits
                ),
            )
        finally:
            for backend in backends:
                if isinstance(backend, OpenRouter):
                    await backend.close()
            await library.close()


def _breaker(settings: LlmSettings, redis: Redis | None) -> Breaker:
    if redis is None:
        return AlwaysClosed()
    rules = BreakerRules(
        failures=settings.llm_breaker_failures,
        open_s=settings.llm_breaker_open_s,
        missing_s=settings.llm_missing_s,
        trial_s=settings.llm_timeout_s + _TRIAL_MARGIN_S,
        max_wait_s=settings.llm_retry_after_s,
    )
    return SharedBreaker(redis, rules)


def _backends(settings: LlmSettings, library: OpenAiLibrary, scratch: Path, *, demo: bool) -> list[LlmBackend]:
    """The backends in the order in which they are tried."""

    def models_of(name: str, usual: Mapping[Tier, str]) -> Mapping[Tier, str]:
        return {tier: settings.model_named(name, tier) or model for tier, model in usual.items()}

    claude = models_by_tier(settings.claude_model, settings.claude_small_model)
    fallback = models_by_tier(settings.fallback_model, settings.fallback_small_model)
    make: Mapping[str, Callable[[], LlmBackend]] = {
        "claude_cli": lambda: ClaudeCli.from_settings(settings, models_of("claude_cli", claude), scratch, demo=demo),
        "langchain": lambda: LangChain(library, models=models_of("langchain", fallback)),
        "openai": lambda: LangChain(library, models=models_of("openai", fallback), name="openai"),
        "anthropic": lambda: Anthropic.from_settings(settings, models_of("anthropic", ANTHROPIC_MODELS)),
        "openrouter": lambda: OpenRouter.from_settings(settings, models_of("openrouter", OPENROUTER_MODELS)),
    }
    return [make[name]() for name in settings.llm_backends]
