"""How long runs took and how they ended, as far as this process ran them."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final

from spantail.metrics.calls import DEMO, OPERATION
from spantail.metrics.labels import labels_of
from spantail.metrics.provider import meter_of, provider_in_use

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.metrics import MeterProvider

    from spantail.metrics.run_labels import RunLabels

STATUS: Final = "spantail.run.status"
BOUNDS_S: Final = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0, 3_600.0)


class RunMetrics:
    """Records runs with the instruments of one meter provider.

    Args:
        provider: The meter provider.
    """

    def __init__(self, provider: MeterProvider) -> None:
        self._operations = labels_of(provider).operations
        self._duration = meter_of(provider).create_histogram(
            "spantail.run.duration",
            unit="s",
            description="Time of a run, that in the queue included.",
            explicit_bucket_boundaries_advisory=BOUNDS_S,
        )

    def ended(self, duration_s: float, status: str, run: RunLabels, context: Context) -> None:
        """Record a run that has ended.

        Args:
            duration_s: How long it took, in seconds.
            status: `completed`, `failed` or `cancelled`.
            run: What is said of it.
            context: The context in which its root span is current.
        """
        labels: dict[str, Any] = {OPERATION: self._operations(run.operation), STATUS: status, DEMO: run.demo}
        self._duration.record(duration_s, labels, context)


def run_metrics() -> RunMetrics | None:
    """Return what records runs; None where nobody has set up a meter provider."""
    provider = provider_in_use()
    return None if provider is None else _metrics_of(provider)


@functools.lru_cache(maxsize=1)
def _metrics_of(provider: MeterProvider) -> RunMetrics:
    return RunMetrics(provider)
