"""What this process has measured with OpenTelemetry's instruments, as Prometheus metrics with exemplars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.metrics.export import Gauge, Histogram, HistogramDataPoint, NumberDataPoint, Sum
from prometheus_client.core import Metric
from prometheus_client.samples import Exemplar

from spantail_service.metrics.names import label_name, prometheus_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from opentelemetry.sdk.metrics import Exemplar as MeasuredExemplar
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    from opentelemetry.sdk.metrics.export import Metric as Measured

_INFINITE: Final = "+Inf"


class Instruments:
    """Reads all instruments of a meter provider.

    The SDK gives each exemplar once. The latest of each series is kept, so that a scrape that failed takes none along.

    Args:
        reader: Knows the instruments.
    """

    def __init__(self, reader: InMemoryMetricReader) -> None:
        self._reader = reader
        self._kept: dict[tuple[str, frozenset[tuple[str, str]]], Exemplar] = {}

    def families(self, taken: Collection[str] = ()) -> Iterable[Metric]:
        """Make a family of each instrument, but for those names that are `taken` already."""
        data = self._reader.get_metrics_data()
        families: dict[str, Metric] = {}
        for resource in data.resource_metrics if data is not None else ():
            for scope in resource.scope_metrics:
                for measured in scope.metrics:
                    self._add(families, measured, taken)
        return families.values()

    def _add(self, families: dict[str, Metric], measured: Measured, taken: Collection[str]) -> None:
        name, data = prometheus_name(measured.name, measured.unit or ""), measured.data
        kind = _kind(data)
        if kind is None or name in taken:
            return
        family = families.setdefault(name, Metric(name, measured.description or "", kind))
        if family.type != kind:  # two libraries mean different things by one name
            return
        for point in data.data_points:
            labels = {label_name(key): _text(value) for key, value in (point.attributes or {}).items()}
            if isinstance(point, HistogramDataPoint):
                self._add_histogram(family, labels, point)
            elif isinstance(point, NumberDataPoint) and kind == "counter":
                self._add_sample(family, "_total", labels, point.value, point.exemplars)
            elif isinstance(point, NumberDataPoint):
                family.add_sample(name, labels, point.value)

    def _add_histogram(self, family: Metric, labels: dict[str, str], point: HistogramDataPoint) -> None:
        count, below = 0, float("-inf")
        bounds = [*point.explicit_bounds, float("inf")]
        for bound, number in zip(bounds, point.bucket_counts, strict=True):
            count += number
            here = [one for one in point.exemplars if below < one.value <= bound]
            shown = _INFINITE if bound == float("inf") else str(float(bound))
            self._add_sample(family, "_bucket", {**labels, "le": shown}, count, here)
            below = bound
        family.add_sample(f"{family.name}_count", labels, point.count)
        family.add_sample(f"{family.name}_sum", labels, point.sum)

    def _add_sample(
        self, family: Metric, suffix: str, labels: dict[str, str], value: float, found: Sequence[MeasuredExemplar]
    ) -> None:
        name = f"{family.name}{suffix}"
        key = name, frozenset(labels.items())
        if (latest := _exemplar(found)) is not None:
            self._kept[key] = latest
        family.add_sample(name, labels, value, exemplar=self._kept.get(key))


def _kind(data: object) -> str | None:
    """The type of a family; None for exponential buckets, which the text formats have not."""
    if isinstance(data, Histogram):
        return "histogram"
    if isinstance(data, Sum | Gauge):
        return "counter" if isinstance(data, Sum) and data.is_monotonic else "gauge"
    return None


def _exemplar(found: Sequence[MeasuredExemplar]) -> Exemplar | None:
    """The latest one that leads to a span."""
    traced = [one for one in found if one.trace_id and one.span_id]
    if not traced:
        return None
    latest = max(traced, key=lambda one: one.time_unix_nano)
    ids = {"trace_id": f"{latest.trace_id:032x}", "span_id": f"{latest.span_id:016x}"}
    return Exemplar(ids, float(latest.value), latest.time_unix_nano / 1e9)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
