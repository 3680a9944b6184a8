"""Attribute values as JSON can say them, measured and cut in bytes of UTF-8. Pure.

JSON has no bytes, no NaN and no infinities. They are written as text, and what they are stands beside them, by the
attribute's name: `bytes` (base64, RFC 4648 section 4) or `double` (`NaN`, `Infinity`, `-Infinity`). Of a list or a map
it is a map of the same, by index or key: `{"samples": {"3": "double"}}`.
"""

from __future__ import annotations

import base64
import binascii
import math
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

BYTES: Final = "bytes"
DOUBLE: Final = "double"
_DOUBLES: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}

ValueType = str | dict[str, Any]
"""Of a value that JSON cannot say: `bytes`, `double`, or a map of such by index or key."""


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


def type_of(value: Any) -> ValueType | None:
    """Return what JSON does not say of a value of plain types; None when it says it all."""
    if isinstance(value, bytes):
        return BYTES
    if isinstance(value, float):
        return None if math.isfinite(value) else DOUBLE
    if isinstance(value, dict):
        return {key: found for key, item in value.items() if (found := type_of(item))} or None
    if isinstance(value, list):
        return {str(at): found for at, item in enumerate(value) if (found := type_of(item))} or None
    return None


def as_json(value: Any, *, readable: bool = False) -> Any:
    """Return a value as JSON says it.

    Args:
        value: A value of plain types.
        readable: Whether bytes become the text that they are, see `bytes_as_text`; else they become base64.
    """
    if isinstance(value, bytes):
        return bytes_as_text(value) if readable else base64.b64encode(value).decode("ascii")
    if isinstance(value, float):
        return json_float(value)
    if isinstance(value, dict):
        return {key: as_json(item, readable=readable) for key, item in value.items()}
    if isinstance(value, list):
        return [as_json(item, readable=readable) for item in value]
    return value


def as_sent(value: Any, kind: object) -> Any:
    """Return what a JSON value stands for; one that is not of the type `kind` stands for itself.

    Args:
        value: A JSON value.
        kind: A `ValueType`, or anything else from an untrusted event.
    """
    if isinstance(kind, dict):
        if isinstance(value, dict):
            return {key: as_sent(item, kind.get(key)) for key, item in value.items()}
        if isinstance(value, list):
            return [as_sent(item, kind.get(str(at))) for at, item in enumerate(value)]
    elif isinstance(value, str):
        if kind == DOUBLE:
            return _DOUBLES.get(value, value)
        if kind == BYTES:
            try:
                return base64.b64decode(value, validate=True)
            except (binascii.Error, ValueError):
                return value
    return value


def all_as_sent(attributes: Mapping[str, Any], types: object) -> dict[str, Any]:
    """Return attributes with the values that their JSON stands for; `types` is by name, see `as_sent`."""
    if not types or not isinstance(types, dict):
        return dict(attributes)
    return {name: as_sent(value, types.get(name)) for name, value in attributes.items()}


def json_size(value: Any) -> int:
    """Estimate the size of a JSON value in bytes; exact for text."""
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode())
    if isinstance(value, bytes):
        return len(value)
    if isinstance(value, dict):
        return sum(json_size(key) + json_size(item) + 4 for key, item in value.items()) + 2
    if isinstance(value, list):
        return sum(json_size(item) + 1 for item in value) + 2
    return 8


def cut_text(text: str, limit: int, size: int) -> str:
    """Cut a text, with a mark at its end.

    Args:
        text: The text.
        limit: How many bytes of UTF-8 are kept, the mark not included.
        size: How many bytes there were, which the mark names.
    """
    cut = text.encode()[:limit].decode(errors="ignore")
    return f"{cut}…[truncated {size:,} → {len(cut.encode()):,} bytes]"
