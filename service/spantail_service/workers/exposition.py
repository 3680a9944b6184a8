"""The metrics of a process as figures that can be sent, and figures as what prometheus-client writes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import Exemplar, Metric
from prometheus_client.registry import Collector

from spantail_service.workers.figures import Family

if TYPE_CHECKING:
    from collections.abc import Iterable

_SAYS_SHARED: Final = "do not add them up"
"""Stands in the help text of each metric that is read from Redis."""
_SAME_IN_ALL: Final = frozenset(
    {"process_max_fds", "process_start_time_seconds", "spantail_ready", "spantail_redis_ping_seconds",
     "spantail_redis_up"}
)  # fmt: skip


def figures_of(registry: CollectorRegistry) -> list[Family]:
    """What the registry has at the moment."""
    return [
        Family(metric.name, metric.documentation, metric.type, metric.unit, _is_shared(metric), _samples(metric))
        for metric in registry.collect()
    ]


def registry_of(families: Iterable[Family]) -> CollectorRegistry:
    """A registry that has these figures and no others."""
    registry = CollectorRegistry()
    registry.register(_Figures(families))
    return registry


class _Figures(Collector):
    def __init__(self, families: Iterable[Family]) -> None:
        self._families = families

    def describe(self) -> Iterable[Metric]:
        """Nothing: the names are nobody else's here."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Each family, as prometheus-client wants it."""
        for family in self._families:
            metric = Metric(family.name, family.meaning, family.kind, family.unit)
            for name, labels, value, exemplar in family.samples:
                metric.add_sample(
                    name,
                    labels,
                    float("nan") if value is None else value,
                    exemplar=Exemplar(*exemplar) if exemplar else None,
                )
            yield metric


def _is_shared(metric: Metric) -> bool:
    return _SAYS_SHARED in metric.documentation or metric.name in _SAME_IN_ALL or metric.name.endswith("_info")


def _samples(metric: Metric) -> list[list[Any]]:
    return [
        [
            sample.name,
            dict(sample.labels),
            sample.value,
            None
            if sample.exemplar is None
            else [dict(sample.exemplar.labels), sample.exemplar.value, sample.exemplar.timestamp],
        ]
        for sample in metric.samples
    ]
