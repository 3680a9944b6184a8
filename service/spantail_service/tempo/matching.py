"""Whether a span is what a search asks for (pure)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from spantail_service.tempo.conditions import SPAN_KINDS, Both, Comparison, Either, Operator, Scope, Word
from spantail_service.tempo.reading import attributes_of, resource_attribute
from spantail_service.tempo.regex import Regex
from spantail_service.transfer.otlp import end_of, status_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spantail_service.tempo.conditions import Condition, Field

_UNSET = Word("unset")
_STATUS_WORDS = {0: _UNSET, 1: Word("ok"), 2: Word("error")}  # by OTLP's status code
_KIND_WORDS = {kind: Word(kind) for kind in SPAN_KINDS}
_UNSPECIFIED = Word("unspecified")
_FOR_NONE = frozenset({Operator.UNEQUAL, Operator.FITS_NOT})


class Trace(NamedTuple):
    """What a span's trace adds to it."""

    run_id: str
    name: str
    service: str
    duration_ns: int


def holds(condition: Condition | None, span: Mapping[str, Any], trace: Trace) -> bool:
    """Whether `span` (a state as it is read, see `reading.py`) fulfils the condition; without one each does.

    Raises:
        RegexError: a pattern has worked all it may.
    """
    match condition:
        case None:
            return True
        case Both(left, right):
            return holds(left, span, trace) and holds(right, span, trace)
        case Either(left, right):
            return holds(left, span, trace) or holds(right, span, trace)
        case Comparison(field, operator, wanted):
            return _compares(value_of(field, span, trace), operator, wanted)


def value_of(field: Field, span: Mapping[str, Any], trace: Trace) -> Any:
    """What `span` has for `field`; `None` when nothing. Durations are nanoseconds."""
    match field.scope:
        case Scope.SPAN:
            return span["attributes"].get(field.name)
        case Scope.RESOURCE:
            return resource_attribute(span, field.name)
        case Scope.INSTRUMENTATION:
            return attributes_of(span, "scope_details").get(field.name)
        case Scope.ANY:
            value = span["attributes"].get(field.name)
            if value is None:
                value = resource_attribute(span, field.name)
            return value if value is not None else attributes_of(span, "scope_details").get(field.name)
        case Scope.INTRINSIC:
            return _intrinsic(field.name, span, trace)


def _intrinsic(name: str, span: Mapping[str, Any], trace: Trace) -> Any:
    match name:
        case "name":
            return span["name"]
        case "status":
            return _STATUS_WORDS.get(status_of(span).get("code", 0), _UNSET)
        case "statusMessage":
            return status_of(span).get("message", "")
        case "kind":
            return _KIND_WORDS.get(span.get("span_kind", ""), _UNSPECIFIED)
        case "duration":
            return (end_of(span) - span["start"]) * 1_000
        case "span:id":
            return span["span_id"]
        case "span:parentID":
            return span.get("parent_id") or ""
        case "rootName":
            return trace.name
        case "rootServiceName":
            return trace.service
        case "instrumentation:name" | "instrumentation:version":
            scope = span.get("scope_details")
            return None if scope is None else scope.get(name.partition(":")[2]) or ""
        case "traceDuration":
            return trace.duration_ns
        case _:
            return trace.run_id


def _compares(value: Any, operator: Operator, wanted: Any) -> bool:
    """As Tempo compares: what is not there fulfils `= nil` only, and of a list one item has to fit, or none."""
    if wanted is None:
        return (value is None) == (operator is Operator.EQUAL)
    if isinstance(value, list):
        items = (_compares_one(item, operator, wanted) for item in value)
        return all(items) if operator in _FOR_NONE else any(items)
    return _compares_one(value, operator, wanted)


def _compares_one(value: Any, operator: Operator, wanted: Any) -> bool:
    if isinstance(wanted, Regex):
        return isinstance(value, str) and wanted.matches(value) == (operator is Operator.FITS)
    if operator is Operator.CONTAINS:
        return value is not None and wanted in _as_text(value).casefold()
    if _kind(value) != _kind(wanted):
        return False
    match operator:
        case Operator.EQUAL:
            return bool(value == wanted)
        case Operator.UNEQUAL:
            return bool(value != wanted)
        case Operator.LESS:
            return bool(value < wanted)
        case Operator.LESS_EQUAL:
            return bool(value <= wanted)
        case Operator.GREATER:
            return bool(value > wanted)
        case _:
            return bool(value >= wanted)


def _kind(value: Any) -> type | None:
    if isinstance(value, bool | Word):
        return type(value)
    if isinstance(value, int | float):
        return float
    return str if isinstance(value, str) else None


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
