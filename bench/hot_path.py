"""What a span costs the application, side by side with what others charge for it.

The bare SDK; Spantail; BatchSpanProcessor with OTLP/HTTP; and Logfire's SDK, whose pending spans are the nearest thing
to a live start, exporting to the same local receiver. Every measurement is a process of its own; the variants take
turns, so that a drift of the machine's speed hits all alike. Figures are medians over the rounds, and differences are
taken round by round against the bare SDK.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from bench.servers import otlp_sink, private_redis
from bench.workload import make_spans

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk.trace import TracerProvider

SPANS = 20_000
WARM_UP = 2_000
UNREDACTED = "  no redaction"  # the same, to see what redaction costs
ROUNDS = 5


def run(rounds: int = ROUNDS) -> dict[str, float]:
    """Measure and print; returns the medians by name (microseconds a span)."""
    with private_redis() as redis_url, otlp_sink() as otlp_url:
        variants = {
            "bare": "",
            "spantail": redis_url,
            UNREDACTED: redis_url,
            "bsp_otlp": otlp_url,
            "logfire_pending": otlp_url,
        }
        results: dict[str, list[dict[str, float]]] = {name: [] for name in variants}
        for _ in range(rounds):
            for name, url in variants.items():
                results[name].append(_measure(name, url))
    bare = results["bare"]
    print(f"\nCost of a span for the application ({SPANS} spans of 12 attributes, start and end, median of {rounds})")
    print(
        f"{'us a span':20}{'thread':>9}{'added':>8}{'':>7}{'wall':>9}{'added':>8}{'CPU/delivered':>16}{'delivered':>11}"
    )
    figures: dict[str, float] = {}
    for name, rows in results.items():
        pairs = list(zip(rows, bare, strict=True))
        median = {key: statistics.median(row[key] for row in rows) for key in rows[0]}
        thread = statistics.median(row["thread"] - base["thread"] for row, base in pairs)
        share = statistics.median(row["thread"] / base["thread"] - 1 for row, base in pairs)
        wall = statistics.median(row["wall"] - base["wall"] for row, base in pairs)
        cpu = statistics.median((row["cpu"] - base["cpu"]) / max(row["delivered"], 1e-9) for row, base in pairs)
        figures |= {f"{name}.thread_added": thread, f"{name}.wall_added": wall, f"{name}.cpu": cpu}
        if name == "bare":
            print(f"{name:20}{median['thread']:>9.1f}{'':15}{median['wall']:>9.1f}")
            continue
        print(
            f"{name:20}{median['thread']:>9.1f}{thread:>8.1f}{share:>6.0%} {median['wall']:>9.1f}{wall:>8.1f}"
            f"{cpu:>16.1f}{median['delivered']:>11.0%}"
        )
    print(
        f"  budgets: thread added 5 us; spantail/bsp_otlp wall added "
        f"{figures['spantail.wall_added'] / figures['bsp_otlp.wall_added']:.2f} (0.50), "
        f"CPU a delivered span {figures['spantail.cpu'] / figures['bsp_otlp.cpu']:.2f} (0.33)"
    )
    return figures


def _measure(variant: str, url: str) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.hot_path", variant, url]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def _child(variant: str, url: str) -> None:
    provider, delivered = _VARIANTS[variant](url)
    tracer = provider.get_tracer("bench")
    make_spans(tracer, WARM_UP)
    provider.force_flush(60_000)
    before = delivered()
    cpu, thread, wall = time.process_time(), time.thread_time(), time.perf_counter()
    make_spans(tracer, SPANS)
    wall, thread = time.perf_counter() - wall, time.thread_time() - thread
    provider.force_flush(60_000)
    cpu = time.process_time() - cpu
    figures = {"thread": thread / SPANS * 1e6, "wall": wall / SPANS * 1e6, "cpu": cpu / SPANS * 1e6}
    print(json.dumps({**figures, "delivered": (delivered() - before) / SPANS}), flush=True)
    provider.shutdown()
    os._exit(0)  # Logfire asks its server for the token on a thread of its own, which nobody answers here


def _provider() -> TracerProvider:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

    return TracerProvider(resource=Resource({"service.name": "bench"}))


def _bare(_url: str) -> tuple[Any, Callable[[], int]]:
    return _provider(), lambda: 0


def _spantail(url: str) -> tuple[Any, Callable[[], int]]:
    import redis

    from spantail.live import LiveSpanProcessor
    from spantail_exporters import keys
    from spantail_exporters.livetail import create_sink

    provider = _provider()
    provider.add_span_processor(LiveSpanProcessor(create_sink(url)))
    client = redis.Redis.from_url(url, decode_responses=True)

    def stored() -> int:
        pipeline = client.pipeline(transaction=False)
        for run_id in client.zrange(keys.RUNS_RECENT, 0, -1):
            pipeline.hmget(keys.run_keys(str(run_id)).meta, "spans", "open")
        return sum(int(spans) - int(still_open) for spans, still_open in pipeline.execute())

    return provider, stored


def _bsp_otlp(url: str) -> tuple[Any, Callable[[], int]]:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult

    sent = 0

    class Counting(OTLPSpanExporter):
        def export(self, spans: Any) -> SpanExportResult:
            nonlocal sent
            result = super().export(spans)
            sent += len(spans) * (result is SpanExportResult.SUCCESS)
            return result

    provider = _provider()
    provider.add_span_processor(BatchSpanProcessor(Counting(endpoint=f"{url}/v1/traces")))
    return provider, lambda: sent


def _logfire_pending(url: str) -> tuple[Any, Callable[[], int]]:
    import logfire
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    sent = 0
    export = OTLPSpanExporter.export

    def counting(self: OTLPSpanExporter, spans: Any) -> Any:
        nonlocal sent
        sent += sum(span.attributes.get("logfire.span_type") != "pending_span" for span in spans)
        return export(self, spans)

    OTLPSpanExporter.export = counting  # type: ignore[method-assign]
    logfire.configure(
        token="pylf_v1_local_bench",  # noqa: S106 - no secret: nothing leaves this machine
        service_name="bench",
        console=False,
        metrics=False,
        inspect_arguments=False,
        advanced=logfire.AdvancedOptions(base_url=url),
    )
    return trace.get_tracer_provider(), lambda: sent


def _unredacted(url: str) -> tuple[Any, Callable[[], int]]:
    os.environ["SPANTAIL_REDACT"] = "false"
    return _spantail(url)


_VARIANTS = {
    "bare": _bare,
    "spantail": _spantail,
    UNREDACTED: _unredacted,
    "bsp_otlp": _bsp_otlp,
    "logfire_pending": _logfire_pending,
}


if __name__ == "__main__":
    _child(sys.argv[1], sys.argv[2])
