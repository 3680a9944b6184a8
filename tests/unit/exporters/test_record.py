"""Spans as records: taken whole, or from the parts that wait for the worker."""

from __future__ import annotations

import dataclasses
import gc
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.trace import Link, Status, StatusCode

from spantail_exporters.model.record import END_TIME, parts_of, record_of
from spantail_exporters.model.sources import KnownSources

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.trace import Span


class Keeping(SpanProcessor):
    def __init__(self) -> None:
        self.ended: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.ended.append(span)


def ended(make: Callable[[Any], Span]) -> ReadableSpan:
    keeping = Keeping()
    provider = TracerProvider(resource=Resource({"service.name": "s"}), shutdown_on_exit=False)
    provider.add_span_processor(keeping)
    make(provider.get_tracer("t")).end()
    return keeping.ended[-1]


def _child(tracer: Any) -> Span:
    with tracer.start_as_current_span("root"):
        child: Span = tracer.start_span("child", attributes={"a": 1, "b": ("x", "y")})
    return child


def _failed(tracer: Any) -> Span:
    span: Span = tracer.start_span("failed")
    span.set_status(Status(StatusCode.ERROR, "because"))
    return span


def _without_times(tracer: Any) -> Span:
    span: Any = tracer.start_span("odd", start_time=-5)
    return span  # type: ignore[no-any-return]


PLAIN = [_child, _failed, _without_times, lambda tracer: tracer.start_span("root")]


@pytest.mark.parametrize("make", PLAIN, ids=["child", "failed", "before the epoch", "root"])
def test_the_parts_say_what_the_span_says(make: Callable[[Any], Span]) -> None:
    span = ended(make)
    parts = parts_of(span)
    assert type(parts) is tuple
    assert parts[END_TIME] == span.end_time
    sources = KnownSources()
    by_parts, by_span = record_of(parts, "r", sources), record_of(span, "r", sources)
    assert by_parts.source is by_span.source
    by_parts.source = by_span.source = None
    assert dataclasses.asdict(by_parts) == dataclasses.asdict(by_span)


def test_the_parts_do_not_hold_the_span() -> None:
    span = ended(_child)
    parts, gone = parts_of(span), weakref.ref(span)
    del span
    gc.collect()
    assert gone() is None
    assert record_of(parts, "r", KnownSources()).name == "child"


def _with_event(tracer: Any) -> Span:
    span: Span = tracer.start_span("s")
    span.add_event("e")
    return span


def _with_link(tracer: Any) -> Span:
    other = tracer.start_span("other")
    span: Span = tracer.start_span("s", links=[Link(other.get_span_context())])
    return span


@pytest.mark.parametrize("make", [_with_event, _with_link], ids=["event", "link"])
def test_one_with_events_or_links_stays_whole(make: Callable[[Any], Span]) -> None:
    span = ended(make)
    assert parts_of(span) is span


@pytest.mark.parametrize(
    "field", ["_context", "_events", "_links", "_attributes"], ids=["context", "events", "links", "attributes"]
)
def test_one_with_other_fields_stays_whole(field: str) -> None:
    span = ended(_child)
    setattr(span, field, object())
    assert parts_of(span) is span
