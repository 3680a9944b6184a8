"""What may be written to a span: legal attribute values made of whatever the caller has at hand.

An attribute that an exporter cannot encode loses the whole batch it travels in (an integer beyond 64 bits and
a lone surrogate do so in OTLP), so values are made legal where they are set.
"""

from __future__ import annotations

import logging
import math
import os
import traceback
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal
from enum import Enum
from itertools import islice
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from opentelemetry.util.types import AnyValue

CAPTURE_CONTENT_VARIABLE: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"

_logger: Final = logging.getLogger("spantail.instrumentation")
_reported: Final[set[str]] = set()

_INT64_MIN: Final = -(2**63)
_INT64_MAX: Final = 2**63 - 1
_REPORT_LIMIT: Final = 100
_DEPTH_LIMIT: Final = 8
_ITEM_LIMIT: Final = 1_000
_NODE_LIMIT: Final = 10_000
_TRACEBACK_LIMIT: Final = 32 * 1024  # characters; its head is kept, and more of its tail, where the error stands
_TRACEBACK_HEAD: Final = 8 * 1024
_MESSAGE_LIMIT: Final = 8 * 1024


def report_trouble(what: str) -> None:
    """Log, once per `what` and process, that an instrumentation call failed; call it in an `except` block.

    Instrumentation must not raise into the application, but neither may it fail in silence. `what` holds no values
    or names that the application makes up: after 100 different texts nothing more is logged.
    """
    if what in _reported or len(_reported) >= _REPORT_LIMIT:
        return
    _reported.add(what)
    _logger.warning("%s; the application goes on, this is said once", what)


def content_capture_allowed(environ: Mapping[str, str] = os.environ) -> bool:
    """Tell whether prompts and answers may be recorded on spans: only when the environment asks for it.

    `true` is the older form of the variable; `SPAN_ONLY` and `SPAN_AND_EVENT` are the current ones.
    """
    value = environ.get(CAPTURE_CONTENT_VARIABLE, "").strip().lower()
    return value in {"true", "1", "span_only", "span_and_event"}


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

    Raises whatever the value's own `__str__` or iteration raises.
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


def error_type(error: BaseException) -> str:
    """Name the class of `error` as Python prints it: with its module, unless it is a builtin."""
    cls = type(error)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def error_message(error: BaseException) -> str:
    """Return `str(error)`, at most 8 Ki characters; exceptions whose `__str__` fails say so."""
    try:
        text = legal_text(str(error))
    except Exception:
        return "(its message could not be read)"
    return text if len(text) <= _MESSAGE_LIMIT else f"{text[:_MESSAGE_LIMIT]}…[cut]"


def error_traceback(error: BaseException) -> str:
    """Return the traceback of `error` as Python prints it, at most 32 Ki characters, cut in the middle."""
    try:
        text = legal_text("".join(traceback.format_exception(error)))
    except Exception:
        return f"{error_type(error)}: (its traceback could not be formatted)"
    if len(text) <= _TRACEBACK_LIMIT:
        return text
    tail = _TRACEBACK_LIMIT - _TRACEBACK_HEAD
    return f"{text[:_TRACEBACK_HEAD]}\n…[{len(text) - _TRACEBACK_LIMIT:,} characters cut]…\n{text[-tail:]}"
