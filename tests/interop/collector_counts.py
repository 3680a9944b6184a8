"""What a Collector counts of itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.programs.collectors import RunningCollector


def accepted_spans(collector: RunningCollector) -> int:
    """Spans that its receivers have taken so far."""
    return _sum_of(collector, "otelcol_receiver_accepted_spans(?:_total)?")


def queued_spans(collector: RunningCollector, exporter: str) -> int:
    """What waits for one of its destinations, in the unit of that queue."""
    return _sum_of(collector, "otelcol_exporter_queue_size", f'exporter="{exporter}"')


def _sum_of(collector: RunningCollector, name: str, label: str = "") -> int:
    text = collector.scrape(collector.metrics_port)
    found = re.findall(rf"^{name}\{{[^}}]*{label}[^}}]*\}} (\S+)", text, re.MULTILINE)
    return int(sum(map(float, found)))
