"""The service's own health, and the runs and the spend it knows of, as Prometheus metrics.

Requests are counted in plain dicts, because every poll is one; the families are made when somebody reads them.
Names follow OpenTelemetry's semantic conventions where they have one (`http.server.request.duration`).
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from spantail_exporters.model import keys
from spantail_exporters.redis.errors import REDIS_UNREACHABLE
from spantail_service import __version__
from spantail_service.jobs.queue.figures import queue_figures
from spantail_service.llm.breaker import Circuit, all_circuits
from spantail_service.llm.budget.gauges import BudgetGauges
from spantail_service.metrics.deliveries import families_of as families_of_deliveries
from spantail_service.metrics.durations import LAG_BOUNDS_S, Durations
from spantail_service.metrics.ended_runs import EndedRuns
from spantail_service.metrics.instruments import Instruments
from spantail_service.metrics.otlp import scope_metrics
from spantail_service.metrics.redis_gauges import RedisGauges
from spantail_service.metrics.work import WorkGauges
from spantail_service.runs.spend_counters import SpendCounters, counted
from spantail_service.runs.spending import spend_by_backend

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable

    from opentelemetry.sdk.metrics.export import InMemoryMetricReader, ScopeMetrics
    from prometheus_client.core import Metric
    from redis.asyncio import Redis
    from starlette.types import Scope

    from spantail_service.jobs.runners.living import RunnerRegistry
    from spantail_service.llm.budget import BudgetLedger
    from spantail_service.metrics.deliveries import Deliveries, Delivery

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_STATUSES: Final = ("queued", "running", "completed", "failed", "cancelled", "abandoned")
_OPENNESS: Final = {"closed": 0.0, "half_open": 0.5, "open": 1.0}
_REDIS_S: Final = 2.0
_READ_S: Final = 5.0
_ABANDONED: Final = "Open spans that the reaper of this process has ended, by why."
_LAG: Final = "From when an event of a watched run happened until this process has read it, newest of each read."
_SHARED: Final = "All processes on one Redis tell the same: do not add them up."


class _Watched(NamedTuple):
    name: str
    meaning: str
    read: Callable[[], float]


class ServiceMetrics(Collector):
    """Counts what this process does; `registry` is what `/metrics` writes out."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._since_ns = time.time_ns()
        self._instruments: Instruments | None = None
        self._requests: dict[tuple[str, str, int], Durations] = {}
        self._refused: Counter[str] = Counter()
        self._logins: Counter[str] = Counter()
        self._started: Counter[str] = Counter()
        self._ingested: Counter[tuple[str, str]] = Counter()
        self._watched: list[_Watched] = []
        self._reading = asyncio.Lock()
        self._redis = RedisGauges(_SHARED)
        self._work = WorkGauges(_SHARED)
        self._ended = EndedRuns(_SHARED)
        self._abandoned: Counter[str] = Counter()
        self._lag = Durations(LAG_BOUNDS_S)
        self._runs: dict[str, float] = {}
        self._circuits: list[Circuit] = []
        self._budgets = BudgetGauges(_SHARED)
        self._deliveries: dict[str, Delivery] = {}
        self._spend = SpendCounters(_SHARED)
        self._demo_spend = SpendCounters(_SHARED, "spantail_demo_llm", " of runs on demo data")
        self.add_up: Callable[[], Awaitable[CollectorRegistry]] | None = None
        """Answers the figures of all workers of this service; None where it has one."""
        # After what they need: registering asks for the names at once.
        self.registry.register(self)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def show_instruments(self, reader: InMemoryMetricReader) -> None:
        """Show what this process measures with OpenTelemetry's instruments too."""
        self._instruments = Instruments(reader)

    def request(self, scope: Scope, status: int, duration_s: float) -> None:
        """Count an HTTP request that has been answered (status 0: the client left before)."""
        self.requests_of(scope["method"], getattr(scope.get("route"), "path", ""), status).add(duration_s)

    def requests_of(self, method: str, route: str, status: int) -> Durations:
        """The durations of such requests; for a caller that counts many of one kind."""
        key = (method if method in _METHODS else "_OTHER", route, status)
        durations = self._requests.get(key)
        if durations is None:
            durations = self._requests[key] = Durations()
        return durations

    def refused(self, kind: str) -> None:
        """Count somebody who was not let in."""
        self._refused[kind] += 1

    def login(self, *, accepted: bool) -> None:
        """Count a try to sign in on the page."""
        self._logins["accepted" if accepted else "refused"] += 1

    def started(self, operation: str) -> None:
        """Count an operation that was started."""
        self._started[operation] += 1

    def ingested(self, signal: str, accepted: int, rejected: int = 0) -> None:
        """Count what came in over OTLP: `signal` is `traces` or `logs`, the numbers are spans or records."""
        self._ingested[signal, "accepted"] += accepted
        self._ingested[signal, "rejected"] += rejected

    def abandoned(self, reason: str, spans: int) -> None:
        """Count open spans that the reaper has ended, by why."""
        self._abandoned[reason] += spans

    def lag(self, seconds: float) -> None:
        """Count how old the newest event of a watched run was as it was read."""
        self._lag.add(seconds)

    def watch(self, name: str, meaning: str, read: Callable[[], float]) -> None:
        """Show a gauge `spantail_{name}` that is read when somebody looks."""
        self._watched.append(_Watched(f"spantail_{name}", meaning, read))

    async def read_redis(
        self,
        redis: Redis,
        *,
        budgets: BudgetLedger | None = None,
        notices: Deliveries | None = None,
        runners: RunnerRegistry | None = None,
    ) -> None:
        """Take over what all processes share, before the registry is written out; never raises."""
        async with self._reading:  # two at the same time would count the same ended runs twice
            await self._read_redis(redis, budgets, notices, runners)

    async def _read_redis(
        self,
        redis: Redis,
        budgets: BudgetLedger | None,
        notices: Deliveries | None,
        runners: RunnerRegistry | None,
    ) -> None:
        try:
            async with asyncio.timeout(_REDIS_S):
                await self._redis.read(redis)
                queue = await queue_figures(redis, is_cluster=self._redis.is_cluster)
                known = await runners.all() if runners else None
                await self._ended.look(redis)
                pipe = redis.pipeline(transaction=False)
                for status in _STATUSES:
                    pipe.zcard(keys.runs_of_status(status))
                counts = await pipe.execute()
                spent = await spend_by_backend(redis, days=2)
                circuits = await all_circuits(redis)
                states = await budgets.listed() if budgets else []
                deliveries = dict(await notices.deliveries()) if notices else {}
        except (TimeoutError, *REDIS_UNREACHABLE):
            self._redis.forget()
            self._runs, self._circuits, self._deliveries = {}, [], {}
            self._budgets.take([])
            self._work.take(None, None)
            return
        self._work.take(queue, known)
        self._runs = dict(zip(_STATUSES, map(float, counts), strict=True))
        self._circuits, self._deliveries = circuits, deliveries
        self._budgets.take(states)
        self._spend.take(spent["days"])
        self._demo_spend.take([{"day": day["day"], **day["demo"]} for day in spent["days"]])

    def collect(self) -> Iterable[Metric]:
        """Every family, as prometheus-client asks for them."""
        own = list(self.families())
        yield from own
        if self._instruments is not None:
            yield from self._instruments.families({family.name for family in own})

    def produced(self, loop: asyncio.AbstractEventLoop, read: Callable[[], Coroutine[Any, Any, None]]) -> ScopeMetrics:
        """The same figures, without those of instruments, for an export by OTLP; called on the exporter's thread.

        Args:
            loop: The service's event loop.
            read: Brings them up to date there.

        Raises:
            TimeoutError: The event loop has too much to do.
        """

        async def up_to_date() -> list[Metric]:
            await read()
            return list(self.families())  # some of what is watched can be read on that thread only

        return scope_metrics(asyncio.run_coroutine_threadsafe(up_to_date(), loop).result(_READ_S), self._since_ns)

    def families(self) -> Iterable[Metric]:
        """Every family of the service's own."""
        build = GaugeMetricFamily("spantail_build_info", "The version that runs.", labels=["version"])
        build.add_metric([__version__], 1)
        yield build
        yield GaugeMetricFamily("spantail_workers", "Workers of this service that have said these figures.", value=1)
        durations = HistogramMetricFamily(
            "http_server_request_duration_seconds",
            "Time to answer HTTP requests, long polls and streams included.",
            labels=["http_request_method", "http_route", "http_response_status_code"],
        )
        for (method, route, code), seen in list(self._requests.items()):
            durations.add_metric([method, route, str(code)], seen.cumulative(), seen.sum_s)
        yield durations
        yield counted("spantail_refused", "Connections that were not let in.", "reason", self._refused)
        yield counted("spantail_logins", "Tries to sign in on the page.", "outcome", self._logins)
        yield counted("spantail_operations_started", "Operations that were started.", "operation", self._started)
        ingested = CounterMetricFamily(
            "spantail_otlp_received", "Spans and log records over OTLP.", labels=["signal", "outcome"]
        )
        for (signal, outcome), number in list(self._ingested.items()):
            ingested.add_metric([signal, outcome], number)
        yield ingested
        yield counted("spantail_reaper_abandoned_spans", _ABANDONED, "reason", self._abandoned)
        lag = HistogramMetricFamily("spantail_tail_lag_seconds", _LAG)
        lag.add_metric([], self._lag.cumulative(), self._lag.sum_s)
        yield lag
        for watched in self._watched:
            yield GaugeMetricFamily(watched.name, watched.meaning, value=watched.read())
        yield from self._redis.families()
        runs = GaugeMetricFamily("spantail_runs", f"Runs that are kept, by status. {_SHARED}", labels=["status"])
        for status, count in self._runs.items():
            runs.add_metric([status], count)
        yield runs
        open_circuits = GaugeMetricFamily(
            "spantail_llm_circuit_open",
            f"1 where an LLM backend is not asked at the moment, 0.5 while one attempt tries it, else 0. {_SHARED}",
            labels=["backend", "model"],
        )
        for circuit in self._circuits:
            open_circuits.add_metric([circuit.backend, circuit.model], _OPENNESS[circuit.state])
        yield open_circuits
        yield from self._work.families()
        yield from self._ended.families()
        yield from self._budgets.families()
        yield from families_of_deliveries(self._deliveries, _SHARED)
        yield from self._spend.families()
        yield from self._demo_spend.families()
