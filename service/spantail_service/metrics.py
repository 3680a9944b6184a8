"""The service's own health, and the runs and the spend it knows of, as Prometheus metrics.

Requests are counted in plain dicts, because every poll is one; the families are made when somebody reads them.
Names follow OpenTelemetry's semantic conventions where they have one (`http.server.request.duration`).
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from spantail.pricing import NANO
from spantail_exporters.model import keys
from spantail_exporters.redis.errors import REDIS_UNREACHABLE
from spantail_service import __version__
from spantail_service.llm.breaker import Circuit, all_circuits
from spantail_service.runs.spend import spend_by_backend

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from prometheus_client.core import Metric
    from redis.asyncio import Redis
    from starlette.types import Scope

BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Bounds of the request durations. The semantic conventions advise these up to 10 s; a long poll takes 30."""

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_STATUSES: Final = ("queued", "running", "completed", "failed", "cancelled", "abandoned")
_MOST_BACKENDS: Final = 100  # whoever sends spans names them, and each is a label: further ones are summed up
_OTHER: Final = "other"
_OPENNESS: Final = {"closed": 0.0, "half_open": 0.5, "open": 1.0}
_REDIS_S: Final = 2.0
_SHARED: Final = "All processes on one Redis tell the same: do not add them up."


class _Watched(NamedTuple):
    name: str
    meaning: str
    read: Callable[[], float]


class Durations:
    """How long requests of one kind took, as a histogram."""

    __slots__ = ("counts", "sum_s")

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS_S) + 1)
        self.sum_s = 0.0

    def add(self, duration_s: float) -> None:
        """Count one request."""
        self.counts[bisect_left(BUCKETS_S, duration_s)] += 1
        self.sum_s += duration_s

    def cumulative(self) -> list[tuple[str, float]]:
        """The buckets as Prometheus wants them."""
        total, buckets = 0, []
        for bound, count in zip((*map(str, BUCKETS_S), "+Inf"), self.counts, strict=True):
            total += count
            buckets.append((bound, float(total)))
        return buckets


