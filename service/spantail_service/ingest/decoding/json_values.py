"""Single values of OTLP's JSON encoding: each is of the type that its message says, or the item is malformed (pure)."""

from __future__ import annotations

import base64
import binascii
import math
import re
from typing import TYPE_CHECKING, Any, Final

from spantail_service.ingest.decoding.entries import mark_repeated

if TYPE_CHECKING:
    from collections.abc import Mapping

UINT32: Final = 2**32
UINT64: Final = 2**64
_INT32: Final = 2**31
_INT64_MIN: Final = -(2**63)
_INTEGER: Final = re.compile(r"-?[0-9]{1,20}")
_SPECIAL_DOUBLES: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_URL_SAFE: Final = str.maketrans("-_", "+/")
_DEEPEST: Final = 100  # protobuf's own limit


class WrongTypeError(ValueError):
    """A field does not hold what its message says."""


def attributes_of(holder: dict[str, Any], depth: int = 0) -> dict[str, Any]:
    """The attributes that a message holds.

    Raises:
        WrongTypeError: they are none. So does each function here.
    """
    return _pairs(list_of(holder, "attributes"), depth)


def value_of(value: Any, depth: int) -> Any:
    """Read an AnyValue: an object with one member, whose name says what it holds."""
    if value is None:
        return None
    if depth > _DEEPEST:
        raise WrongTypeError
    for kind, held in object_of(value).items():
        if held is None:
            continue
        match kind:
            case "stringValue":
                if isinstance(held, str):
                    return held
            case "bytesValue":
                return _bytes(held)
            case "boolValue":
                if isinstance(held, bool):
                    return held
            case "intValue":
                return _int64(held)
            case "doubleValue":
                return _double(held)
            case "arrayValue":
                return [value_of(item, depth + 1) for item in list_of(object_of(held), "values")]
            case "kvlistValue":
                return _pairs(list_of(object_of(held), "values"), depth + 1)
            case _:
                continue  # unknown fields are ignored
        raise WrongTypeError
    return None


def object_of(value: Any) -> dict[str, Any]:
    """The value, which must be an object."""
    if isinstance(value, dict):
        return value
    raise WrongTypeError


def list_of(holder: dict[str, Any], name: str) -> list[Any]:
    """A repeated field; empty where it is not there."""
    value = holder.get(name)
    if value is None:
        return []
    if isinstance(value, list):
        return value
    raise WrongTypeError


def text_of(holder: dict[str, Any], name: str) -> str:
    """A string field; empty where it is not there."""
    value = holder.get(name)
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    raise WrongTypeError


def unsigned_of(holder: dict[str, Any], name: str, limit: int) -> int:
    """An unsigned integer field below `limit`, from a number or its decimal text; 0 where it is not there."""
    value = holder.get(name)
    if value is None or value == "":
        return 0
    number = int(value) if isinstance(value, str) and _INTEGER.fullmatch(value) else value
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    if type(number) is not int or not 0 <= number < limit:
        raise WrongTypeError
    return number


def enum_of(value: Any, names: Mapping[str, int]) -> int:
    """Read an enum; protobuf's JSON also knows the names. What is neither counts as not set."""
    if isinstance(value, str):
        return names.get(value, 0)
    return value if type(value) is int and -_INT32 <= value < _INT32 else 0


def _pairs(pairs: list[Any], depth: int) -> dict[str, Any]:
    return mark_repeated(
        {text_of(pair, "key"): value_of(pair.get("value"), depth) for pair in map(object_of, pairs)}, len(pairs)
    )


def _bytes(held: Any) -> bytes:
    """Read base64, also in the alphabet for URLs and without its padding, as protobuf's JSON may come."""
    try:
        text = held.translate(_URL_SAFE).rstrip("=")
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (AttributeError, binascii.Error, ValueError):
        raise WrongTypeError from None


def _int64(held: Any) -> int:
    number = int(held) if isinstance(held, str) and _INTEGER.fullmatch(held) else held
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    if type(number) is not int or not _INT64_MIN <= number < -_INT64_MIN:
        raise WrongTypeError
    return number


def _double(held: Any) -> float:
    if isinstance(held, str):
        try:
            return _SPECIAL_DOUBLES[held] if held in _SPECIAL_DOUBLES else float(held)
        except ValueError:
            raise WrongTypeError from None
    if isinstance(held, (int, float)) and not isinstance(held, bool):
        return float(held)
    raise WrongTypeError
