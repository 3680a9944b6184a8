"""Legal attribute values, made of whatever the caller has.

An attribute that an exporter cannot encode loses the whole batch it travels in (an integer beyond 64 bits and
a lone surrogate do so in OTLP), so values are made legal where they are set.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal
from enum import Enum
from itertools import islice
from typing import TYPE_CHECKING, Final

from spantail.trouble import report_trouble

if TYPE_CHECKING:
    from opentelemetry.util.types import AnyValue

_INT64_MIN: Final = -(2**63)
_INT64_MAX: Final = 2**63 - 1
_DEPTH_LIMIT: Final = 8
_ITEM_LIMIT: Final = 1_000
_NODE_LIMIT: Final = 10_000


def legal_text(value: str) -> str:
    """Return `value` fit for UTF-8: surrogate pairs are joined, lone ones become U+FFFD."""
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return value


def legal_value(value: object) -> AnyValue:
    """Return `value` as something every exporter can encode.

    Strings, booleans, 64-bit integers, floats, bytes, sequences and mappings stay what they are; a `Decimal`
    becomes a float, an enum its value, a set a list, a larger integer and anything else its `str()`. Nesting ends
    at 8 levels, a container at 1,000 items, the whole at 10,000. None stays None, which means "not known": do not
    set it.

    Raises:
        Exception: Whatever the value's own `__str__` or iteration raises.
    """
    return _legal(value, 0, [_NODE_LIMIT])


def _legal(value: object, depth: int, left: list[int]) -> AnyValue:
    if isinstance(value, Enum):
        value = value.value
    if value is None or isinstance(value, bool | bytes):
        return value
    if isinstance(value, str):
        return legal_text(value)
    if isinstance(value, int):
        return int(value) if _INT64_MIN <= value <= _INT64_MAX else str(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, Decimal):
        return float(value) if value.is_finite() else math.nan
    if isinstance(value, Mapping | Sequence | AbstractSet):
        return _legal_container(value, depth + 1, left) if depth < _DEPTH_LIMIT else "…"
    return legal_text(str(value))


def _legal_container(
    value: Mapping[object, object] | Sequence[object] | AbstractSet[object], depth: int, left: list[int]
) -> AnyValue:
    limit = min(_ITEM_LIMIT, left[0])
    left[0] -= min(len(value), limit)
    if isinstance(value, Mapping):
        items = islice(value.items(), limit)
        return {legal_text(str(key)): _legal(item, depth, left) for key, item in items}
    ordered = value if isinstance(value, Sequence) else sorted(value, key=str)
    return [_legal(item, depth, left) for item in islice(ordered, limit)]


def legal_attributes(attributes: Mapping[str, object] | None) -> dict[str, AnyValue]:
    """Return `attributes` with legal values, without those that are None or cannot be read. Never raises."""
    legal: dict[str, AnyValue] = {}
    try:
        items = list(attributes.items()) if attributes else []
    except Exception:
        report_trouble("attributes that are no mapping were left out")
        return legal
    for key, value in items:
        if value is None:
            continue
        try:
            legal[str(key)] = legal_value(value)
        except Exception:
            report_trouble("an attribute could not be read and was left out")
    return legal


def is_said(value: object) -> bool:
    """Tell whether a value is neither None nor empty; an array, which cannot tell, is neither. Never raises."""
    try:
        return bool(value)
    except Exception:
        return True


def any_text(value: object, otherwise: str = "") -> str:
    """Return `str(value)`, `otherwise` where it has no text. Never raises."""
    try:
        return str(value)
    except Exception:
        report_trouble("a value that has no text was left out")
        return otherwise


def name_text(value: object, otherwise: str) -> str:
    """Return a text to call something by, fit for UTF-8: `otherwise` where there is none. Never raises."""
    return legal_text(plain_text(any_text(value if is_said(value) else otherwise, otherwise)))


def plain_text(value: str) -> str:
    """Return a text as `str` itself: a subclass of it may do anything when it is measured or joined."""
    return value if type(value) is str else str.__str__(value)


def words_of(value: object) -> tuple[object, ...] | None:
    """Return words as one attribute has them: one alone is a list of one; None where there is none. Never raises."""
    try:
        if isinstance(value, str):
            return (value,) if value else None
        return (tuple(value) or None) if isinstance(value, Iterable) else None
    except Exception:
        report_trouble("a list of words was left out")
        return None
