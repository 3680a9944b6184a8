"""The live pipeline reports its own health as OpenTelemetry metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider

from spantail.live import LiveSpanProcessor
from spantail_exporters.delivery import health
from spantail_exporters.livetail import create_sink
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemoryMetricReader]:
    memory = InMemoryMetricReader()
    provider = MeterProvider([memory])
    monkeypatch.setattr(health, "provider_in_use", lambda: provider)  # whatever others have made the global one
    yield memory
    provider.shutdown()


def values(reader: InMemoryMetricReader) -> dict[tuple[str, str | None], Any]:
    data: Any = reader.get_metrics_data()
    return {
        (metric.name, point.attributes.get("error.type")): getattr(point, "value", None) or getattr(point, "count", 0)
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
    }


def test_what_was_delivered_and_what_is_open(reader: InMemoryMetricReader, redis_url: str) -> None:
    sink = create_sink(redis_url)
    provider = TracerProvider()
    provider.add_span_processor(LiveSpanProcessor(sink))
    with provider.get_tracer("t").start_as_current_span("root"):
        assert sink.flush(5)
        seen = values(reader)
        assert seen["otel.sdk.span.live", None] == 1
        assert seen["otel.sdk.processor.span.queue.size", None] == 0
        assert seen["otel.sdk.processor.span.queue.capacity", None] == 65_536
        assert seen["spantail.events.delivered", None] == 1
    provider.shutdown()
    seen = values(reader)
    assert seen["otel.sdk.span.live", None] == 0
    assert seen["spantail.events.delivered", None] == 2
    assert seen["otel.sdk.exporter.operation.duration", None] == 2


def test_a_delivery_that_failed(reader: InMemoryMetricReader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANTAIL_SPOOL_MAX_BYTES", "0")
    sink = create_sink("redis://127.0.0.1:1/0")
    provider = TracerProvider()
    provider.add_span_processor(LiveSpanProcessor(sink))
    with provider.get_tracer("t").start_as_current_span("root"):
        pass
    eventually(lambda: values(reader).get(("otel.sdk.exporter.operation.duration", "Unavailable"), 0) >= 1)
    sink.shutdown(0.2)
    provider.shutdown()
