"""From tokens to money: what an attempt cost by the price table of genai-prices.

Pure apart from loading the table, which lies in the genai-prices package: nothing here asks the network. Every
amount is rounded once, to whole nano-USD; the double that goes onto the span is the one nearest to that
integer, so that `round(cost_usd * 1e9)` gives the integer back.
"""

from __future__ import annotations

import os
import threading
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from genai_prices.types import ModelPrice

NANO: Final = 10**9
# A million dollars: no attempt costs that much, and well above it (2**51 nano-USD) `round(usd * 1e9)` could
# miss the integer, because the double's own rounding grows to one half.
_NANO_LIMIT: Final = 10**15

_LOAD_LIMIT_S: Final = 10.0

# Provider names of the GenAI conventions that genai-prices does not know.
_PRICE_PROVIDER: Final[Mapping[str, str]] = MappingProxyType(
    {
        "x_ai": "x-ai",
        "xai": "x-ai",
        "mistral_ai": "mistral",
        "gcp.gemini": "google",
        "gcp.vertex_ai": "google",
        "gcp.gen_ai": "google",
        "aws.bedrock": "aws",
        "azure.ai.openai": "azure",
        "azure.ai.inference": "azure",
    }
)


class Tokens(NamedTuple):
    """The tokens of one attempt; None is "not known". `input` includes the cached, `output` the reasoning ones."""

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None


class Price(NamedTuple):
    """What an attempt cost, and by which price table."""

    nano_usd: int
    version: str


def nano_usd(usd: object) -> int | None:
    """Round an amount in USD to whole nano-USD (half to even).

    None for what is no amount: not a number, not finite, negative, a million dollars or more.
    """
    if isinstance(usd, bool) or not isinstance(usd, int | float | Decimal):
        return None
    try:
        # a float by its shortest form: 0.0041 is what was meant, not 0.00410000000000000025
        exact = usd if isinstance(usd, Decimal) else Decimal(repr(usd))
        if not exact.is_finite() or exact < 0 or exact >= _NANO_LIMIT // NANO:
            return None
        return int((exact * NANO).to_integral_value(ROUND_HALF_EVEN))
    except (InvalidOperation, ValueError):
        return None


def usd_of_nano(nano: int) -> float:
    """Return the double nearest to `nano` nano-USD; `round(usd * 1e9)` is `nano` again up to 10**15."""
    return nano / NANO


def price(tokens: Tokens, models: Sequence[str], provider: str | None = None) -> Price | None:
    """Price the tokens of one attempt.

    `models` are the names the model goes by, the most exact first; the first that the table knows counts.
    `provider` is in the words of the GenAI conventions; without one the model's name decides. With one, its
    own prices or none: what somebody serves himself under a known name does not cost what its maker charges.

    None when the price is not known: a model or provider that is not in the table, or a token count missing
    that the model has a price for. Never raises.
    """
    if tokens.input is None:
        return None
    cache_read, cache_write, output = tokens.cache_read or 0, tokens.cache_write or 0, tokens.output or 0
    fresh = tokens.input - cache_read - cache_write
    if min(fresh, cache_read, cache_write, output) < 0:
        # no counts; or the cached ones were told apart from the input, against the conventions: which share is
        # which is unknown
        return None
    try:
        from spantail import price_table  # noqa: PLC0415 - takes 400 ms, see preload()

        table = price_table.present()
    except Exception:
        return None
    counts = price_table.Counts(fresh, output, cache_read, cache_write)
    provider_id = _PRICE_PROVIDER.get(provider, provider) if provider else None
    for model in models:
        try:
            quote = table.quote(counts, model, provider_id)
            amount = nano_usd(quote.usd) if quote is not None and _covers(quote.prices, tokens) else None
        except Exception:  # noqa: S112 - ValueError: no rule for this usage
            continue
        if amount is not None:
            return Price(amount, table.version)
    return None


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


def _covers(prices: ModelPrice, tokens: Tokens) -> bool:
    """Tell whether the table has a price for each kind of token told, and a count for each price it has.

    A model without an input price would come out at $0, and one whose answer was not counted too cheap.
    """
    if prices.input_mtok is None:
        return False
    has_output_price = prices.output_mtok is not None
    return has_output_price == (tokens.output is not None) or tokens.output == 0
