"""Readers of attribute values: from what a library wrote to what it means; None where it means nothing. Pure."""

from __future__ import annotations

import math
import re
from typing import Any, Final

import orjson

_MOST_JSON: Final = 1_000_000  # characters; to read a longer text would take too much time for each span
_MOST_COUNT: Final = 10**12
_MOST_DIGITS: Final = 13
_AMOUNT: Final = re.compile(r"\$?\s?((?:\d{1,12}(?:\.\d{0,30})?|\.\d{1,30})(?:[eE][+-]?\d{1,2})?)\Z")


def word(value: object) -> str:
    """A word of a vocabulary, in lower case; MLflow writes it as JSON, with quotes."""
    return value.strip('"').lower() if isinstance(value, str) else ""


def text(value: object) -> str | None:
    """A text that is not empty."""
    if not isinstance(value, str):
        return None
    return (value.strip('"') if value.startswith('"') else value) or None


APIS: Final = (
    ".chat", ".responses", ".completion", ".messages", ".embedding", ".image", ".speech", ".transcription",
    ".reranking",
)  # fmt: skip
"""What the Vercel AI SDK writes behind a provider's name."""


def provider(value: object) -> str | None:
    """A provider, without the API of it: one that is asked by two of its APIs is still one."""
    stated = text(value)
    return next((stated.removesuffix(api) for api in APIS if stated.endswith(api)), stated) if stated else None


def count(value: object) -> int | None:
    """A number of tokens; Spring AI writes it as text."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        value = int(value) if value.isascii() and value.isdecimal() and len(value) <= _MOST_DIGITS else None
    if isinstance(value, float):
        value = int(value) if value.is_integer() else None
    return value if isinstance(value, int) and 0 <= value <= _MOST_COUNT else None


def usd(value: object) -> float | None:
    """An amount of money; Vercel's AI Gateway writes it as text."""
    if isinstance(value, str):
        stated = _AMOUNT.match(value)
        value = float(stated[1]) if stated else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and value >= 0 else None


def yes_or_no(value: object) -> bool | None:
    """A flag."""
    return value if isinstance(value, bool) else None


def seconds(value: object) -> float | None:
    """Seconds."""
    return None if isinstance(value, str) else usd(value)


def seconds_of_ms(value: object) -> float | None:
    """Seconds, from milliseconds."""
    amount = usd(value)
    return None if amount is None else amount / 1000


def mapping(value: object) -> dict[str, Any]:
    """A JSON object, given as text or as a map; empty when it is none."""
    if isinstance(value, str) and value.startswith("{") and len(value) <= _MOST_JSON:
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            return {}
    return value if isinstance(value, dict) else {}
