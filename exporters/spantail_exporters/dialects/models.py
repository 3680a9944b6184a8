"""Who served which model, for the price list: the names that libraries write, brought to its own. Pure."""

from __future__ import annotations

from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from spantail import attributes as key
from spantail_exporters.dialects.values import APIS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "open_ai": "openai",
        "oai": "openai",
        "x.ai": "x-ai",
        "claude": "anthropic",
        "claude_code": "anthropic",
        "together.ai": "together",
        "togetherai": "together",
        "fireworksai": "fireworks",
        "fireworks-ai": "fireworks",
        "perplexity.ai": "perplexity",
        "perplexity-ai": "perplexity",
        "pplx": "perplexity",
        "chatgroq": "groq",
        # anybody may serve an API like OpenAI's
        "openai-compatible": "compatible",
        "openai_compatible": "compatible",
        "openai_like": "compatible",
        "openai-like": "compatible",
        "openailike": "compatible",
    }
)
_ROUTERS: Final = frozenset({"litellm", "litellm_proxy", "crewai", "dspy", "gateway", "vercel"})
"""They write the provider before the model: "anthropic/claude-haiku-4-5" (LiteLLM; Vercel's AI Gateway)."""

_BEFORE_MODELS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "openai": "openai", "anthropic": "anthropic", "azure": "azure", "azure_ai": "azure", "bedrock": "aws",
        "gemini": "google", "google": "google", "vertex_ai": "google", "vertex": "google", "groq": "groq",
        "mistral": "mistral", "cohere": "cohere", "xai": "x-ai", "deepseek": "deepseek", "openrouter": "openrouter",
        "perplexity": "perplexity", "together_ai": "together", "fireworks_ai": "fireworks",
    }
)  # fmt: skip
_WITHOUT_PROVIDER: Final = frozenset({"openai", "anthropic", "azure", "bedrock", "gemini", "vertex_ai", "groq"})
"""Those of them that say who serves the model also where no provider is stated: LiteLLM's, and no maker's at OpenRouter
that has another price there."""

_PLACES: Final = ("models/", "publishers/", "projects/")  # Gemini API, Vertex AI: the model's name is the last part


def served(attributes: dict[str, Any]) -> tuple[str | None, Sequence[str]]:
    """The provider, None = not told, and the names of the model, those that answered before those asked for."""
    names = (key.GEN_AI_PROVIDER_NAME, key.GEN_AI_RESPONSE_MODEL, key.GEN_AI_REQUEST_MODEL)
    return _served(*(stated if isinstance(stated := attributes.get(name), str) and stated else None for name in names))


@lru_cache(1_024)
def _served(provider: str | None, answered: str | None, asked: str | None) -> tuple[str | None, Sequence[str]]:
    models = [model for model in (answered, asked) if model is not None]  # what answered is what is billed
    if provider is not None:
        lower = provider.strip().lower()
        if "bedrock" in lower:
            models.reverse()  # the request names the region or the global endpoint, which the answer leaves out
        base = next((lower.removesuffix(api) for api in APIS if lower.endswith(api)), lower)
        provider = _ALIASES.get(base, base if base != lower and "." not in base and "-" not in base else provider)
    if models and (provider is None or provider.lower() in _ROUTERS):
        before, _, model = models[-1].partition("/")
        if model and before in (_WITHOUT_PROVIDER if provider is None else _BEFORE_MODELS):
            return _BEFORE_MODELS[before], (model,)
    return provider, (*models, *(model.rpartition("/")[2] for model in models if model.startswith(_PLACES)))
