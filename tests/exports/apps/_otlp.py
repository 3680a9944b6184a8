"""What the applications share: a stock SDK provider that exports where `OTEL_EXPORTER_OTLP_ENDPOINT` says."""

from __future__ import annotations

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor


def stock_provider() -> TracerProvider:
    """Set up OpenTelemetry as its documentation does; flush with `shutdown()`."""
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return provider
