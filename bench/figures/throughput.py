"""How many events a second one process brings into Redis, and what an event costs client, server and memory."""

from __future__ import annotations

import gc
import statistics
import time
from typing import TYPE_CHECKING, Any

import redis
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider

from bench.support.servers import private_redis
from bench.support.workload import ANSWERED, ASKED, SPANS_PER_RUN, asked
from spantail.live import LiveSpanProcessor
from spantail_exporters.livetail import create_sink
from spantail_exporters.model.keys import RUNS_RECENT, run_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SPANS = 20_000
LARGE_RUN = 50_000
ROUNDS = 5


class _Collect(SpanProcessor):
    """Keeps the references that the SDK hands over, so that making spans is not part of the measurement."""

    def __init__(self) -> None:
        self.starts: list[Any] = []
        self.ends: list[ReadableSpan] = []

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        self.starts.append(span)

    def on_end(self, span: ReadableSpan) -> None:
        self.ends.append(span)


def run(rounds: int = ROUNDS) -> dict[str, float]:
    """Measure and print; returns the medians. The two kinds of Redis take turns."""
    rows: dict[str, list[dict[str, float]]] = {"plain": [], "append-only": []}
    with private_redis() as url, redis.Redis.from_url(url, decode_responses=True) as client:
        for _ in range(rounds):
            for name, taken in rows.items():
                client.config_set("appendonly", "yes" if name == "append-only" else "no")
                taken.append(measure(url, client))
        client.config_set("appendonly", "no")
        large = _memory_of_a_run(url, client, LARGE_RUN)
    medians = {
        name: {key: statistics.median(row[key] for row in taken) for key in taken[0]} for name, taken in rows.items()
    }
    figures = medians["plain"]
    kept = medians["append-only"]
    print(
        f"\nEvents into Redis from one process ({SPANS} LLM calls, told with {len(ASKED)} attributes at the start and "
        f"{len(ASKED) + len(ANSWERED)} at the end, median of {rounds})"
    )
    print(f"  {figures['rate']:>10,.0f} events/s (budget 60,000); with an append-only file {kept['rate']:,.0f}")
    print(f"  {figures['client']:>10.1f} us client CPU an event; with an append-only file {kept['client']:.1f}")
    print(f"  {figures['server']:>10.1f} us server CPU an event; with an append-only file {kept['server']:.1f}")
    print(f"  {figures['wire']:>10.0f} bytes to Redis an event")
    print(f"  {figures['bytes']:>10.0f} bytes of JSON a finished span")
    print(f"  {figures['memory']:>10.2f} x its JSON: Redis memory a finished span, runs of {SPANS_PER_RUN} (budget 3)")
    print(f"  {large:>10.2f} x its JSON: Redis memory a finished span, a run of {LARGE_RUN:,} (budget 1.5)")
    return {**figures, "memory_large": large}


def _empty(client: redis.Redis) -> None:
    execute: Any = client.execute_command  # redis-py has no types for it
    execute("FLUSHALL", "SYNC")  # Valkey frees in the background otherwise, and counts it


def _memory_of_a_run(url: str, client: redis.Redis, spans: int) -> float:
    """Store one run of so many spans, each told when it starts and when it ends; Redis memory over the JSON's bytes."""
    _empty(client)
    empty = client.info("memory")["used_memory"]
    provider = TracerProvider(shutdown_on_exit=False)
    sink = create_sink(url)
    provider.add_span_processor(LiveSpanProcessor(sink))
    tracer = provider.get_tracer("bench")
    with tracer.start_as_current_span("run", attributes=ASKED) as root:
        for _ in range(spans // 1_000):
            open_spans = [tracer.start_span("chat gpt-4o-mini", attributes=asked(number)) for number in range(1_000)]
            sink.flush(60)
            for span in open_spans:
                span.set_attributes(ANSWERED)
                span.end()
            sink.flush(60)
    sink.shutdown(60)
    memory = client.info("memory")["used_memory"] - empty
    name = run_keys(f"{root.get_span_context().trace_id:032x}").spans
    size = sum(len(state) for _, state in client.hscan_iter(name, count=1_000))
    return float(memory / size)


def measure(url: str, client: redis.Redis) -> dict[str, float]:
    """Deliver `SPANS` calls to an emptied Redis, which `client` speaks to; returns the figures of this once."""
    _empty(client)
    empty = client.info("memory")["used_memory"]
    collect = _Collect()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(collect)
    tracer = provider.get_tracer("bench")
    for _ in range(SPANS // SPANS_PER_RUN):
        with tracer.start_as_current_span("run", attributes=ASKED, end_on_exit=False):
            for number in range(SPANS_PER_RUN - 1):
                tracer.start_span("chat gpt-4o-mini", attributes=asked(number))
    gc.collect()
    gc.freeze()  # these spans stand for ones that come and go: a collector walking all of them is no cost of delivery
    sink = create_sink(url)
    sink.started(collect.starts[0])
    sink.flush(10)  # connected, script loaded
    wire = client.info("stats")["total_net_input_bytes"]
    server, cpu, wall = _server_cpu(client), time.process_time(), 0.0
    wall += _feed(sink.started, collect.starts[1:], sink)
    cpu = time.process_time() - cpu
    for span in collect.starts:
        span.set_attributes(ANSWERED)
        span.end()
    cpu -= time.process_time()
    wall += _feed(sink.ended, collect.ends, sink)
    cpu += time.process_time()
    server = _server_cpu(client) - server
    wire = client.info("stats")["total_net_input_bytes"] - wire
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
        "wire": wire / events,
        "bytes": size / SPANS,
        "memory": memory / size,
    }


def _feed(hand_over: Callable[[Any], None], spans: Sequence[Any], sink: Any) -> float:
    """Hand over in chunks that the queue can hold; return the seconds until all are stored."""
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
