"""Counters of the runs that have ended, whoever ran them, and of the events that they have lost.

They are read from the changes of the list of runs, from where the last look ended. A run that was declared abandoned
and came back counts with both its ends.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import TYPE_CHECKING, Any, Final

from prometheus_client.core import CounterMetricFamily

from spantail.metrics.labels import BoundedValues
from spantail_exporters.model import keys
from spantail_service.runs.meta import parse_meta
from spantail_service.storage.run_writes import now_us

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from prometheus_client.core import Metric
    from redis.asyncio import Redis

    from spantail_service.runs.meta import RunMeta

FINAL: Final = ("completed", "failed", "cancelled", "abandoned")
_STEP: Final = 500  # changes a trip
_MOST_STEPS: Final = 20  # as many as the list keeps; what is left comes with the next look
_REMEMBERED: Final = 50_000
_SLACK_US: Final = 5_000_000  # clocks of machines differ


class EndedRuns:
    """Counts since this process first looked.

    Args:
        shared: What every help text ends with.
    """

    def __init__(self, shared: str) -> None:
        self._since = f"Counted since this process first looked. {shared}"
        self._position: str | None = None
        self._first_look_us = 0
        self._known: OrderedDict[str, str] = OrderedDict()  # how runs had ended when they were looked at last
        self._ended: Counter[tuple[str, str]] = Counter()
        self._dropped: Counter[str] = Counter()
        self._operations = BoundedValues(100)
        self._reasons = BoundedValues(50, only_words=True)

    async def look(self, redis: Redis) -> None:
        """Take over what has changed since the last look. Raises redis-py's errors."""
        if self._position is None:
            seconds, micros = await redis.time()
            newest: Any = await redis.xrevrange(keys.RUNS_CHANGES, count=1)
            self._first_look_us = seconds * 1_000_000 + micros
            self._position = newest[0][0].decode() if newest else "0-0"
            return
        for _ in range(_MOST_STEPS):
            found: Any = await redis.xread({keys.RUNS_CHANGES: self._position}, count=_STEP)
            if not found:
                return
            changes = found[0][1]
            await self._take(redis, list(dict.fromkeys(fields[b"run"].decode() for _, fields in changes)))
            self._position = changes[-1][0].decode()
            if len(changes) < _STEP:
                return

    async def _take(self, redis: Redis, run_ids: Sequence[str]) -> None:
        pipe = redis.pipeline(transaction=False)
        for run_id in run_ids:
            pipe.hgetall(keys.run_keys(run_id).meta)
        for run_id, fields in zip(run_ids, await pipe.execute(), strict=True):
            meta = parse_meta(fields, now_us())
            if meta is not None and meta.status in FINAL and not meta.imported:
                self._count(run_id, meta, int(fields.get(b"last", b"0")))

    def _count(self, run_id: str, meta: RunMeta, last_us: int) -> None:
        before = self._known.pop(run_id, None)
        self._known[run_id] = meta.status
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        # what ended before anybody looked here has only been pinned, or the like
        is_old = before is None and last_us < self._first_look_us - _SLACK_US
        if before == meta.status or is_old:
            return
        self._ended[self._operations(meta.operation or "unknown"), meta.status] += 1
        if before is None:
            for reason, number in meta.dropped.items():
                self._dropped[self._reasons(reason)] += number

    def families(self) -> Iterable[Metric]:
        """Runs by operation and status, lost events by reason."""
        ended = CounterMetricFamily(
            "spantail_runs_ended", f"Runs that have ended. {self._since}", labels=["operation", "status"]
        )
        for (operation, status), number in self._ended.items():
            ended.add_metric([operation, status], number)
        dropped = CounterMetricFamily(
            "spantail_dropped_events", f"Events that ended runs have counted as lost. {self._since}", labels=["reason"]
        )
        for reason, number in self._dropped.items():
            dropped.add_metric([reason], number)
        yield from (ended, dropped)
