"""What a span costs the application: bare SDK, Spantail, and BatchSpanProcessor with OTLP/HTTP, side by side.

Every measurement is a process of its own; the variants take turns, so that a drift of the machine's speed hits
all alike. Figures are medians over the rounds, and differences are taken round by round against the bare SDK.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from typing import Any

from bench.servers import otlp_sink, private_redis
from bench.workload import make_spans

SPANS = 20_000
WARM_UP = 2_000
ROUNDS = 5


def run(rounds: int = ROUNDS) -> dict[str, float]:
    """Measure and print; returns the medians by name (microseconds a span)."""
    with private_redis() as redis_url, otlp_sink() as otlp_url:
        variants = {"bare": "", "spantail": redis_url, "bsp_otlp": otlp_url}
        results: dict[str, list[dict[str, float]]] = {name: [] for name in variants}
        for _ in range(rounds):
            for name, url in variants.items():
                results[name].append(_measure(name, url))
    bare = results["bare"]
    print(f"\nCost of a span for the application ({SPANS} spans of 12 attributes, start and end, median of {rounds})")
    print(f"{'':24}{'thread us':>10}{'added':>8}{'wall us':>10}{'added':>8}{'CPU us/delivered':>18}{'delivered':>11}")
    figures: dict[str, float] = {}
    for name, rows in results.items():
        thread = statistics.median(r["thread"] for r in rows)
        wall = statistics.median(r["wall"] for r in rows)
        thread_added = statistics.median(r["thread"] - b["thread"] for r, b in zip(rows, bare, strict=True))
        wall_added = statistics.median(r["wall"] - b["wall"] for r, b in zip(rows, bare, strict=True))
        delivered = statistics.median(r["delivered"] for r in rows)
        cpu = statistics.median(
            (r["cpu"] - b["cpu"]) / r["delivered"] if r["delivered"] else 0.0 for r, b in zip(rows, bare, strict=True)
        )
        figures |= {
            f"{name}.thread_added": thread_added,
            f"{name}.wall_added": wall_added,
            f"{name}.cpu": cpu,
        }
        print(
            f"{name:24}{thread:>10.1f}{thread_added:>8.1f}{wall:>10.1f}{wall_added:>8.1f}{cpu:>18.1f}{delivered:>11.0%}"
        )
    print(
        f"spantail / bsp_otlp: wall added {figures['spantail.wall_added'] / figures['bsp_otlp.wall_added']:.2f} "
        f"(budget 0.50), CPU a delivered span {figures['spantail.cpu'] / figures['bsp_otlp.cpu']:.2f} (budget 0.33)"
    )
    return figures


def _measure(variant: str, url: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.hot_path", variant, url],
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
    )
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def _child(variant: str, url: str) -> None:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

    provider = TracerProvider(resource=Resource({"service.name": "bench"}))
    delivered = _install(provider, variant, url)
    tracer = provider.get_tracer("bench")
    make_spans(tracer, WARM_UP)
    provider.force_flush(60_000)
    before = delivered()
    cpu, thread, wall = time.process_time(), time.thread_time(), time.perf_counter()
    make_spans(tracer, SPANS)
    wall, thread = time.perf_counter() - wall, time.thread_time() - thread
    provider.force_flush(60_000)
    cpu = time.process_time() - cpu
    print(
        json.dumps(
            {
                "thread": thread / SPANS * 1e6,
                "wall": wall / SPANS * 1e6,
                "cpu": cpu / SPANS * 1e6,
                "delivered": (delivered() - before) / SPANS,
            }
        )
    )
    provider.shutdown()


def _install(provider: Any, variant: str, url: str) -> Any:
    if variant == "spantail":
        import redis

        from spantail.live import LiveSpanProcessor
        from spantail_exporters import keys
        from spantail_exporters.livetail import create_sink

        provider.add_span_processor(LiveSpanProcessor(create_sink(url)))
        client = redis.Redis.from_url(url, decode_responses=True)

        def stored() -> int:
            pipeline = client.pipeline(transaction=False)
            for run_id in client.zrange(keys.RUNS_RECENT, 0, -1):
                pipeline.hmget(keys.run_keys(str(run_id)).meta, "spans", "open")
            return sum(int(spans) - int(still_open) for spans, still_open in pipeline.execute())

        return stored
    if variant == "bsp_otlp":
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult

        sent = 0

        class Counting(OTLPSpanExporter):
            def export(self, spans: Any) -> SpanExportResult:
                nonlocal sent
                result = super().export(spans)
                sent += len(spans) * (result is SpanExportResult.SUCCESS)
                return result

        provider.add_span_processor(BatchSpanProcessor(Counting(endpoint=f"{url}/v1/traces")))
        return lambda: sent
    return lambda: 0


if __name__ == "__main__":
    _child(sys.argv[1], sys.argv[2])
