"""From tokens to money: what an attempt cost by the price table of genai-prices.

Pure apart from loading the table, which lies in the genai-prices package: nothing here asks the network.
"""

from __future__ import annotations

import os
import threading
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from spantail.pricing.amounts import nano_usd
from spantail.pricing.kinds import counts_of
from spantail.pricing.model import STANDARD, NoRateError, Price, Terms, Tokens, Unpriced
from spantail.pricing.terms import context_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_LOAD_LIMIT_S: Final = 10.0

# Provider names of the GenAI conventions and of libraries that genai-prices does not know.
_PRICE_PROVIDER: Final[Mapping[str, str]] = MappingProxyType(
    {
        "x_ai": "x-ai",
        "xai": "x-ai",
        "xai.chat": "x-ai",
        "xai.responses": "x-ai",
        "mistral_ai": "mistral",
        "mistralai": "mistral",
        "gcp.gemini": "google",
        "gcp.vertex_ai": "google",
        "gcp.gen_ai": "google",
        "aws.bedrock": "aws",
        "azure.ai.openai": "azure",
        "azure.ai.inference": "azure",
        "azure-openai.chat": "azure",
        "azure-openai.responses": "azure",
        "azure.chat": "azure",
        "azure.responses": "azure",
        "az.ai.inference": "azure",
        "az.ai.openai": "azure",
        "groq.chat": "groq",
        "deepseek.chat": "deepseek",
        "perplexity.chat": "perplexity",
        "fireworks_ai": "fireworks",
        "together_ai": "together",
    }
)

_FRAMEWORKS: Final = frozenset(
    {"strands-agents", "langchain", "llama_index", "crewai", "agno", "autogen", "haystack", "litellm", "pydantic-ai",
     "microsoft.agent_framework", "semantic_kernel", "spring_ai", "ag2", "mastra"}
)  # fmt: skip
"""Frameworks that write their own name where the provider's belongs: there the model's name decides."""

_OPENAI_EMBEDDINGS: Final = "text-embedding-"  # genai-prices does not know the maker by the model's name


def price(
    tokens: Tokens,
    models: Sequence[str],
    provider: str | None = None,
    terms: Terms = STANDARD,
    at: float | None = None,
) -> Price | Unpriced:
    """Price the tokens of one attempt, under the terms it was served.

    Never raises.

    Args:
        tokens: How many tokens it used.
        models: The names the model goes by, the most exact first; the first that the table knows counts.
        provider: The provider, in the words of the GenAI conventions; without one the model's name decides. With
            one, its own prices or none: a model that somebody runs himself does not cost what its maker charges.
        terms: The terms it was served under.
        at: When the call began, in seconds since 1970, for prices that changed; None for now.

    Returns:
        The price, or `Unpriced` when it is not known: a model or provider that is not in the table, a token count
        missing that the model has a price for, tokens or terms that the table has no rate for.
    """
    if tokens.input is None:
        return Unpriced("the number of input tokens is not known")
    try:
        from spantail.pricing import table as price_table  # noqa: PLC0415 - takes 400 ms, see preload()

        table = price_table.present()
    except Exception:
        return Unpriced("the price table could not be loaded")
    try:
        context = () if terms is STANDARD else context_of(terms)
        counts = counts_of(tokens, terms)
        provider_id = _PRICE_PROVIDER.get(provider, provider) if provider else None
        if provider_id in _FRAMEWORKS:
            provider_id = None
        for model in _names(models, provider_id):
            maker = provider_id or ("openai" if model.startswith(_OPENAI_EMBEDDINGS) else None)
            quote = table.quote(counts, model, maker, context, several=terms.several, at=at)
            if quote is not None:
                amount = nano_usd(quote.usd)
                if amount is None:
                    return Unpriced("the price table gives no amount for this call")
                return Price(amount, table.version, quote.note)
    except NoRateError as why:
        return Unpriced(str(why))
    except Exception:
        return Unpriced("the price table has no rule for this usage")
    return Unpriced("no price known for this model" + (" from this provider" if provider else ""))


def _names(models: Sequence[str], provider: str | None) -> Iterator[str]:
    """Return the names to look for: LiteLLM puts the provider before the model, "anthropic/claude-haiku-4-5"."""
    for model in models:
        yield model
        if provider is not None and model.startswith(f"{provider}/"):
            yield model[len(provider) + 1 :]


def preload() -> None:
    """Begin to load the price table on a thread of its own, which takes some 400 ms; further calls do nothing.

    A fork waits for that thread, at most 10 s, and so does the end of the process.
    """
    if not _preload_begun.acquire(blocking=False):  # never released: once per process
        return
    # no daemon: the interpreter ends those where they are, and within pydantic's compiled code that aborts the process
    thread = threading.Thread(target=_load, name="spantail-prices", daemon=False)
    try:
        thread.start()
    except RuntimeError:  # the interpreter is shutting down; price() loads the table itself if it still needs to
        return
    if hasattr(os, "register_at_fork"):
        # A child forked in the middle would find the module's import lock held by a thread it does not have.
        os.register_at_fork(before=lambda: thread.join(_LOAD_LIMIT_S))


_preload_begun: Final = threading.Lock()


def _load() -> None:
    # one look-up, because importing alone leaves the table's own module for the first call
    price(Tokens(input=1, output=1), ["gpt-4o-mini"], "openai")
