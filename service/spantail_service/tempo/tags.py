"""What can be searched by: the names of attributes in the newest runs, and their values."""

from __future__ import annotations

import asyncio
import heapq
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from spantail_service.tempo.conditions import INTRINSICS, OTHER_NAMES, SPAN_KINDS, STATUSES, Field, Kind, Scope, Word
from spantail_service.tempo.matching import holds, value_of
from spantail_service.tempo.reading import attributes_of, resource_names
from spantail_service.tempo.search import read_trace

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from spantail_service.tempo.conditions import Condition
    from spantail_service.tempo.recent import Looked, Period, RecentRuns

MOST: Final = 5_000
"""Names of a scope, or values of a tag, that are answered at most: what Grafana asks for by itself."""
MAX_SPANS: Final = 20_000
"""Spans that are looked at for a list, which somebody waits for while typing."""
INTRINSIC_NAMES: Final = tuple(sorted({*INTRINSICS, *OTHER_NAMES}))

_LONGEST: Final = 1_000  # characters of a value that anybody would choose from a list
_FIXED: Final = {Kind.STATUS: STATUSES, Kind.SPAN_KIND: SPAN_KINDS, Kind.DURATION: ()}
_Told = TypeVar("_Told", str, "Value")
_IDS: Final = frozenset({"span:id", "span:parentID", "trace:id"})


class Value(NamedTuple):
    """A value that a tag has, as Tempo shows it."""

    type: str
    """`string` `int` `float` `bool` `keyword`"""
    value: str


class Asked(NamedTuple):
    """Where to look, and how much to answer."""

    within: Period
    condition: Condition | None
    """Only what spans have that fulfil it."""
    limit: int
    has_left: Callable[[], Awaitable[bool]]
    """Whether whoever asked is gone."""


async def tag_names(recent: RecentRuns, asked: Asked, now_us: int) -> tuple[dict[Scope, list[str]], int]:
    """The attributes that spans, their resources and scopes have; and how many bytes were looked at."""
    limit = min(asked.limit, MOST)
    found: dict[Scope, set[str]] = {Scope.RESOURCE: set(), Scope.SPAN: set(), Scope.INSTRUMENTATION: set()}
    async with recent.walk(asked.within, MAX_SPANS, asked.has_left) as walk:
        async for looked in walk:
            await asyncio.to_thread(_gather_names, looked, asked.condition, now_us, found)
            if all(len(names) >= limit for names in found.values()):
                break
        return {scope: await _first(limit, names) for scope, names in found.items()}, walk.bytes


async def tag_values(recent: RecentRuns, field: Field, asked: Asked, now_us: int) -> tuple[list[Value], int]:
    """The values that spans have for `field`; and how many bytes were looked at."""
    if field.kind in _FIXED:
        return [Value("keyword", word) for word in _FIXED[field.kind]], 0
    if field.scope is Scope.INTRINSIC and field.name in _IDS:
        return [], 0
    limit = min(asked.limit, MOST)
    found: set[Value] = set()
    async with recent.walk(asked.within, MAX_SPANS, asked.has_left) as walk:
        async for looked in walk:
            await asyncio.to_thread(_gather_values, looked, field, asked.condition, now_us, found)
            if len(found) >= limit:
                break
        return await _first(limit, found), walk.bytes


async def _first(limit: int, found: set[_Told]) -> list[_Told]:
    """The first of `found` in their order. One run may bring hundreds of thousands, and `sorted` lets no other thread
    run before it is done.
    """
    return await asyncio.to_thread(heapq.nsmallest, limit, found)


def _gather_names(looked: Looked, condition: Condition | None, now_us: int, found: dict[Scope, set[str]]) -> None:
    trace, spans = read_trace(looked, now_us)
    for span in spans:
        if holds(condition, span, trace):
            found[Scope.SPAN].update(span["attributes"])
            found[Scope.RESOURCE].update(resource_names(span))
            found[Scope.INSTRUMENTATION].update(attributes_of(span, "scope_details"))


def _gather_values(looked: Looked, field: Field, condition: Condition | None, now_us: int, found: set[Value]) -> None:
    trace, spans = read_trace(looked, now_us)
    for span in spans:
        if holds(condition, span, trace):
            value = value_of(field, span, trace)
            found.update(_typed_values(value if isinstance(value, list) else [value]))


def _typed_values(values: Iterable[Any]) -> Iterable[Value]:
    for value in values:
        match value:
            case bool():
                yield Value("bool", str(value).lower())
            case int():
                yield Value("int", str(value))
            case float():
                yield Value("float", str(value))
            case Word():
                yield Value("keyword", value)
            case str() if 0 < len(value) <= _LONGEST:
                yield Value("string", value)