class ServiceMetrics(Collector):
    """Counts what this process does; `registry` is what `/metrics` writes out."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests: dict[tuple[str, str, int], Durations] = {}
        self._refused: Counter[str] = Counter()
        self._logins: Counter[str] = Counter()
        self._started: Counter[str] = Counter()
        self._ingested: Counter[tuple[str, str]] = Counter()
        self._watched: list[_Watched] = []
        self._redis_up = 0.0
        self._runs: dict[str, float] = {}
        self._circuits: list[Circuit] = []
        self._spend = _Spend()
        self._demo_spend = _Spend("spantail_demo_llm", " of runs on demo data")
        # After what they need: registering asks for the names at once.
        self.registry.register(self)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)

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

    def watch(self, name: str, meaning: str, read: Callable[[], float]) -> None:
        """Show a gauge `spantail_{name}` that is read when somebody looks."""
        self._watched.append(_Watched(f"spantail_{name}", meaning, read))

    async def read_redis(self, redis: Redis) -> None:
        """Take over what all processes share, before the registry is written out; never raises."""
        try:
            async with asyncio.timeout(_REDIS_S):
                pipe = redis.pipeline(transaction=False)
                for status in _STATUSES:
                    pipe.zcard(keys.runs_of_status(status))
                counts = await pipe.execute()
                spent = await spend_by_backend(redis, days=2)
                circuits = await all_circuits(redis)
        except (TimeoutError, *REDIS_UNREACHABLE):
            self._redis_up = 0.0
            self._runs, self._circuits = {}, []
            return
        self._redis_up = 1.0
        self._runs = dict(zip(_STATUSES, map(float, counts), strict=True))
        self._circuits = circuits
        self._spend.take(spent["days"])
        self._demo_spend.take([{"day": day["day"], **day["demo"]} for day in spent["days"]])

    def collect(self) -> Iterable[Metric]:
        """Every family, as prometheus-client asks for them."""
        build = GaugeMetricFamily("spantail_build_info", "The version that runs.", labels=["version"])
        build.add_metric([__version__], 1)
        yield build
        durations = HistogramMetricFamily(
            "http_server_request_duration_seconds",
            "Time to answer HTTP requests, long polls and streams included.",
            labels=["http_request_method", "http_route", "http_response_status_code"],
        )
        for (method, route, code), seen in list(self._requests.items()):
            durations.add_metric([method, route, str(code)], seen.cumulative(), seen.sum_s)
        yield durations
        yield _counted("spantail_refused", "Connections that were not let in.", "reason", self._refused)
        yield _counted("spantail_logins", "Tries to sign in on the page.", "outcome", self._logins)
        yield _counted("spantail_operations_started", "Operations that were started.", "operation", self._started)
        ingested = CounterMetricFamily(
            "spantail_otlp_received", "Spans and log records over OTLP.", labels=["signal", "outcome"]
        )
        for (signal, outcome), number in list(self._ingested.items()):
            ingested.add_metric([signal, outcome], number)
        yield ingested
        for watched in self._watched:
            yield GaugeMetricFamily(watched.name, watched.meaning, value=watched.read())
        yield GaugeMetricFamily(
            "spantail_redis_up", "1 when Redis answered as these figures were read.", value=self._redis_up
        )
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
        yield from self._spend.families()
        yield from self._demo_spend.families()


class _Spend:
    """Counters of calls, tokens and money, from the sums by day.

    A sum may go down when a run is corrected, and it begins anew each day; a counter may do neither. So what counts
    is by how much a day's sum has passed its highest value since this process began to look.

    Args:
        prefix: What the names of the metrics begin with.
        which: Which calls and money these are, after "LLM calls (attempts)" and "Money in USD".
    """

    _FIELDS: Final = ("calls", "errors", "unpriced", "input", "output", "nano")

    def __init__(self, prefix: str = "spantail_llm", which: str = "") -> None:
        self._prefix = prefix
        self._which = which
        self._highest: dict[tuple[str, str, str], int] | None = None
        self._totals: dict[str, Counter[str]] = {}
        self._today: Counter[str] = Counter()

    def take(self, days: list[dict[str, Any]]) -> None:
        """Take over the sums of the last days, today's last."""
        before = self._highest
        now: dict[tuple[str, str, str], int] = {}
        for day in days:
            for backend, sums in day["backends"].items():
                totals = self._totals.setdefault(self._label(backend), Counter())
                flat = {**sums, **sums["tokens"], "nano": sums["cost_nano"]}
                for field in self._FIELDS:
                    key = (day["day"], backend, field)
                    highest = flat[field] if before is None else before.get(key, 0)
                    now[key] = max(highest, flat[field])
                    totals[field] += now[key] - highest
        days_seen = {day["day"] for day in days}
        gone = {key: highest for key, highest in (before or {}).items() if key[0] in days_seen and key not in now}
        self._highest = now | gone  # a sum that has fallen to nothing is not shown, and may rise again
        self._today = Counter()
        for backend, sums in days[-1]["backends"].items():
            self._today[self._label(backend)] += sums["cost_usd"]

    def _label(self, backend: str) -> str:
        return backend if backend in self._totals or len(self._totals) < _MOST_BACKENDS else _OTHER

    def families(self) -> Iterable[Metric]:
        """The counters, and what was spent today."""
        since = f"Counted since this process first looked. {_SHARED}"

        def totals_of(field: str, per: float = 1.0) -> dict[str, float]:
            return {backend: totals[field] / per for backend, totals in self._totals.items()}

        prefix, which = self._prefix, self._which
        calls = f"LLM calls (attempts){which}"
        yield _counted(f"{prefix}_calls", f"{calls}. {since}", "backend", totals_of("calls"))
        yield _counted(f"{prefix}_call_errors", f"{calls} that failed. {since}", "backend", totals_of("errors"))
        yield _counted(
            f"{prefix}_calls_unpriced", f"{calls} without a price. {since}", "backend", totals_of("unpriced")
        )
        tokens = CounterMetricFamily(f"{prefix}_tokens", f"Tokens{which}. {since}", labels=["backend", "type"])
        for direction in ("input", "output"):
            for backend, number in totals_of(direction).items():
                tokens.add_metric([backend, direction], number)
        yield tokens
        yield _counted(f"{prefix}_cost_usd", f"Money in USD{which}. {since}", "backend", totals_of("nano", per=NANO))
        today = GaugeMetricFamily(
            f"{prefix}_cost_today_usd",
            f"Money in USD{which}, of the runs begun today (UTC). {_SHARED}",
            labels=["backend"],
        )
        for backend, usd in self._today.items():
            today.add_metric([backend], usd)
        yield today


def _counted(name: str, meaning: str, label: str, numbers: Mapping[str, float]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, meaning, labels=[label])
    for value, number in list(numbers.items()):
        family.add_metric([value], number)
    return family
