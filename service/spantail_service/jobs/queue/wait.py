"""How long items have waited in the queue, by OpenTelemetry's metrics API."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

from spantail.metrics.calls import OPERATION
from spantail.metrics.labels import labels_of
from spantail.metrics.provider import meter_of, provider_in_use

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.metrics import Histogram, MeterProvider

    from spantail_service.jobs.queue.item import QueueItem

PRIORITY: Final = "spantail.queue.priority"
BOUNDS_S: Final = (0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0, 1_800.0, 3_600.0)


def measure_wait(item: QueueItem, context: Context) -> None:
    """Record how long a claimed item has waited since it could be claimed; both times are Redis' own.

    Args:
        item: As it was claimed.
        context: The context in which its run's root span is current.
    """
    provider = provider_in_use()
    if provider is None or item.started is None:
        return
    since = max(item.queued, item.available or 0)
    instrument_of(provider).record(
        max(item.started - since, 0) / 1e6,
        {OPERATION: labels_of(provider).operations(item.operation), PRIORITY: item.priority},
        context,
    )


@functools.lru_cache(maxsize=1)
def instrument_of(provider: MeterProvider) -> Histogram:
    """Return the histogram of a provider."""
    return meter_of(provider).create_histogram(
        "spantail.queue.wait",
        unit="s",
        description="Time of an item in the queue, from when it could be claimed until it was.",
        explicit_bucket_boundaries_advisory=BOUNDS_S,
    )
