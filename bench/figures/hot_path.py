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
from typing import TYPE_CHECKING

from bench.support.pipelines import PIPELINES, UNREDACTED, bare_provider
from bench.support.servers import otlp_sink, private_redis
from bench.support.workload import make_spans

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.trace import Tracer

SPANS = 20_000  # in a chunk: what is done after it has been made is not in its wall time, and must be little
BARE_SPANS = 2_000
CHUNKS = 2
WARM_UP = 2_000
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
    bare = bare_provider().get_tracer("bench")
    provider, delivered = PIPELINES[variant](url)
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


if __name__ == "__main__":
    _child(sys.argv[1], sys.argv[2])
