"""How the notices of each rule are delivered, as Prometheus gauges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from prometheus_client.core import GaugeMetricFamily

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from prometheus_client.core import Metric


class Delivery(Protocol):
    """How the notices of one rule are delivered."""

    @property
    def last_sent(self) -> int | None:
        """Microseconds since the epoch."""

    @property
    def pending(self) -> int:
        """How many are to be sent."""

    @property
    def dead(self) -> int:
        """How many could not be sent."""


class Deliveries(Protocol):
    """Knows how the notices of each rule are delivered."""

    async def deliveries(self) -> Mapping[Any, Delivery]:
        """By the rule's name."""


def families_of(deliveries: Mapping[str, Delivery], shared: str) -> Iterable[Metric]:
    """Three gauges by rule; every help text ends with `shared`."""
    pending = GaugeMetricFamily("spantail_notices_pending", f"Notices to be sent. {shared}", labels=["rule"])
    dead = GaugeMetricFamily(
        "spantail_notices_dead", f"Notices of the latest 200 that could not be sent. {shared}", labels=["rule"]
    )
    last_sent = GaugeMetricFamily(
        "spantail_notices_last_sent_timestamp_seconds", f"When a notice was sent last. {shared}", labels=["rule"]
    )
    for rule, delivery in deliveries.items():
        pending.add_metric([rule], delivery.pending)
        dead.add_metric([rule], delivery.dead)
        if delivery.last_sent is not None:
            last_sent.add_metric([rule], delivery.last_sent / 1e6)
    yield from (pending, dead, last_sent)
