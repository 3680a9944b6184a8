"""The spans that have started and not ended, and log records of what is new about them since it was last sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from spantail_exporters.otlp.records import span_record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from opentelemetry.sdk._logs import ReadableLogRecord
    from opentelemetry.sdk.trace import Span

    from spantail.redaction import Redactor

OPEN_CAPACITY: Final = 50_000  # open spans that are looked at
_SCOPES: Final = 1_000  # that are remembered


class OpenSpan:
    """A span that has started and not ended, and what was sent of it; `attributes` is None until something was."""

    __slots__ = ("attributes", "events_sent", "name", "rev", "span")

    def __init__(self, span: Span) -> None:
        self.span = span
        self.rev = 0
        self.name = ""
        self.events_sent = 0
        self.attributes: Mapping[str, Any] | None = None

    def forget(self) -> None:
        """Nobody knows whether what was sent has arrived: send all again."""
        self.attributes, self.events_sent = None, 0

    def has_changed(self) -> bool:
        """Something is new since it was sent, or nothing was sent yet."""
        span = self.span
        attributes: Any = span.attributes
        count = span.dropped_events + len(span.events)
        # None differs from all attributes.
        return count != self.events_sent or attributes != self.attributes or span.name != self.name


class OpenSpans:
    """Looked after by one thread alone.

    Args:
        redactor: Applied to everything that is sent.
        failed: Is told of a span that could not be read or encoded.
    """

    def __init__(self, redactor: Redactor, failed: Callable[[Exception], None]) -> None:
        self._redactor = redactor
        self._failed = failed
        self._open: dict[tuple[int, int], OpenSpan] = {}
        self._redacted: tuple[Resource, Resource] = (Resource.get_empty(), Resource.get_empty())
        self._scopes: dict[int, tuple[Any, InstrumentationScope]] = {}  # by identity: as it is, and redacted

    def __len__(self) -> int:
        return len(self._open)

    @property
    def resource(self) -> Resource:
        """The resource of the spans, redacted."""
        return self._redacted[1]

    @property
    def is_full(self) -> bool:
        """No further span is looked at."""
        return len(self._open) >= OPEN_CAPACITY

    def note_resource(self, span: Span) -> None:
        """Redact the resource of a span where it is not the one of the span before."""
        if self._redacted[0] is not span.resource:
            attributes = self._redactor.attributes(span.resource.attributes)
            self._redacted = (span.resource, Resource(attributes, span.resource.schema_url))

    def add(self, span: Span) -> OpenSpan:
        """Keep a span that has just started."""
        context = span.context
        one = self._open[context.trace_id, context.span_id] = OpenSpan(span)
        return one

    def changed(self) -> Iterator[tuple[ReadableLogRecord, OpenSpan]]:
        """Yield a record of each span that has changed since it was sent, and let go of those that are over."""
        for key, one in list(self._open.items()):
            try:
                if one.span.end_time is not None:
                    del self._open[key]
                    continue
                record = self.record(one) if one.has_changed() else None
            except Exception as error:
                self._open.pop(key, None)
                self._failed(error)
                continue
            if record is not None:
                yield record, one

    def record(self, one: OpenSpan) -> ReadableLogRecord:
        """Say what is new about a span: as its start where nothing was sent yet. It counts as sent from now on."""
        span = one.span
        present: Any = span.attributes
        attributes = present.copy()  # one C call: whole under the GIL, however busy the writer is
        events = span.events
        count = span.dropped_events + len(events)
        new = events[-(count - one.events_sent) :] if count > one.events_sent else ()
        start = one.attributes is None
        one.rev += 1
        record = span_record(
            span,
            self._redactor,
            self.resource,
            self._scope_of(span),
            rev=one.rev,
            attributes=attributes,
            new_events=new,
            event_count=count,
            start=start,
        )
        one.attributes, one.name, one.events_sent = attributes, span.name, count
        return record

    def _scope_of(self, span: Span) -> InstrumentationScope:
        scope: Any = span.instrumentation_scope
        known = self._scopes.get(id(scope))
        if known is None:
            if len(self._scopes) >= _SCOPES:
                self._scopes.clear()
            known = self._scopes[id(scope)] = scope, self._redacted_scope(scope)
        return known[1]

    def _redacted_scope(self, scope: InstrumentationScope | None) -> InstrumentationScope:
        if scope is None:
            return InstrumentationScope("")
        name, version, schema_url = (
            self._redactor.text(one or "") for one in (scope.name, scope.version, scope.schema_url)
        )
        return InstrumentationScope(name, version, schema_url, self._redactor.attributes(scope.attributes or {}))
