"""Redaction on the OTLP path: another exporter is given copies of the spans that may leave the process.

It runs on the batch processor's worker thread. Spans with nothing to redact are copied too: comparing costs
about what copying does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, Status, TraceState

from spantail.attributes import CHANGED, CONTENT_LEFT_OUT
from spantail.content import as_attribute, marks_of, take_marks
from spantail.trouble import report_trouble

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from spantail.content import Dropped
    from spantail.redaction.attribute_sets import Remarks
    from spantail.redaction.redactor import Redactor


class RedactingExporter(SpanExporter):
    """Hands redacted copies of finished spans to another exporter (OpenTelemetry Trace SDK, "Span Exporter").

    A span that cannot be copied is left out with a log line, never sent as it is.

    Args:
        exporter: The other exporter.
        redactor: Redacts the copies.
    """

    def __init__(self, exporter: SpanExporter, redactor: Redactor) -> None:
        self._exporter = exporter
        self._redactor = redactor
        self._resource: tuple[Resource, Resource] | None = None  # the last one seen, and its redacted form

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Redact and pass on; return what the other exporter returns."""
        copies = []
        for span in spans:
            try:
                copies.append(self._copy(span))
            except Exception:
                report_trouble("a span could not be redacted and was not exported")
        return self._exporter.export(copies) if copies else SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Shut the other exporter down."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Flush the other exporter; `timeout_millis` is in milliseconds."""
        return self._exporter.force_flush(timeout_millis)

    def _copy(self, span: ReadableSpan) -> ReadableSpan:
        text = self._redactor.text
        status = span.status
        if status.description is not None:
            status = Status(status.status_code, text(status.description))
        left_out: Dropped = {}
        events = [self._event(event, left_out) for event in span.events]
        links = [
            Link(
                self._redacted_context(link.context) or link.context,
                self._attributes(link.attributes, link.dropped_attributes, left_out),
            )
            for link in span.links
        ]
        return _RedactedSpan(
            span,
            name=text(span.name),
            context=self._redacted_context(span.context),
            parent=span.parent,
            resource=self._redacted_resource(span.resource),
            attributes=self._attributes(span.attributes, span.dropped_attributes, left_out, is_span=True),
            events=events,
            links=links,
            kind=span.kind,
            status=status,
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=self._redacted_scope(span.instrumentation_scope),
        )

    def _event(self, event: Any, left_out: Dropped) -> Event:
        dropped = getattr(event, "dropped_attributes", 0)
        attributes = self._attributes(event.attributes, dropped, left_out, event=event.name)
        return Event(self._redactor.text(event.name), attributes, event.timestamp)

    def _attributes(
        self,
        attributes: Mapping[str, Any] | None,
        dropped: int,
        left_out: Dropped,
        *,
        is_span: bool = False,
        event: str = "",
    ) -> BoundedAttributes:
        """Redact; what content is left out is counted, and stands in the span's own attributes, which come last."""
        remarks: Remarks = {}
        redacted = self._redactor.native(attributes, left_out, remarks, event)
        if changed := remarks.get("changed"):
            redacted[CHANGED] = changed
        if left_out and is_span:
            marks = [*take_marks(redacted), *marks_of(left_out, self._redactor.where)]
            redacted[CONTENT_LEFT_OUT] = as_attribute(marks)
        kept = BoundedAttributes(attributes=redacted, immutable=True)
        kept.dropped = dropped
        return kept

    def _redacted_context(self, context: SpanContext | None) -> SpanContext | None:
        if context is None or not context.trace_state:
            return context
        state = TraceState([(name, self._redactor.text(value)) for name, value in context.trace_state.items()])
        return SpanContext(context.trace_id, context.span_id, context.is_remote, context.trace_flags, state)

    def _redacted_scope(self, scope: InstrumentationScope | None) -> InstrumentationScope | None:
        if scope is None or not scope.attributes:
            return scope
        return InstrumentationScope(
            scope.name, scope.version, scope.schema_url, self._redactor.native(scope.attributes)
        )

    def _redacted_resource(self, resource: Resource) -> Resource:
        if self._resource is None or self._resource[0] is not resource:
            redacted = Resource(self._redactor.native(resource.attributes), resource.schema_url)
            self._resource = (resource, redacted)
        return self._resource[1]


class _RedactedSpan(ReadableSpan):
    """A copy that still knows what the SDK's own limits dropped from the original."""

    def __init__(self, original: ReadableSpan, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._dropped_events = original.dropped_events
        self._dropped_links = original.dropped_links

    @property
    def dropped_events(self) -> int:
        return self._dropped_events

    @property
    def dropped_links(self) -> int:
        return self._dropped_links
