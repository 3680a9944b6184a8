"""What is done to providers that the SDK has no public name for: all of it stands here.

Where a private name is missing, nothing is done: each function says what is so then.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from spantail.trouble import report_trouble

if TYPE_CHECKING:
    from opentelemetry import trace
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider


def remove_processors(provider: trace.TracerProvider, processors: tuple[SpanProcessor, ...]) -> None:
    """Take stopped processors out of a provider, which would ask them about every span for ever.

    Where it cannot be done they stay, and do nothing.
    """
    multi: Any = getattr(provider, "_active_span_processor", None)
    lock, held = getattr(multi, "_lock", None), getattr(multi, "_span_processors", None)
    if multi is None or lock is None or not isinstance(held, tuple):
        return
    with lock:
        multi._span_processors = tuple(one for one in multi._span_processors if one not in processors)


def replace_resource(provider: TracerProvider, resource: Resource) -> None:
    """Give a provider, and the tracers it has made, another resource, as the SDK itself does after a fork.

    Where it cannot be done, the resource stays as it is, and a log line says so.
    """
    inner: Any = provider
    try:
        with inner._tracers_lock:
            inner._resource = resource
            for tracer in inner._tracers.values():
                tracer._set_resource(resource)
    except Exception:
        report_trouble("the resource of the tracer provider could not be changed")


def renew_metrics(provider: MeterProvider) -> None:
    """Let a meter provider begin anew in a forked child: with no sums, and no lock that the parent held.

    Where it cannot be done, the child goes on from its parent's sums, under an instance id of its own, and a log line
    says so.
    """
    inner: Any = provider
    try:
        consumer = inner._measurement_consumer
        consumer._lock = threading.Lock()
        for reader in tuple(consumer._reader_storages):
            consumer.add_metric_reader(reader)  # with a storage of its own, in which there is nothing
        for reader in consumer._reader_storages:
            if hasattr(reader, "_export_lock"):
                reader._export_lock = threading.Lock()
    except Exception:
        report_trouble("the metrics of a forked process could not be begun anew")
