"""Redis as this process sees it: whether it answers, how soon, and how much memory it takes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from prometheus_client.core import GaugeMetricFamily
from redis.exceptions import NoPermissionError

from spantail_service.storage.cluster import is_cluster

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client.core import Metric
    from redis.asyncio import Redis


class RedisGauges:
    """What the last look has found.

    Args:
        shared: What the help text ends with of metrics that are the same in all processes.
    """

    def __init__(self, shared: str) -> None:
        self._shared = shared
        self._up = 0.0
        self._ping_s: float | None = None
        self._memory: dict[str, Any] = {}
        self._is_cluster: bool | None = None

    @property
    def is_cluster(self) -> bool:
        """Whether it is a cluster; known once it has answered."""
        return bool(self._is_cluster)

    async def read(self, redis: Redis) -> None:
        """Look. Raises redis-py's errors."""
        began = time.perf_counter()
        await redis.ping()
        self._ping_s = time.perf_counter() - began
        if self._is_cluster is None:
            self._is_cluster = await is_cluster(redis)
        self._memory = {}
        if not self._is_cluster:  # one node's memory would say nothing of the others'
            try:
                self._memory = await redis.info("memory")
            except NoPermissionError:
                self._memory = {}
        self._up = 1.0

    def forget(self) -> None:
        """It did not answer."""
        self._up, self._ping_s, self._memory = 0.0, None, {}

    def families(self) -> Iterable[Metric]:
        """What is not known has no sample."""
        up = "1 when Redis answered as these figures were read."
        yield GaugeMetricFamily("spantail_redis_up", up, value=self._up)
        yield GaugeMetricFamily(
            "spantail_ready", "1 when this process can do its work, as `/readyz` says.", value=self._up
        )
        ping = GaugeMetricFamily("spantail_redis_ping_seconds", "Time of Redis' answer to a PING of this process.")
        if self._ping_s is not None:
            ping.add_metric([], self._ping_s)
        yield ping
        for name, field, what in (
            ("used", "used_memory", "Memory that Redis takes."),
            ("max", "maxmemory", "Most memory that Redis may take; absent without a limit."),
        ):
            family = GaugeMetricFamily(f"spantail_redis_memory_{name}_bytes", f"{what} {self._shared}")
            if number := self._memory.get(field):
                family.add_metric([], number)
            yield family
