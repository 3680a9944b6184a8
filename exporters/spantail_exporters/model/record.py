"""A span as the live tier sees it: one neutral record, whether it comes from the SDK or over OTLP."""

# The SDK's private fields are read instead of its properties, see `record_of`.

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from opentelemetry.trace import SpanKind, StatusCode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.sdk.trace import ReadableSpan

    from spantail_exporters.model.sources import KnownSources, Source

_TRACE_MASK = 2**128 - 1
_SPAN_MASK = 2**64 - 1
_MAX_US = 2**53 - 1  # the largest integer that JavaScript holds exactly
_MAX_NS = _MAX_US * 1000
_ERROR = StatusCode.ERROR
_OK = StatusCode.OK
# OTLP's `SpanFlags`: whether the parent is in another process is known, and it is; the lowest bit is "sampled"
_REMOTE_PARENT = 0x301
Parts = tuple[Any, ...]  # of an ended span, see `parts_of`
END_TIME, ATTRIBUTES, STATUS = 5, 6, 7  # their places in them


class SpanEvent(NamedTuple):
    """A span event: `time_us` since the epoch, name and attributes.

    `fields` are further fields of its event (`dropped` attributes, `ns` within the microsecond).
    """

    time_us: int
    name: str
    attributes: Mapping[str, Any]
    fields: Mapping[str, Any] | None = None


class Link(NamedTuple):
    """A span link: trace id and span id as lower-case hex, and attributes.

    `fields` are further fields of it (`trace_state`, `flags`, `dropped` attributes, `odd_ids`). Ids of another length
    than theirs stand in `odd_ids` alone, both as they came.
    """

    run_id: str
    span_id: str
    attributes: Mapping[str, Any]
    fields: Mapping[str, Any] | None = None


@dataclass(slots=True, eq=False)
class SpanRecord:
    """One state of one span. Times are microseconds since the epoch, `end_us` is None while it is open.

    `dropped_span_events` counts span events that the SDK threw away before `span_events` (its limit is 128 a span).
    `failed` and `description` are the span's status (OpenTelemetry API, "Set Status").
    `fields` are fields of the event that need no more than redaction: `span_kind`, `trace_state`, `flags`,
    `status_code`, `dropped`, `ns`, `end_told`. What is the default is absent. Many spans share one: not to be changed.
    `source` is the resource and the instrumentation scope; None is unknown.
    """

    run_id: str
    span_id: str
    parent_id: str | None
    name: str
    start_us: int
    end_us: int | None
    attributes: Mapping[str, Any]
    span_events: tuple[SpanEvent, ...] = ()
    dropped_span_events: int = 0
    links: tuple[Link, ...] = ()
    failed: bool = False
    description: str | None = None
    service: str | None = None
    runner: str | None = None
    fields: Mapping[str, Any] | None = None
    source: Source | None = None


# most ids come again and again (the run, the parent, a span's start and its end): a hit takes a fifth of formatting
@lru_cache(1024)
def trace_hex(trace_id: int) -> str:
    """Write a trace id as 32 hex digits, whatever somebody put into a hand-made context."""
    return f"{trace_id & _TRACE_MASK:032x}"


@lru_cache(8192)
def span_hex(span_id: int) -> str:
    """Write a span id as 16 hex digits."""
    return f"{span_id & _SPAN_MASK:016x}"


def microseconds(time_ns: float | None) -> int:
    """Convert nanoseconds since the epoch to microseconds, held within 0 and 2**53 - 1; what is no time is 0."""
    if type(time_ns) is not int:
        try:
            time_ns = int(time_ns or 0)
        except (TypeError, ValueError, OverflowError):
            return 0
    us = time_ns // 1000
    return us if 0 <= us <= _MAX_US else min(max(us, 0), _MAX_US)


_KINDS = {kind.name: kind.name.lower() for kind in SpanKind}
_shared_fields: dict[tuple[Any, Any, bool], Mapping[str, Any]] = {}  # by kind, status code, remote parent


def _fields_of(kind: Any, code: Any, trace_state: Any, *, remote: bool) -> Mapping[str, Any]:
    """Make the fields of an SDK span; nearly always they are the same as another one's."""
    # by their names: the hash of an enum is computed in Python
    known = getattr(kind, "_name_", None), getattr(code, "_name_", None), remote
    fields = _shared_fields.get(known)
    if fields is None:
        made: dict[str, Any] = {}
        if known[0] in _KINDS:
            made["span_kind"] = _KINDS[known[0]]
        if remote:
            made["flags"] = _REMOTE_PARENT
        if known[1] == _OK.name:
            made["status_code"] = "ok"
        fields = _shared_fields[known] = made
    return {**fields, "trace_state": trace_state.to_header()} if trace_state else fields


def parts_of(span: ReadableSpan) -> ReadableSpan | Parts:
    """Take an ended span apart for `record_of`: what it is encoded from, and nothing that holds on to the rest.

    A span that is kept whole keeps a dozen objects that nobody needs any more, and the application has to make its next
    ones in memory that no cache holds, which costs it 3 us a span. One with span events or links, or not made by the
    SDK's tracer, is returned as it is.
    """
    one: Any = span
    try:
        if one._events._dq or one._links._dq or one._attributes.dropped:
            return span
        context, parent = one._context, one._parent
        return (
            context[0],
            context[1],
            None if parent is None else parent[1],
            one._name,
            one._start_time,
            one._end_time,
            one._attributes._dict,
            one._status,
            one._resource,
            one._kind,
            context[4],  # trace state
            parent is not None and parent[2],  # remote
            one._instrumentation_scope,
        )
    except Exception:
        return span


