"""Figures that no instrument has recorded, in exports of metrics (OpenTelemetry specification, "MetricProducer").

The SDK for Python has no such producers yet, so they are added between reader and exporter.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData, ScopeMetrics

from spantail.trouble import report_trouble

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import ResourceMetrics

MetricProducer: TypeAlias = Callable[[], Sequence[ScopeMetrics]]
"""Called on an exporter's thread, at each export."""


class ProducingExporter(MetricExporter):
    """Exports what a reader has collected, and what producers say beside it.

    Args:
        exporter: The exporter that does it.
        producers: They are asked at each export. One that fails is left out.
    """

    def __init__(self, exporter: MetricExporter, producers: Sequence[MetricProducer]) -> None:
        inner: Any = exporter
        super().__init__(
            preferred_temporality=inner._preferred_temporality,
            preferred_aggregation=inner._preferred_aggregation,
        )
        self._exporter = exporter
        self._producers = producers

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> MetricExportResult:
        """Export both together; see `MetricExporter.export`."""
        produced: list[ScopeMetrics] = []
        for producer in self._producers:
            try:
                produced += producer()
            except Exception:
                report_trouble("figures for the export of metrics could not be made")
        if produced and metrics_data.resource_metrics:
            first, *others = metrics_data.resource_metrics
            metrics_data = MetricsData([_with(first, produced), *others])
        return self._exporter.export(metrics_data, timeout_millis=timeout_millis, **kwargs)

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """See `MetricExporter.force_flush`."""
        return self._exporter.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """See `MetricExporter.shutdown`."""
        self._exporter.shutdown(timeout_millis, **kwargs)


def _with(found: ResourceMetrics, produced: Sequence[ScopeMetrics]) -> ResourceMetrics:
    return dataclasses.replace(found, scope_metrics=[*found.scope_metrics, *produced])
