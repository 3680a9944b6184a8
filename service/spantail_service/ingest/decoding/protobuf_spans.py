"""OTLP trace requests in protobuf to neutral span records (pure). Protocol: `opentelemetry/proto/trace/v1`, 1.x."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from spantail_exporters.model import sources
from spantail_exporters.model.record import Link, SpanEvent, SpanRecord, microseconds
from spantail_service.bounds.time_slice import LARGE
from spantail_service.ingest.decoding.entries import (
    BAD_CONTENT,
    BAD_ID,
    TOO_HEAVY,
    KnownGroups,
    Source,
    SourceReader,
    Tally,
)
from spantail_service.ingest.decoding.plan import Chunk, Plan
from spantail_service.ingest.decoding.protobuf_messages import Resource, Scope, Span, Spans
from spantail_service.ingest.decoding.protobuf_values import MalformedValueError, attributes_of
from spantail_service.ingest.decoding.protobuf_walk import SPAN, items_in, protobuf_plan
from spantail_service.ingest.decoding.span_fields import (
    MOST_NS,
    dropped_of,
    event_fields_of,
    link_fields_of,
    span_fields_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from spantail_service.ingest.decoding.protobuf_walk import Kind

TRACE_ID_BYTES: Final = 16
SPAN_ID_BYTES: Final = 8
NO_TRACE_ID: Final = bytes(TRACE_ID_BYTES)
NO_SPAN_ID: Final = bytes(SPAN_ID_BYTES)
STATUS_CODE_ERROR: Final = 2


def decode_traces(body: bytes, tally: Tally, known: KnownGroups | None = None) -> Iterator[SpanRecord | None]:
    """Read an `ExportTraceServiceRequest`; its spans are decoded chunk by chunk, as they are asked for.

    A span whose ids are not those of W3C Trace Context (wrong length, all zero), or whose fields cannot be decoded, is
    rejected in `tally`; the others are taken. Spans of a resource with the attribute `spantail.live` are left out:
    true says that the live tier has them already, false marks this service's own server spans, which make no run. So a
    Collector may send everything back to us.

    Args:
        body: The request, unzipped.
        tally: Counts what is not taken.
        known: Sources of earlier requests in the same encoding.

    Yields:
        A span; None after some work that has brought none yet, so that the caller can let others go on; `LARGE` before
        a step that takes long (`time_slice.in_slices`).

    Raises:
        MalformedRequestError: the body is no such message; before the first span.
        TooManyError: it holds more than is taken; before the first span.
    """
    for source, span in read_items(Plan(body, "spans"), SPAN, Spans, Span, tally, known):
        yield span if source is None or span is None else read_record(span, source, tally)


def read_record(span: Any, source: Source, tally: Tally) -> SpanRecord | None:
    """Read a span; None where it is rejected."""
    try:
        record = _record(span, source)
    except MalformedValueError:
        tally.reject(BAD_CONTENT)
        return None
    if record is None:
        tally.reject(BAD_ID)
    return record


def read_items(  # noqa: PLR0917 - what they all need
    plan: Plan, kind: Kind, many: Any, one: Any, tally: Tally, known: KnownGroups | None
) -> Iterator[tuple[Source | None, Any]]:
    """Each item of a request with its source. Without a source it is None or `LARGE`, as in `decode_traces`.

    Args:
        plan: The request.
        kind: Where its groups and items are.
        many: The message class of a chunk.
        one: The message class of an item.
        tally: Counts what is not taken.
        known: Sources of earlier requests.
    """
    for source, chunk in read_chunks(plan, kind, tally, known):
        if source is None:
            yield None, chunk
        else:
            for item in items_of(plan, chunk, many, one, tally):
                yield source, item


def read_chunks(plan: Plan, kind: Kind, tally: Tally, known: KnownGroups | None) -> Iterator[tuple[Source | None, Any]]:
    """The chunks of a request that are to be taken, each with its source. Without a source it is None or `LARGE`."""
    nothing, large = (None, None), (None, LARGE)
    overweight: list[int] = []
    for _ in protobuf_plan(plan, kind, overweight=overweight):
        yield nothing
    if overweight:
        tally.reject(TOO_HEAVY, len(overweight))
    explain_if_empty(plan, tally, "resource_spans" if plan.what == "spans" else "resource_logs")
    reader = SourceReader(tally, _resource, _scope, known)
    for chunk in plan.chunks():
        if chunk.group.is_large:
            yield large
        source = reader.of(chunk.group)
        yield large if chunk.is_large else nothing
        if source.is_ours:
            tally.passed_over["live"] += chunk.items
            continue
        yield source, chunk


def items_of(plan: Plan, chunk: Chunk, many: Any, one: Any, tally: Tally) -> Iterable[Any]:
    """The items of a chunk; None for each that is broken."""
    try:
        found: Iterable[Any] = many.FromString(plan.data[chunk.start : chunk.end]).items
    except DecodeError:
        found = _one_by_one(plan, chunk, one, tally)
    return found


def _one_by_one(plan: Plan, chunk: Chunk, one: Any, tally: Tally) -> Iterator[Any]:
    """The items of a chunk in which one is broken."""
    for data in items_in(plan.data, chunk.start, chunk.end):
        try:
            yield one.FromString(data)
        except DecodeError:
            tally.reject(BAD_CONTENT)
            yield None


def explain_if_empty(plan: Plan, tally: Tally, wanted: str) -> None:
    """Give the reason to the sender of a request that holds only what is not known here."""
    if plan.unknown is not None and not plan.items:
        tally.reason = tally.reason or f"Nothing was taken: {plan.unknown} is not known here; {wanted} is wanted."


def _resource(data: bytes, schema_url: bytes) -> sources.Resource:
    try:
        read = Resource.FromString(data)
    except DecodeError:
        raise MalformedValueError from None
    return sources.Resource(attributes_of(read.attributes), schema_url.decode(), read.dropped_attributes_count)


def _scope(data: bytes, schema_url: bytes) -> sources.Scope:
    try:
        read = Scope.FromString(data)
    except DecodeError:
        raise MalformedValueError from None
    return sources.Scope(
        read.name, read.version, attributes_of(read.attributes), schema_url.decode(), read.dropped_attributes_count
    )


def _record(span: Any, source: Source) -> SpanRecord | None:
    trace_id, span_id, parent_id = span.trace_id, span.span_id, span.parent_span_id
    if (
        len(trace_id) != TRACE_ID_BYTES
        or len(span_id) != SPAN_ID_BYTES
        or (parent_id and len(parent_id) != SPAN_ID_BYTES)
        or trace_id == NO_TRACE_ID
        or span_id == NO_SPAN_ID
    ):
        return None
    start_ns, end_ns = span.start_time_unix_nano, span.end_time_unix_nano
    # a call less for nearly all of them: this runs for every span
    start_us = start_ns // 1_000 if start_ns < MOST_NS else microseconds(start_ns)
    # OTLP carries finished spans only: one without an end has ended at an unknown time.
    end_us = start_us if end_ns <= start_ns else end_ns // 1_000 if end_ns < MOST_NS else microseconds(end_ns)
    code, description = 0, None
    if span.HasField("status"):
        status = span.status
        code, description = status.code, status.message or None
    # most spans have neither: the empty tuple is cheaper than a generator that finds nothing
    events, links, dropped_events = span.events, span.links, span.dropped_events_count
    return SpanRecord(  # by position: it is quicker
        trace_id.hex(),
        span_id.hex(),
        parent_id.hex() if parent_id and parent_id != NO_SPAN_ID else None,
        span.name,
        start_us,
        end_us,
        attributes_of(span.attributes),
        tuple(map(_span_event, events)) if events else (),
        dropped_events,
        tuple(map(_link, links)) if links else (),
        code == STATUS_CODE_ERROR,
        description,
        source.service,
        source.runner,
        span_fields_of(
            span.kind,
            span.trace_state,
            span.flags,
            code,
            start_ns,
            end_ns,
            dropped_of(span.dropped_attributes_count, dropped_events, span.dropped_links_count)
            if dropped_events or span.dropped_attributes_count or span.dropped_links_count
            else _NONE,
        ),
        source.whole,
    )


_NONE: Final[dict[str, int]] = {}


def _span_event(event: Any) -> SpanEvent:
    time_ns = event.time_unix_nano
    fields = event_fields_of(time_ns, event.dropped_attributes_count)
    return SpanEvent(microseconds(time_ns), event.name, attributes_of(event.attributes), fields)


def _link(link: Any) -> Link:
    trace_id, span_id = link.trace_id.hex(), link.span_id.hex()
    is_odd = len(trace_id) != 2 * TRACE_ID_BYTES or len(span_id) != 2 * SPAN_ID_BYTES
    fields = link_fields_of(
        link.trace_state, link.flags, link.dropped_attributes_count, [trace_id, span_id] if is_odd else None
    )
    return Link(trace_id, span_id, attributes_of(link.attributes), fields)
