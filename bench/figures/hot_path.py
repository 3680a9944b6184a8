"""What a span costs the application, side by side with what others charge for it.

Spantail; BatchSpanProcessor with OTLP/HTTP; and Logfire's SDK, whose pending spans are the nearest thing to a live
start, exporting to the same local receiver. Every variant is a process of its own, and they take turns. Within each,
chunks of spans alternate with chunks of the bare SDK, and a chunk is compared with the two beside it: the speed
of a shared machine changes by half from one second to the next.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from bench.support.servers import otlp_sink, private_redis
from bench.support.workload import make_spans

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer

SPANS = 20_000  # in a chunk: what is done after it has been made is not in its wall time, and must be little
BARE_SPANS = 2_000
CHUNKS = 2
WARM_UP = 2_000
UNREDACTED = "  no redaction"  # the same, to see what redaction costs
ROUNDS = 5


def run(rounds: int = ROUNDS) -> dict[str, float]:
    """Measure and print; returns the medians by name (microseconds a span)."""
    with private_redis() as redis_url, otlp_sink() as otlp_url:
        variants = {
            "spantail": redis_url,
            UNREDACTED: redis_url,
            "bsp_otlp": otlp_url,
            "logfire_pending": otlp_url,
        }
        results: dict[str, list[dict[str, float]]] = {name: [] for name in variants}
        for _ in range(rounds):
            for name, url in variants.items():
                results[name] += _measure(name, url)
    bare = statistics.median(row["bare"] for rows in results.values() for row in rows)
    print(
        f"\nCost of a span for the application, over the bare SDK's {bare:.1f} us (12 attributes, start and end; "
        f"chunks of {SPANS}, median of {rounds * CHUNKS})"
    )
    print(f"{'us a span, added':20}{'thread':>9}{'':>7}{'wall':>9}{'CPU/delivered':>16}{'delivered':>11}")
    figures: dict[str, float] = {}
    for name, rows in results.items():
        median = {key: statistics.median(row[key] for row in rows) for key in rows[0]}
        share = statistics.median(row["thread"] / row["bare"] for row in rows)
        figures |= {f"{name}.{key}": value for key, value in median.items()}
        print(
            f"{name:20}{median['thread']:>9.1f}{share:>6.0%} {median['wall']:>9.1f}{median['cpu']:>16.1f}"
            f"{median['delivered']:>11.0%}"
        )
    wall, cpu = (figures[f"spantail.{key}"] / figures[f"bsp_otlp.{key}"] for key in ("wall", "cpu"))
    print(
        f"  budgets: thread 5 us (8 %); spantail/bsp_otlp wall {wall:.2f} (0.50), CPU a delivered span {cpu:.2f} (0.33)"
    )
    return figures


def _measure(variant: str, url: str) -> list[dict[str, float]]:
    command = [sys.executable, "-m", "bench.figures.hot_path", variant, url]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    result: list[dict[str, float]] = json.loads(done.stdout.splitlines()[-1])
    return result


def _child(variant: str, url: str) -> None:
    bare = _provider().get_tracer("bench")
    provider, delivered = _VARIANTS[variant](url)
    tracer = provider.get_tracer("bench")

    def flush() -> None:
        provider.force_flush(60_000)

    make_spans(tracer, WARM_UP)
    flush()
    make_spans(bare, WARM_UP)
    rows = []
    before = _chunk(bare, BARE_SPANS)
    for _ in range(CHUNKS):
        stored = delivered()
        thread, wall, cpu = _chunk(tracer, SPANS, flush)
        share = (delivered() - stored) / SPANS
        after = _chunk(bare, BARE_SPANS)
        own_thread, own_wall, own_cpu = ((one + other) / 2 for one, other in zip(before, after, strict=True))
        rows.append(
            {
                "bare": own_thread,
                "thread": thread - own_thread,
                "wall": wall - own_wall,
                "cpu": (cpu - own_cpu) / max(share, 1e-9),
                "delivered": share,
            }
        )
        before = after
    print(json.dumps(rows), flush=True)
    provider.shutdown()
    os._exit(0)  # Logfire asks its server for the token on a thread of its own, which nobody answers here


def _chunk(tracer: Tracer, spans: int, flush: Callable[[], None] = lambda: None) -> tuple[float, float, float]:
    """Make so many spans; thread time, wall time and, delivery included, the process's CPU time, in us a span."""
    cpu, thread, wall = time.process_time(), time.thread_time(), time.perf_counter()
    make_spans(tracer, spans)
    wall, thread = time.perf_counter() - wall, time.thread_time() - thread
    flush()
    cpu = time.process_time() - cpu
    return thread / spans * 1e6, wall / spans * 1e6, cpu / spans * 1e6


def _provider() -> TracerProvider:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

    return TracerProvider(resource=Resource({"service.name": "bench"}))


def _spantail(url: str) -> tuple[Any, Callable[[], int]]:
    import redis

    from spantail.live import LiveSpanProcessor
    from spantail_exporters.livetail import create_sink
    from spantail_exporters.model import keys

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
        token="pylf_v1_local_bench",
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
    "spantail": _spantail,
    UNREDACTED: _unredacted,
    "bsp_otlp": _bsp_otlp,
    "logfire_pending": _logfire_pending,
}


if __name__ == "__main__":
    _child(sys.argv[1], sys.argv[2])
