"""Prometheus families as OTLP metrics: the same figures for an export."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from spantail_service import __version__
from spantail_service.metrics.names import otlp_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from prometheus_client.core import Metric as Family
    from prometheus_client.samples import Sample

_SCOPE: Final = InstrumentationScope("spantail_service", __version__)
_CUMULATIVE: Final = AggregationTemporality.CUMULATIVE


def scope_metrics(families: Iterable[Family], since_ns: int) -> ScopeMetrics:
    """Make the metrics of one scope.

    Args:
        families: What is told.
        since_ns: When its counters were 0, in nanoseconds since 1970.
    """
    now_ns = time.time_ns()
    metrics = [_metric(family, since_ns, now_ns) for family in families if family.samples]
    return ScopeMetrics(_SCOPE, metrics, "")


def _metric(family: Family, since_ns: int, now_ns: int) -> Metric:
    name, unit = otlp_name(family.name)
    data: Gauge | Sum | Histogram
    if family.type == "histogram":
        data = Histogram(_histograms(family, since_ns, now_ns), _CUMULATIVE)
    else:
        points = [
            NumberDataPoint(sample.labels, since_ns if family.type == "counter" else 0, now_ns, sample.value)
            for sample in family.samples
        ]
        data = Sum(points, _CUMULATIVE, is_monotonic=True) if family.type == "counter" else Gauge(points)
    return Metric(name, family.documentation, unit, data)


def _histograms(family: Family, since_ns: int, now_ns: int) -> list[HistogramDataPoint]:
    series: dict[tuple[tuple[str, str], ...], list[Sample]] = {}
    for sample in family.samples:
        labels = {key: value for key, value in sample.labels.items() if key != "le"}
        series.setdefault(tuple(labels.items()), []).append(sample)
    return [_histogram(family.name, dict(labels), found, since_ns, now_ns) for labels, found in series.items()]


def _histogram(
    name: str, labels: Mapping[str, Any], samples: Iterable[Sample], since_ns: int, now_ns: int
) -> HistogramDataPoint:
    bounds: list[float] = []
    counts: list[int] = []
    total, sum_of_all = 0, 0.0
    for sample in samples:
        if sample.name == f"{name}_bucket":
            bounds.append(float(sample.labels["le"]))
            counts.append(int(sample.value) - total)
            total = int(sample.value)
        elif sample.name == f"{name}_sum":
            sum_of_all = sample.value
    # least and greatest are not known; without them the encoder would write infinities
    return HistogramDataPoint(labels, since_ns, now_ns, total, sum_of_all, counts, bounds[:-1], None, None)  # type: ignore[arg-type]
