"""How many events a second one process brings into Redis, and what an event costs client, server and memory."""

from __future__ import annotations

import gc
import statistics
import time
from typing import TYPE_CHECKING, Any

import redis
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider

from bench.servers import private_redis
from bench.workload import ATTRIBUTES, SPANS_PER_RUN
from spantail_exporters.keys import RUNS_RECENT, run_keys
from spantail_exporters.livetail import create_sink

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SPANS = 20_000
ROUNDS = 5


class _Collect(SpanProcessor):
    """Keeps the references that the SDK hands over, so that making spans is not part of the measurement."""

    def __init__(self) -> None:
        self.starts: list[Any] = []
        self.ends: list[ReadableSpan] = []

    def on_start(self, span: Any, parent_context: Any = None) -> None:  # noqa: ARG002 - SDK signature
        self.starts.append(span)

    def on_end(self, span: ReadableSpan) -> None:
        self.ends.append(span)


def run(rounds: int = ROUNDS) -> dict[str, float]:
    """Measure and print; returns the medians."""
    with private_redis() as url, redis.Redis.from_url(url, decode_responses=True) as client:
        rows = [_round(url, client) for _ in range(rounds)]
    figures = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
    print(f"\nEvents into Redis from one process ({SPANS} spans, start and end, median of {rounds})")
    print(f"  {figures['rate']:>10,.0f} events/s (budget 60,000)")
    print(f"  {figures['client']:>10.1f} us client CPU an event")
    print(f"  {figures['server']:>10.1f} us server CPU an event")
    print(f"  {figures['bytes']:>10.0f} bytes of JSON a finished span")
    print(f"  {figures['memory']:>10.2f} x its JSON: Redis memory a finished span, runs of {SPANS_PER_RUN} (budget 3)")
    return figures


def _round(url: str, client: redis.Redis) -> dict[str, float]:
    client.flushall()
    empty = client.info("memory")["used_memory"]
    collect = _Collect()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(collect)
    tracer = provider.get_tracer("bench")
    for _ in range(SPANS // SPANS_PER_RUN):
        with tracer.start_as_current_span("run", attributes=ATTRIBUTES, end_on_exit=False):
            for _ in range(SPANS_PER_RUN - 1):
                tracer.start_span("chat gpt-4o-mini", attributes=ATTRIBUTES)
    gc.collect()
    gc.freeze()  # these spans stand for ones that come and go: a collector walking all of them is no cost of delivery
    sink = create_sink(url)
    sink.started(collect.starts[0])
    sink.flush(10)  # connected, script loaded
    server, cpu, wall = _server_cpu(client), time.process_time(), 0.0
    wall += _feed(sink.started, collect.starts[1:], sink)
    cpu = time.process_time() - cpu
    for span in collect.starts:
        span.end()
    cpu -= time.process_time()
    wall += _feed(sink.ended, collect.ends, sink)
    cpu += time.process_time()
    server = _server_cpu(client) - server
    events = 2 * SPANS - 1
    sink.shutdown(5)
    gc.unfreeze()
    memory = client.info("memory")["used_memory"] - empty
    size = 0
    for run_id in client.zrange(RUNS_RECENT, 0, -1):
        size += sum(map(len, client.hvals(run_keys(str(run_id)).spans)))
    return {
        "rate": events / wall,
        "client": cpu / events * 1e6,
        "server": server / events * 1e6,
        "bytes": size / SPANS,
        "memory": memory / size,
    }


def _feed(hand_over: Callable[[Any], None], spans: Sequence[Any], sink: Any) -> float:
    """Hand over in portions that the queue can hold; return the seconds until all are stored."""
    begun = time.perf_counter()
    for first in range(0, len(spans), 50_000):
        for span in spans[first : first + 50_000]:
            hand_over(span)
        if not sink.flush(60):
            raise RuntimeError("Redis did not take the spans within 60 s")
    return time.perf_counter() - begun


def _server_cpu(client: redis.Redis) -> float:
    info = client.info("cpu")
    return float(info["used_cpu_user"]) + float(info["used_cpu_sys"])
