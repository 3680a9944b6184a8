"""What a search asks of a span, as a tree (pure): `traceql.py` and `tag_search.py` make it, `matching.py` answers."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from spantail_service.tempo.regex import Regex


class Scope(StrEnum):
    """Where a field is looked for."""

    ANY = "any"
    """The span's own attributes, then its resource's, then its instrumentation scope's."""
    SPAN = "span"
    RESOURCE = "resource"
    INSTRUMENTATION = "instrumentation"
    """The instrumentation scope: the library that made the span."""
    INTRINSIC = "intrinsic"
    """What is no attribute: name, status, times, …"""


class Kind(StrEnum):
    """What an intrinsic field holds."""

    TEXT = "text"
    DURATION = "duration"
    STATUS = "status"
    SPAN_KIND = "kind"


INTRINSICS: Final = {
    "name": Kind.TEXT,
    "status": Kind.STATUS,
    "statusMessage": Kind.TEXT,
    "kind": Kind.SPAN_KIND,
    "duration": Kind.DURATION,
    "span:id": Kind.TEXT,
    "span:parentID": Kind.TEXT,
    "rootName": Kind.TEXT,
    "rootServiceName": Kind.TEXT,
    "traceDuration": Kind.DURATION,
    "trace:id": Kind.TEXT,
    "instrumentation:name": Kind.TEXT,
    "instrumentation:version": Kind.TEXT,
}
"""Fields that are no attributes, by the name that `Field` has for them."""

OTHER_NAMES: Final = {
    "span:name": "name",
    "span:status": "status",
    "span:statusMessage": "statusMessage",
    "span:kind": "kind",
    "span:duration": "duration",
    "trace:rootName": "rootName",
    "trace:rootService": "rootServiceName",
    "trace:duration": "traceDuration",
}
"""The same fields in TraceQL's newer notation."""

STATUSES: Final = ("ok", "error", "unset")
SPAN_KINDS: Final = ("unspecified", "internal", "server", "client", "producer", "consumer")


class Field(NamedTuple):
    """Something that a span has."""

    scope: Scope
    name: str

    @property
    def kind(self) -> Kind | None:
        """What it holds, where that is fixed."""
        return INTRINSICS[self.name] if self.scope is Scope.INTRINSIC else None


class Word(str):
    """A word of TraceQL's own, such as `error` in `status = error`: no text that an attribute could have."""

    __slots__ = ()


class Operator(StrEnum):
    """How a field is compared."""

    EQUAL = "="
    UNEQUAL = "!="
    LESS = "<"
    LESS_EQUAL = "<="
    GREATER = ">"
    GREATER_EQUAL = ">="
    FITS = "=~"
    FITS_NOT = "!~"
    CONTAINS = "contains"
    """Has the text in it, whatever the case: the older search by tags only."""


class Comparison(NamedTuple):
    """One condition. Durations are nanoseconds; `None` is `nil`."""

    field: Field
    operator: Operator
    value: str | int | float | bool | Regex | None


class Both(NamedTuple):
    """Two conditions that both have to hold."""

    left: Condition
    right: Condition


class Either(NamedTuple):
    """Two conditions of which one has to hold."""

    left: Condition
    right: Condition


Condition = Comparison | Both | Either


def fields_of(condition: Condition | None) -> list[Field]:
    """The fields that a search asks for, each once, in their order."""
    match condition:
        case None:
            return []
        case Comparison(field):
            return [field]
        case Both(left, right) | Either(left, right):
            return list(dict.fromkeys(fields_of(left) + fields_of(right)))
