"""Attribute values as JSON can say them, measured and cut in bytes of UTF-8. Pure."""

from __future__ import annotations

import base64
import math
from typing import Any


def json_float(value: float) -> float | str:
    """Return a float that JSON can say; what it cannot becomes `NaN`, `Infinity` or `-Infinity` as text."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def bytes_as_text(value: bytes) -> str:
    """Return bytes as the text they are, else as `base64:…`."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return "base64:" + base64.b64encode(value).decode("ascii")


def json_size(value: Any) -> int:
    """Estimate the bytes of a JSON value; exact for text."""
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode())
    if isinstance(value, dict):
        return sum(json_size(key) + json_size(item) + 4 for key, item in value.items()) + 2
    if isinstance(value, list):
        return sum(json_size(item) + 1 for item in value) + 2
    return 8


def cut_text(text: str, limit: int, size: int) -> str:
    """Cut `text` to `limit` bytes of UTF-8, with a mark that names `size`, the bytes there were."""
    cut = text.encode()[:limit].decode(errors="ignore")
    return f"{cut}…[truncated {size:,} → {len(cut.encode()):,} bytes]"
