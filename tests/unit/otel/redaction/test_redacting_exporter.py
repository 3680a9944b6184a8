"""The OTLP path carries redacted copies, otherwise unchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
    set_span_in_context,
)

from spantail.redaction import Redactor
from spantail.redaction.exporter import RedactingExporter

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

CANARY = "canary7Qz9Xw2Lk4Vn8"


def _spans() -> tuple[list[ReadableSpan], list[ReadableSpan]]:
    plain, redacted = InMemorySpanExporter(), InMemorySpanExporter()
    provider = TracerProvider(
        resource=Resource({"service.name": "s", "deploy.token": CANARY}, "https://schema/1"),
        shutdown_on_exit=False,
        span_limits=SpanLimits(max_span_attributes=4, max_events=2, max_links=1),
    )
    provider.add_span_processor(SimpleSpanProcessor(plain))
    provider.add_span_processor(SimpleSpanProcessor(RedactingExporter(redacted, Redactor())))
    tracer = provider.get_tracer("lib", "1.0")
    with tracer.start_as_current_span("outer") as outer:
        links = [Link(outer.get_span_context(), {"token": CANARY, "n": n}) for n in range(2)]
        span = tracer.start_span(f"GET /?token={CANARY}&a=1", links=links)
        for n in range(5):
            span.set_attribute(f"plain.{n}", n)
        span.set_attribute("authorization", f"Bearer {CANARY}")
        for n in range(3):
            span.add_event(f"password={CANARY}", {"cookie": CANARY, "n": n})
        span.set_status(Status(StatusCode.ERROR, f"refused redis://:{CANARY}@host"))
        span.end()
    provider.shutdown()
    return list(plain.get_finished_spans()), list(redacted.get_finished_spans())


def test_no_canary_in_the_copies() -> None:
    plain, redacted = _spans()
    assert CANARY.encode() in encode_spans(plain).SerializeToString()
    assert CANARY.encode() not in encode_spans(redacted).SerializeToString()


def test_everything_else_is_as_it_was() -> None:
    def without_text(spans: list[ReadableSpan]) -> list[Mapping[str, Any]]:
        return [
            {
                "context": span.context,
                "parent": span.parent,
                "times": (span.start_time, span.end_time),
                "kind": span.kind,
                "scope": span.instrumentation_scope,
                "code": span.status.status_code,
                "service": span.resource.attributes["service.name"],
                "schema": span.resource.schema_url,
                "dropped": (span.dropped_attributes, span.dropped_events, span.dropped_links),
                "plain": {k: v for k, v in (span.attributes or {}).items() if k.startswith("plain")},
                "events": [(event.timestamp, (event.attributes or {})["n"]) for event in span.events],
                "links": [(link.context, (link.attributes or {})["n"]) for link in span.links],
            }
            for span in spans
        ]

    plain, redacted = _spans()[0], _spans()[1]
    del redacted
    plain, redacted = _spans()
    assert without_text(redacted) == without_text(plain)
    inner = redacted[0]
    assert (inner.dropped_attributes, inner.dropped_events, inner.dropped_links) == (2, 1, 1)
    assert inner.name == "GET /?token=[redacted]&a=1"
    assert inner.status.description == "refused redis://:[redacted]@host"
    assert inner.resource is redacted[1].resource


def test_a_span_that_cannot_be_read_is_left_out_not_sent_as_it_is() -> None:
    class Broken(ReadableSpan):
        @property
        def events(self) -> Any:
            raise RuntimeError("broken")

    behind = InMemorySpanExporter()
    exporter = RedactingExporter(behind, Redactor())
    good = _spans()[0][0]
    assert exporter.export([Broken("bad"), good]) is SpanExportResult.SUCCESS
    assert len(behind.get_finished_spans()) == 1
    assert exporter.export([Broken("bad")]) is SpanExportResult.SUCCESS
    assert exporter.force_flush()
    exporter.shutdown()
    assert exporter.export([good]) is SpanExportResult.FAILURE


def test_the_scope_s_attributes_and_the_trace_state_are_redacted_too() -> None:
    redacted = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(RedactingExporter(redacted, Redactor())))
    tracer = provider.get_tracer("lib", "1.0", "https://schema/1", {"token": CANARY, "note": f"sk-{CANARY}", "n": 1})
    state = TraceState([("vendor", f"sk-{CANARY}"), ("other", "00f067aa0ba902b7")])
    remote = SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(1), trace_state=state)
    tracer.start_span("x", set_span_in_context(NonRecordingSpan(remote)), links=[Link(remote)]).end()
    provider.shutdown()
    spans = redacted.get_finished_spans()
    sent = encode_spans(spans).SerializeToString()
    assert CANARY.encode() not in sent
    assert b"vendor=[redacted],other=00f067aa0ba902b7" in sent
    (link,) = spans[0].links  # not every release of the encoder sends its state
    assert link.context.trace_state.to_header() == "vendor=[redacted],other=00f067aa0ba902b7"
    scope = spans[0].instrumentation_scope
    assert scope is not None
    assert (scope.name, scope.version, scope.schema_url) == ("lib", "1.0", "https://schema/1")
    assert dict(scope.attributes or {}) == {"token": "[redacted]", "note": "[redacted]", "n": 1}


def test_what_is_said_in_a_message_event_is_left_out_too() -> None:
    """A plain `content` says by the event's name that it is a prompt."""
    redacted = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(RedactingExporter(redacted, Redactor())))
    with provider.get_tracer("strands").start_as_current_span("chat") as span:
        span.add_event("gen_ai.user.message", {"content": "between us", "role": "user"})
        span.add_event("page", {"content": "of a page"})
    provider.shutdown()
    (sent,) = redacted.get_finished_spans()
    assert [dict(event.attributes or {}) for event in sent.events] == [{"role": "user"}, {"content": "of a page"}]
    assert sent.attributes is not None
    assert '"field":"content","bytes":10' in str(sent.attributes["spantail.content.left_out"])
