"""The queue and the processes that work on it, as Prometheus gauges."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from prometheus_client.core import GaugeMetricFamily

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from prometheus_client.core import Metric

    from spantail_service.jobs.queue.figures import QueueFigures
    from spantail_service.jobs.runners.living import RunnerInfo

_RUNNER_STATES: Final = ("alive", "draining")
_SLOT_STATES: Final = ("busy", "free")


class WorkGauges:
    """What waits, and who works.

    Args:
        shared: What every help text ends with.
    """

    def __init__(self, shared: str) -> None:
        self._shared = shared
        self._queue: QueueFigures | None = None
        self._runners: Counter[str] | None = None
        self._slots: Counter[str] = Counter()

    def take(self, queue: QueueFigures | None, runners: Sequence[RunnerInfo] | None) -> None:
        """Take over how they stand; None is not known."""
        self._queue = queue
        self._runners = None if runners is None else Counter()
        self._slots = Counter()
        for runner in runners or ():
            if self._runners is None or not runner.alive or not runner.concurrency:
                continue
            self._runners["draining" if runner.draining else "alive"] += 1
            busy = min(sum(1 for item in runner.running if item.item_id), runner.concurrency)
            self._slots["busy"] += busy
            self._slots["free"] += 0 if runner.draining else runner.concurrency - busy

    def families(self) -> Iterable[Metric]:
        """Items by state, the longest wait, runners and their slots."""
        items = GaugeMetricFamily("spantail_queue_items", f"Items of the queue. {self._shared}", labels=["state"])
        oldest = GaugeMetricFamily(
            "spantail_queue_oldest_wait_seconds",
            f"For how long the first in line could have been claimed; 0 where nothing waits. {self._shared}",
        )
        if self._queue is not None:
            for state, number in self._queue.items.items():
                items.add_metric([state], number)
            oldest.add_metric([], self._queue.oldest_wait_s)
        runners = GaugeMetricFamily(
            "spantail_runners",
            f"Processes that take items; one that drains takes no more. {self._shared}",
            labels=["state"],
        )
        slots = GaugeMetricFamily(
            "spantail_runner_slots", f"Items that runners can work on at a time. {self._shared}", labels=["state"]
        )
        if self._runners is not None:
            for state in _RUNNER_STATES:
                runners.add_metric([state], self._runners[state])
            for state in _SLOT_STATES:
                slots.add_metric([state], self._slots[state])
        yield from (items, oldest, runners, slots)
