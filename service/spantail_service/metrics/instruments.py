"""What this process has measured with OpenTelemetry's instruments, as Prometheus metrics with exemplars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.metrics.export import Gauge, Histogram, HistogramDataPoint, NumberDataPoint, Sum
from prometheus_client.core import Metric
from prometheus_client.samples import Exemplar

from spantail_service.metrics.names import label_name, prometheus_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from opentelemetry.sdk.metrics import Exemplar as MeasuredExemplar
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    from opentelemetry.sdk.metrics.export import Metric as Measured

_INFINITE: Final = "+Inf"


def families_of(reader: InMemoryMetricReader, taken: Collection[str] = ()) -> Iterable[Metric]:
    """Read all instruments.

    Args:
        reader: Knows them.
        taken: Names of families that are told otherwise already.
    """
    data = reader.get_metrics_data()
    families: dict[str, Metric] = {}
    for resource in data.resource_metrics if data is not None else ():
        for scope in resource.scope_metrics:
            for measured in scope.metrics:
                _add(families, measured, taken)
    return families.values()


def _add(families: dict[str, Metric], measured: Measured, taken: Collection[str]) -> None:
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
            _add_histogram(family, labels, point)
        elif isinstance(point, NumberDataPoint):
            exemplar = _exemplar(point.exemplars) if kind == "counter" else None
            suffix = "_total" if kind == "counter" else ""
            family.add_sample(f"{name}{suffix}", labels, point.value, exemplar=exemplar)


def _kind(data: object) -> str | None:
    """The type of a family; None for exponential buckets, which the text formats have not."""
    if isinstance(data, Histogram):
        return "histogram"
    if isinstance(data, Sum | Gauge):
        return "counter" if isinstance(data, Sum) and data.is_monotonic else "gauge"
    return None


def _add_histogram(family: Metric, labels: Mapping[str, str], point: HistogramDataPoint) -> None:
    count, below = 0, float("-inf")
    bounds = [*point.explicit_bounds, float("inf")]
    for bound, number in zip(bounds, point.bucket_counts, strict=True):
        count += number
        here = [one for one in point.exemplars if below < one.value <= bound]
        shown = _INFINITE if bound == float("inf") else str(float(bound))
        family.add_sample(f"{family.name}_bucket", {**labels, "le": shown}, count, exemplar=_exemplar(here))
        below = bound
    family.add_sample(f"{family.name}_count", dict(labels), point.count)
    family.add_sample(f"{family.name}_sum", dict(labels), point.sum)


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