def _record_of_parts(parts: Parts, runner: str | None, sources: KnownSources) -> SpanRecord:
    (
        trace_id, span_id, parent_id, name, start_time, end_time, attributes, status, resource,
        kind, trace_state, remote, scope,
    ) = parts  # fmt: skip
    source, service = sources.of(resource, scope)
    return SpanRecord(
        trace_hex(trace_id),
        span_hex(span_id),
        span_hex(parent_id) if parent_id is not None else None,
        name,
        microseconds(start_time),
        microseconds(end_time) if end_time is not None else None,
        attributes,
        (),
        0,
        (),
        status._status_code is _ERROR,
        status._description,
        service,
        runner,
        _fields_of(kind, status._status_code, trace_state, remote=remote),
        source,
    )


def record_of(span: ReadableSpan | Parts, runner: str | None, sources: KnownSources) -> SpanRecord:
    """Take the present state of an SDK span, open or ended, safely beside a thread that goes on changing it.

    An ended one may come as its parts (`parts_of`).
    """
    if isinstance(span, tuple):
        return _record_of_parts(span, runner, sources)
    one: Any = span
    try:
        # the fields behind the SDK's properties: each property costs a call, and `attributes` three of them
        context, parent, resource, status = one._context, one._parent, one._resource, one._status
        name, start_time, end_time = one._name, one._start_time, one._end_time
        events, links = one._events, one._links
        attributes = one._attributes._dict
        if end_time is None:
            # dict.copy() is one C call: whole under the GIL, however busy the writer is
            attributes = attributes.copy()
        code, description = status._status_code, status._description
        kind, lost, scope = one._kind, one._attributes.dropped, one._instrumentation_scope
    except AttributeError:  # not made by the SDK's tracer, or by one with other fields
        context, parent, resource, status = one.context, one.parent, one.resource, one.status
        name, start_time, end_time = one.name, one.start_time, one.end_time
        events = links = True
        attributes = one.attributes.copy()
        code, description = status.status_code, status.description
        kind, lost = getattr(one, "kind", None), getattr(one, "dropped_attributes", 0)
        scope = getattr(one, "instrumentation_scope", None)
    if type(start_time) is int and 0 <= start_time <= _MAX_NS:
        start_us = start_time // 1000
    else:
        start_us = microseconds(start_time)
    if end_time is not None:
        end_us = end_time // 1000 if type(end_time) is int and 0 <= end_time <= _MAX_NS else microseconds(end_time)
    else:
        end_us = None
    fields = _fields_of(kind, code, context.trace_state, remote=parent is not None and parent.is_remote)
    dropped_span_events = span.dropped_events if events else 0
    if lost or dropped_span_events or links:
        fields = _with_dropped(fields, lost, dropped_span_events, span.dropped_links)
    source, service = sources.of(resource, scope)
    return SpanRecord(  # by position: 0.3 us instead of 1.0 by name
        trace_hex(context.trace_id),
        span_hex(context.span_id),
        span_hex(parent.span_id) if parent is not None else None,
        name,
        start_us,
        end_us,
        attributes,
        # most spans have neither, and the properties take a lock and copy to say so
        _span_events(span) if events else (),
        dropped_span_events,
        _links(span) if links else (),
        code is _ERROR,
        description,
        service,
        runner,
        fields,
        source,
    )


def _with_dropped(fields: Mapping[str, Any], *counts: int) -> Mapping[str, Any]:
    dropped = dropped_of(*counts)
    return {**fields, "dropped": dropped} if dropped else fields


def dropped_of(attributes: int, events: int = 0, links: int = 0) -> dict[str, int]:
    """Write down how many of each a sender left out, without those of which it left none."""
    counts = {"attributes": attributes, "events": events, "links": links}
    return {name: count for name, count in counts.items() if count}


def end_of(span: ReadableSpan | Parts) -> tuple[int, bool]:
    """Tell when a span ended (us) and whether it failed, whatever else of it cannot be read."""
    end_time, status = (span[END_TIME], span[STATUS]) if isinstance(span, tuple) else (span.end_time, span.status)
    return microseconds(end_time), getattr(status, "status_code", None) is _ERROR


def _span_events(span: ReadableSpan) -> tuple[SpanEvent, ...]:
    return tuple(
        SpanEvent(microseconds(e.timestamp), e.name, e.attributes or {}, _dropped_from(e.dropped_attributes))
        for e in span.events
    )


def _dropped_from(count: int) -> Mapping[str, Any] | None:
    return {"dropped": count} if count else None


def _links(span: ReadableSpan) -> tuple[Link, ...]:
    return tuple(
        Link(
            trace_hex(link.context.trace_id), span_hex(link.context.span_id), link.attributes or {}, _link_fields(link)
        )
        for link in span.links
    )


def _link_fields(link: Any) -> Mapping[str, Any] | None:
    fields: dict[str, Any] = {}
    if link.context.trace_state:
        fields["trace_state"] = link.context.trace_state.to_header()
    if link.context.is_remote:
        fields["flags"] = _REMOTE_PARENT & ~1 | link.context.trace_flags & 0xFF
    if link.dropped_attributes:
        fields["dropped"] = link.dropped_attributes
    return fields or None
