"""What an LLM call costs: from tokens to US dollars, by the price table of genai-prices."""

from spantail.pricing.prices import (
    NANO,
    STANDARD,
    NoRateError,
    Price,
    Terms,
    Tokens,
    Unpriced,
    nano_usd,
    preload,
    price,
    usd_of_nano,
)

__all__ = [
    "NANO",
    "STANDARD",
    "NoRateError",
    "Price",
    "Terms",
    "Tokens",
    "Unpriced",
    "nano_usd",
    "preload",
    "price",
    "usd_of_nano",
]
