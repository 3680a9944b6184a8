"""The meter provider that `configure()` makes where the environment asks for metrics and nobody has made one."""

from __future__ import annotations

import logging
import os
import weakref
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

from spantail.metrics.producers import ProducingExporter
from spantail.metrics.provider import provider_in_use, use_provider
from spantail.metrics.refusal import say_refusal_once, say_refusals_again
from spantail.redaction import Redactor
from spantail.setup.provider import is_made_here
from spantail.setup.sdk_internals import renew_metrics
from spantail.setup.trace_exporters import METRICS, exporters_asked_for
from spantail.trouble import report_trouble

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.sdk.trace import TracerProvider

    from spantail.metrics.producers import MetricProducer

_logger: Final = logging.getLogger("spantail")
_made_here: Final[weakref.WeakSet[MeterProvider]] = weakref.WeakSet()


class Wanted(NamedTuple):
    """What the caller of `configure()` adds to what the environment asks for."""

    readers: Sequence[MetricReader] = ()
    producers: Sequence[MetricProducer] = ()


def new_meter_provider(
    spans: TracerProvider, attributes: Mapping[str, Any], environ: Mapping[str, str], wanted: Wanted
) -> MeterProvider | None:
    """Make a meter provider, set it as the global one and measure with it.

    An application that has made its own tracer provider decides what is exported: it has to ask for metrics by name.

    Args:
        spans: The tracer provider, whose resource the metrics share.
        attributes: Resource attributes over those.
        environ: Where `OTEL_METRICS_EXPORTER`, `OTEL_METRIC_EXPORT_INTERVAL` and their like are looked up.
        wanted: Further readers, and who adds figures to what is exported.

    Returns:
        The provider; None where the application has made one, or nobody asks for metrics.
    """
    existing = provider_in_use()
    if existing is not None and existing not in _made_here:
        return None
    if not (is_made_here(spans) or wanted.readers or environ.get(METRICS.exporter)):
        return None
    shown, readers = _readers(environ, wanted.producers)
    readers += wanted.readers
    if not readers:
        return None
    say_refusal_once()
    # the SDK's own exit hook has no time limit; the handle stops it before
    resource = spans.resource.merge(Resource(attributes))
    redacted = Resource(Redactor.from_environment().native(resource.attributes), resource.schema_url)
    provider = MeterProvider(readers, redacted, shutdown_on_exit=False)
    _made_here.add(provider)
    if existing is None:  # it can be set once; one of an earlier `configure()` stays, and is not used
        metrics.set_meter_provider(provider)
    use_provider(provider)
    _follow_forks(provider)
    if shown:
        _logger.info("metrics: %s", "; ".join(shown))
    return provider


def forget_meter_provider(provider: MeterProvider) -> None:
    """Measure with it no longer: it was shut down."""
    if provider_in_use() is provider:
        use_provider(None)
        say_refusals_again()


def _readers(environ: Mapping[str, str], producers: Sequence[MetricProducer]) -> tuple[list[str], list[MetricReader]]:
    """Make the readers that the environment asks for, and say what each is called in the log."""
    shown: list[str] = []
    readers: list[MetricReader] = []
    for label, exporter in exporters_asked_for(environ, METRICS):
        try:
            readers.append(
                exporter
                if isinstance(exporter, MetricReader)  # one that is asked itself, as Prometheus'
                else PeriodicExportingMetricReader(ProducingExporter(exporter, producers))
            )
        except (AttributeError, ValueError) as error:
            _logger.warning("%s is left out: %s", label, error)
        else:
            shown.append(label)
    return shown, readers


def _follow_forks(provider: MeterProvider) -> None:
    """Let a forked child count from zero: what its parent has counted is exported by the parent."""
    if not hasattr(os, "register_at_fork"):
        return
    weak = weakref.ref(provider)  # a fork hook is for ever

    def in_child() -> None:
        alive = weak()
        if alive is not None:
            try:
                renew_metrics(alive)
            except Exception:
                report_trouble("metrics could not be renewed after a fork")

    os.register_at_fork(after_in_child=in_child)
