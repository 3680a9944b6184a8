"""The terms of a call, such as its service tier, in the words of genai-prices."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from spantail.pricing.model import NoRateError, no_price_for

if TYPE_CHECKING:
    from spantail.pricing.model import Terms

Context = tuple[tuple[str, str], ...]
"""What changes the rates: `(("service_tier", "flex"),)`."""

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


def context_of(terms: Terms) -> tuple[tuple[str, str], ...]:
    """Return the terms that change the rates, in the words of genai-prices.

    Raises:
        NoRateError: genai-prices has no word for a term.
    """
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


def in_words(context: Context) -> str:
    """Return the terms in words for a person: `flex tier with fast mode`."""
    words = {"service_tier": "{} tier", "speed": "{} mode", "processing": "{} tier"}
    return " with ".join(words[name].format(value) for name, value in context)
