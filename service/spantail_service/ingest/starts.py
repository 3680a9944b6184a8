"""Reports of spans before they end, as log records (`spantail_exporters.otlp.records`), to changes (pure)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from spantail.json_values import all_as_sent
from spantail_exporters.model.changes import Change
from spantail_exporters.model.event import dumps, encode_span_events, encode_state
from spantail_exporters.model.record import Link, SpanEvent, SpanRecord, microseconds
from spantail_exporters.model.update import update_of, with_what_was_said
from spantail_exporters.otlp import records as key
from spantail_service.ingest.decoding.span_fields import KINDS

if TYPE_CHECKING:
    from typing import TypeGuard

    from spantail_exporters.model.redactor import Redactor
    from spantail_service.ingest.decoding.entries import LogEntry

_MOST: Final = 2**53 - 1
_TRACE_DIGITS: Final = 32
_SPAN_DIGITS: Final = 16


class Start(NamedTuple):
    """The state of an open span, from a start or an update."""

    record: SpanRecord
    rev: int
    time_us: int
    """When it was in this state."""
    is_start: bool
    span_events: int
    """How many of the record's span events are new: all that came with it."""

    @property
    def may_be_known(self) -> bool:
        """Whether an earlier state may be stored: only what is new is then an event."""
        return self.rev > 1


def start_of(entry: LogEntry) -> Start | None:
    """Read a `spantail.span.start` or `spantail.span.update`; None when it is malformed."""
    attributes = dict(entry.attributes)
    own = {name: attributes.pop(name) for name in list(attributes) if name.startswith(key.OWN_PREFIX)}
    rev, start_ns = own.get(key.SPAN_REV), own.get(key.SPAN_START)
    parent = own.get(key.SPAN_PARENT)
    if not _is_count(rev) or rev < 1 or not _is_count(start_ns, 2**63) or not entry.run_id or not entry.span_id:
        return None
    if parent is not None and not _is_hex(parent, _SPAN_DIGITS):
        return None
    span_events = _span_events(own.get(key.SPAN_EVENTS))
    count = own.get(key.SPAN_EVENT_COUNT)
    record = SpanRecord(
        entry.run_id,
        entry.span_id,
        parent,
        str(own.get(key.SPAN_NAME, "")),
        microseconds(start_ns),
        None,
        attributes,
        span_events=span_events,
        dropped_span_events=max(count - len(span_events), 0) if _is_count(count) else 0,
        links=_links(own.get(key.SPAN_LINKS)),
        service=entry.source.service,
        runner=entry.source.runner,
        fields={"span_kind": kind} if (kind := own.get(key.SPAN_KIND)) in KINDS[1:] else None,
        source=entry.source.whole,
    )
    return Start(record, rev, entry.time_us, entry.event_name == key.EVENT_START, len(span_events))


def start_change(start: Start, held: bytes | None, redactor: Redactor) -> Change | None:
    """The change that stores an open span's state; None when nothing in it is new.

    Args:
        start: The new state.
        held: The state that is stored, as far as it was looked up. From it come the earlier span events (an update
            carries the new ones only), what has changed, and whether the span was abandoned as a dead process' span,
            which it is no longer.
        redactor: Removes secrets.
    """
    record = start.record
    before: dict[str, Any] | None = orjson.loads(held) if held is not None else None
    if before is not None and before["status"] not in ("running", "abandoned"):
        return None  # it is over: what was sent before its end does not count
    suffix = "_start" if start.is_start else "_update"
    if before is not None:
        suffix = "_revived" if before["status"] == "abandoned" else "_update"
        earlier = [
            SpanEvent(
                span_event["ts"],
                span_event["name"],
                all_as_sent(span_event["attributes"], span_event.get("types")),
                _event_fields(span_event),
            )
            for span_event in before.get("span_events", ())[: record.dropped_span_events]
        ]
        record.span_events = (*earlier, *record.span_events)
        record.dropped_span_events = max(record.dropped_span_events - len(earlier), 0)
    state = encode_state(record, start.rev, redactor, event=suffix, ts=start.time_us)
    if before is not None and suffix == "_update":
        state.body = with_what_was_said(state.body, before) or state.body
    whole = dumps(state.body)
    span_events = encode_span_events(state, start.span_events)
    parent_id = record.parent_id or ""
    if before is None or suffix == "_revived":
        return Change(
            record.span_id, parent_id, [*span_events, whole], len(span_events), "", state.layers, sources=state.sources
        )
    events = span_events
    # where it comes from may be new too: another request may not have said which process it is
    if (update := update_of(state, before)) is not None:
        events = [*span_events, dumps(update)]
    elif state.noted <= before["noted"]:
        return None
    return Change(record.span_id, parent_id, events, len(span_events), "", state.layers, whole, state.sources)


def _event_fields(span_event: dict[str, Any]) -> dict[str, Any]:
    return {name: span_event[name] for name in ("ns", "dropped", "changed") if name in span_event}


def _is_count(value: object, limit: int = _MOST) -> TypeGuard[int]:
    return type(value) is int and 0 <= value < limit


def _is_hex(value: object, digits: int) -> bool:
    return isinstance(value, str) and len(value) == digits and all(digit in "0123456789abcdef" for digit in value)


def _span_events(events: object) -> tuple[SpanEvent, ...]:
    return tuple(
        SpanEvent(
            microseconds(event.get("time_unix_nano")), str(event.get("name", "")), _mapping(event.get("attributes"))
        )
        for event in (events if isinstance(events, list) else ())
        if isinstance(event, dict)
    )


def _links(links: object) -> tuple[Link, ...]:
    return tuple(
        Link(link["trace_id"], link["span_id"], _mapping(link.get("attributes")))
        for link in (links if isinstance(links, list) else ())
        if isinstance(link, dict)
        and _is_hex(link.get("trace_id"), _TRACE_DIGITS)
        and _is_hex(link.get("span_id"), _SPAN_DIGITS)
    )


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
