"""What an LLM call costs: from tokens to US dollars, by the price table of genai-prices."""

from spantail.pricing.amounts import NANO, nano_usd, usd_of_nano
from spantail.pricing.model import STANDARD, NoRateError, Price, Terms, Tokens, Unpriced
from spantail.pricing.prices import preload, price

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
