"""From tokens to money: what an attempt cost by the price table of genai-prices.

Pure apart from loading the table, which lies in the genai-prices package: nothing here asks the network. Every
amount is rounded once, to whole nano-USD; the double that goes onto the span is the one nearest to that
integer, so that `round(cost_usd * 1e9)` gives the integer back.
"""

from __future__ import annotations

import os
import re
import threading
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

NANO: Final = 10**9
# A million dollars: no attempt costs that much, and well above it (2**51 nano-USD) `round(usd * 1e9)` could
# miss the integer, because the double's own rounding grows to one half.
_NANO_LIMIT: Final = 10**15

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

_STANDARD_TIERS: Final = frozenset({"", "standard", "default", "auto", "on_demand", "on-demand", "standard_only"})
_TIER_CONTEXT: Final = MappingProxyType(
    {
        "flex": ("service_tier", "flex"),
        "on_demand_flex": ("service_tier", "flex"),
        "priority": ("service_tier", "priority"),
        "on_demand_priority": ("service_tier", "priority"),
        "fast": ("service_tier", "fast"),
        "batch": ("processing", "batch"),
    }
)
_STANDARD_GEOS: Final = frozenset({"", "global", "not_available"})
_WORD: Final = re.compile(r"[a-z0-9_ -]{1,40}\Z")


class Tokens(NamedTuple):
    """The tokens of one attempt; None is "not known". Each but the first two is a part of `input` or `output`.

    `cache_write` includes `cache_write_1h`; `audio_cache_read` is a part of both `cache_read` and `audio_input`.
    """

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    cache_write_1h: int | None = None
    reasoning: int | None = None
    audio_input: int | None = None
    audio_output: int | None = None
    audio_cache_read: int | None = None
    image_input: int | None = None
    image_output: int | None = None
    image_cache_read: int | None = None
    video_input: int | None = None


class Terms(NamedTuple):
    """What a price depends on beside the tokens: how the call was served, and what was used by the piece.

    `service_tier`, `speed` and `geo` are the provider's words, None for its standard. `several` says that the tokens
    are the sum over several calls, so that a step in the prices cannot be told.
    """

    service_tier: str | None = None
    speed: str | None = None
    geo: str | None = None
    web_searches: int = 0
    file_searches: int = 0
    code_executions: int = 0
    several: bool = False


STANDARD: Final = Terms()


class Price(NamedTuple):
    """What an attempt cost, by which price table, and what that assumes (None = nothing)."""

    nano_usd: int
    version: str
    note: str | None = None


class Unpriced(NamedTuple):
    """Why nobody knows what an attempt cost, in words for a person."""

    note: str


class NoRateError(ValueError):
    """The model is known, but not what this call of it costs; the message says why."""


def nano_usd(usd: object) -> int | None:
    """Round an amount in USD to whole nano-USD (half to even).

    None for what is no amount: not a number, not finite, negative, a million dollars or more.
    """
    if isinstance(usd, bool) or not isinstance(usd, (int, float, Decimal)):
        return None
    try:
        # a float by its shortest form: 0.0041 is what was meant, not 0.00410000000000000025
        exact = usd if isinstance(usd, Decimal) else Decimal(repr(usd))
        if not exact.is_finite() or exact < 0 or exact >= _NANO_LIMIT // NANO:
            return None
        return round(exact * NANO)  # half to even
    except (InvalidOperation, ValueError):
        return None


def usd_of_nano(nano: int) -> float:
    """Return the double nearest to `nano` nano-USD; `round(usd * 1e9)` is `nano` again up to 10**15."""
    return nano / NANO


def price(
    tokens: Tokens,
    models: Sequence[str],
    provider: str | None = None,
    terms: Terms = STANDARD,
    at: float | None = None,
) -> Price | Unpriced:
    """Price the tokens of one attempt, under the terms it was served.

    `models` are the names the model goes by, the most exact first; the first that the table knows counts.
    `provider` is in the words of the GenAI conventions; without one the model's name decides. With one, its
    own prices or none: what somebody serves himself under a known name does not cost what its maker charges.
    `at` is when the call began, in seconds since 1970, for prices that changed; None for now.

    `Unpriced` when the price is not known: a model or provider that is not in the table, a token count missing that
    the model has a price for, tokens or terms that the table has no rate for. Never raises.
    """
    if tokens.input is None:
        return Unpriced("the number of input tokens is not known")
    try:
        from spantail.pricing import table as price_table  # noqa: PLC0415 - takes 400 ms, see preload()

        table = price_table.present()
    except Exception:
        return Unpriced("the price table could not be loaded")
    try:
        context = () if terms is STANDARD else _context(terms)
        counts = _counts(tokens, terms)
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


