"""The live pipeline's own health, as OpenTelemetry metrics. Without a meter provider it does nothing and costs nothing.

Names follow the semantic conventions for SDK metrics (`otel.sdk.*`) where they have one. Units are events, not
spans, where a span may be several. Nothing here runs on the application's threads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.metrics import Observation, get_meter

from spantail.metrics.provider import meter_of, provider_in_use

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from opentelemetry.metrics import CallbackOptions


class Health:
    """Counts what the worker did; `queue_length`, `open_spans` and `spool_bytes` are asked when metrics are read."""

    def __init__(
        self,
        component: str,
        *,
        queue_length: Callable[[], int],
        queue_capacity: int,
        open_spans: Callable[[], int],
        spool_bytes: Callable[[], int],
    ) -> None:
        self._attributes = {"otel.component.type": "spantail_live_pipeline", "otel.component.name": component}
        provider = provider_in_use()
        # the API's own meter turns into a real one as soon as there is one
        meter = get_meter("spantail") if provider is None else meter_of(provider)
        self._delivered = meter.create_counter(
            "spantail.events.delivered", unit="{event}", description="Events that Redis has taken."
        )
        self._dropped = meter.create_counter(
            "spantail.events.dropped", unit="{event}", description="Events that were lost, by reason (error.type)."
        )
        self._duration = meter.create_histogram(
            "otel.sdk.exporter.operation.duration", unit="s", description="Time of one delivery to Redis."
        )
        for name, unit, description, read in (
            ("otel.sdk.span.live", "{span}", "Spans that have started and not ended.", open_spans),
            ("otel.sdk.processor.span.queue.size", "{span}", "References that wait to be encoded.", queue_length),
            ("otel.sdk.processor.span.queue.capacity", "{span}", "How many may wait.", lambda: queue_capacity),
            ("spantail.spool.size", "By", "Bytes that wait on disk while Redis is away.", spool_bytes),
        ):
            meter.create_observable_up_down_counter(
                name, callbacks=[self._observe(read)], unit=unit, description=description
            )

    def delivered(self, events: int, duration_s: float) -> None:
        """Count events that Redis has taken in one delivery."""
        self._delivered.add(events, self._attributes)
        self._duration.record(duration_s, self._attributes)

    def dropped(self, events: int, reason: str) -> None:
        """Count events that were lost."""
        self._dropped.add(events, {**self._attributes, "error.type": reason})

    def failed(self, duration_s: float, trouble: BaseException) -> None:
        """Note a delivery that Redis did not take; its events are not lost yet."""
        self._duration.record(duration_s, {**self._attributes, "error.type": type(trouble).__name__})

    def _observe(self, read: Callable[[], int]) -> Callable[[CallbackOptions], Iterable[Observation]]:
        return lambda _options: (Observation(read(), self._attributes),)
