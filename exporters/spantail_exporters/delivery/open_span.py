"""A span that has started and not ended, and what was sent of it last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spantail.redaction import TRUNCATED_KEY
from spantail_exporters.model.event import dumps, encode_span_events, event_of, loads
from spantail_exporters.model.event_parts import BESIDE_ATTRIBUTES
from spantail_exporters.model.limits import MAX_EVENT_BYTES
from spantail_exporters.model.record import end_of
from spantail_exporters.model.update import update_of, with_what_was_said

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.sdk.trace import ReadableSpan, Span

    from spantail_exporters.model.event import Encoded
    from spantail_exporters.model.record import Parts, SpanRecord


class OpenSpan:
    """`rev` numbers what is sent of the span; what is not sent takes no number: a gap says that something is missing.

    `span_events_sent` says how many of its span events were sent, `due` among how many handed-over items its end is,
    once it is over.
    """

    __slots__ = (
        "attributes",
        "due",
        "last_sent",
        "layers",
        "name",
        "rev",
        "run_id",
        "sources",
        "span",
        "span_events_sent",
    )

    def __init__(self, span: Span, record: SpanRecord, line: bytes, state: Encoded) -> None:
        self.span = span
        self.run_id = record.run_id
        self.name = record.name
        self.attributes = record.attributes
        self.rev = 1
        self.span_events_sent = 0
        self.last_sent = line  # as bytes: thousands of open spans as dicts would be a garbage collector's work
        self.layers = state.layers
        self.sources = state.sources
        self.due: int | None = None

    def look(self) -> Mapping[str, Any] | None:
        """Return the attributes that it has now where anything is new; None where nothing is."""
        span = self.span
        attributes: Any = span.attributes
        present: Mapping[str, Any] = attributes.copy()
        span_events = span.dropped_events + len(span.events)
        is_new = span_events != self.span_events_sent or span.name != self.name or _differ(present, self.attributes)
        return present if is_new else None

    @property
    def has_new_span_events(self) -> bool:
        """Whether it has more span events than were sent."""
        return len(getattr(self.span, "_events", ())) > self.span_events_sent

    def update(self, record: SpanRecord, state: Encoded, line: bytes) -> tuple[Sequence[bytes], int, bytes]:
        """Take over a new state.

        Args:
            record: The span as it is now.
            state: The same, encoded with the next `rev`.
            line: The same, serialised.

        Returns:
            The events that say what is new, how many of them are span events, and the layers that changed. What is to
            be stored is then `last_sent`.
        """
        span_events = encode_span_events(state, state.noted - self.span_events_sent)
        last_sent: dict[str, Any] = loads(self.last_sent)
        made = with_what_was_said(state.body, last_sent)
        if made is not None and len(whole := dumps(made)) <= MAX_EVENT_BYTES:
            state.body, line = made, whole
        events = span_events
        layers = b""
        if (update := update_of(state, last_sent)) is not None:
            events = [*span_events, dumps(update)]
            layers = state.layers
        self.attributes, self.name = record.attributes, record.name
        self.last_sent, self.span_events_sent, self.layers = line, state.noted, state.layers
        if events:
            self.rev += 1
        return events, len(span_events), layers

    def again(self, event: str, now_us: int) -> dict[str, Any]:
        """Return what was sent last, to be sent once more.

        Not what is new: this may lose against what another process wrote, and what is new would then never be said.
        """
        self.rev += 1
        body: dict[str, Any] = loads(self.last_sent)
        body |= {"rev": self.rev, "ts": now_us, "event": body["kind"] + event}
        self.last_sent = dumps(body)
        return body

    def end_alone(self, span: ReadableSpan | Parts) -> dict[str, Any]:
        """Return a final state that says that it has ended, and nothing else of what came after `last_sent`."""
        end_us, failed = end_of(span)
        status = "error" if failed else "ok"
        body: dict[str, Any] = loads(self.last_sent)
        body |= {"rev": self.rev + 1, "status": status, "ts": end_us, "event": event_of(body["kind"], status)}
        body |= {"end": end_us, "attributes": {TRUNCATED_KEY: "…[could not be encoded]"}}
        for name in BESIDE_ATTRIBUTES:
            body.pop(name, None)
        return body


def _differ(one: Any, other: Any) -> bool:
    try:
        return bool(one != other)
    except Exception:
        return True  # what cannot be compared is compared as it is sent