def _context(terms: Terms) -> tuple[tuple[str, str], ...]:
    """Return the terms that change the rates in the words of genai-prices; `NoRateError` where it has none."""
    found = []
    tier = (terms.service_tier or "").strip().lower()
    if tier not in _STANDARD_TIERS:
        if tier not in _TIER_CONTEXT:
            raise NoRateError(no_price_for(f"{tier} tier" if _WORD.match(tier) else "this service tier"))
        found.append(_TIER_CONTEXT[tier])
    speed = (terms.speed or "").strip().lower()
    if speed not in {"", "standard", "normal"}:
        if speed != "fast":
            raise NoRateError(no_price_for("this speed"))
        found.append(("speed", "fast"))
    geo = (terms.geo or "").strip().lower()
    if geo not in _STANDARD_GEOS:
        raise NoRateError(no_price_for(f"inference geo {geo}" if _WORD.match(geo) else "this inference geo"))
    return tuple(found)


def no_price_for(what: str) -> str:
    """The note of a call that cannot be priced because of one thing."""
    return f"{what}: no price known"


def _counts(tokens: Tokens, terms: Terms) -> tuple[int, ...]:
    """Return each token in one count alone, in the order of `price_table.KINDS`; -1 where a share is not known."""
    told, output = tokens.input or 0, tokens.output
    read, write, write_1h = tokens.cache_read or 0, tokens.cache_write or 0, tokens.cache_write_1h or 0
    fresh, rest = told - read - write, output or 0
    media = _NO_MEDIA
    audio_out = image_out = reasoning = -1 if output else 0
    if tokens[5:] != _ONLY_TEXT:
        media = _media(tokens)
        fresh -= media[0] + media[2] + media[4]
        read -= media[1] + media[3]
        if tokens.audio_output is not None:
            audio_out = tokens.audio_output
            rest -= audio_out
        if tokens.image_output is not None:
            image_out = tokens.image_output
            rest -= image_out
        if tokens.reasoning is not None:
            reasoning = tokens.reasoning
            if not 0 <= reasoning <= (output or 0):
                raise NoRateError("the reasoning tokens are more than the output")
        if min(audio_out, image_out) < -1 or min(media) < 0:
            raise NoRateError("the parts of audio and images are more than the whole")
        if rest < 0:
            raise NoRateError("the audio and image tokens are more than the output")
    if fresh < 0 or read < 0 or write < write_1h or write_1h < 0:
        # no counts; or the cached ones were told apart from the input, against the conventions: which share is
        # which is unknown
        raise NoRateError("the parts of the input are more than the input")
    if rest < 0:
        raise NoRateError("the parts of the output are more than the output")
    return (
        fresh, read, write - write_1h, write_1h, *media, -1 if output is None else rest, audio_out, image_out,
        terms.web_searches, terms.file_searches, terms.code_executions, reasoning,
    )  # fmt: skip


_ONLY_TEXT: Final = (None,) * 8  # the counts of `Tokens` after those of the cache
_NO_MEDIA: Final[tuple[int, ...]] = (0,) * 5


def _media(tokens: Tokens) -> tuple[int, ...]:
    """Return the input of other kinds than text: audio, cached audio, images, cached images, video."""
    audio, audio_read = tokens.audio_input or 0, tokens.audio_cache_read or 0
    image, image_read = tokens.image_input or 0, tokens.image_cache_read or 0
    if tokens.cache_read and (
        (audio and tokens.audio_cache_read is None) or (image and tokens.image_cache_read is None)
    ):
        raise NoRateError("how many of the cached tokens are audio or images is not known")
    return audio - audio_read, audio_read, image - image_read, image_read, tokens.video_input or 0


def preload() -> None:
    """Begin to load the price table on a thread of its own; returns at once, further calls do nothing."""
    if not _preload_begun.acquire(blocking=False):  # never released: once per process
        return
    thread = threading.Thread(target=_load, name="spantail-prices", daemon=True)
    try:
        thread.start()
    except RuntimeError:  # the interpreter is going down; price() loads the table itself if it still needs to
        return
    if hasattr(os, "register_at_fork"):
        # A child forked in the middle would find the module's import lock held by a thread it does not have.
        os.register_at_fork(before=lambda: thread.join(_LOAD_LIMIT_S))


_preload_begun: Final = threading.Lock()


def _load() -> None:
    # one look-up, because importing alone leaves the table's own module for the first call
    price(Tokens(input=1, output=1), ["gpt-4o-mini"], "openai")
