"""From the start of a span to a viewer that has it: the whole way, with a real service between.

The producer is a process of its own that starts spans at a steady rate; the viewers here are a WebSocket (the page),
a long poll (a program) and a poll every 200 ms (the page where nothing else works). All clocks are this machine's.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import os
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import orjson
import uvloop

from bench.support.servers import private_redis, running_service
from bench.support.ws_client import Watching, watch

if TYPE_CHECKING:
    from collections.abc import Iterator

STARTS_PER_S = 1_000
SECONDS = 5
PAGE_INTERVAL_S = 0.2


def run(rounds: int = 1) -> dict[str, float]:
    """Measure and print; returns p50 and p99 in milliseconds by way of reading."""
    figures: dict[str, float] = {}
    print(f"\nSpan start to reader, {STARTS_PER_S} starts/s for {SECONDS} s")
    with private_redis() as redis_url, running_service(redis_url) as address:
        for name, measure, budget in (
            ("WebSocket", _pushed, " (budget 15, 60)"),
            ("long poll", lambda *where: _polled(*where, wait_s=5), ""),
            ("poll every 200 ms", lambda *where: _polled(*where, interval_s=PAGE_INTERVAL_S), ""),
        ):
            latencies: list[float] = []
            for _ in range(rounds):
                latencies += measure(redis_url, address)
            cuts = statistics.quantiles(latencies, n=100)
            figures |= {f"{name}.p50": cuts[49], f"{name}.p99": cuts[98]}
            print(f"  {name:20} p50 {cuts[49]:7.1f} ms   p99 {cuts[98]:7.1f} ms   ({len(latencies)} spans){budget}")
    return figures


def _pushed(redis_url: str, address: str) -> list[float]:
    async def follow() -> list[float]:
        watching = Watching(starts_only=True)
        with _producer(redis_url) as run_id:
            await watch(address, f"/ws/runs/{run_id}/logs", watching)
            await watching.closed.wait()
        if watching.gaps:
            raise RuntimeError(f"{watching.gaps} frames did not follow on the one before")
        return [lag * 1e3 for lag in watching.lags]

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        return loop.run(follow())


def _polled(redis_url: str, address: str, *, wait_s: float = 0, interval_s: float = 0) -> list[float]:
    latencies = []
    with _producer(redis_url) as run_id:
        host, port = address.rsplit(":", 1)
        connection = http.client.HTTPConnection(host, int(port), timeout=10)
        since = 0
        while True:
            connection.request("GET", f"/api/logs/{run_id}?since={since}&limit=1000&wait={wait_s}")
            response = connection.getresponse()
            frame: dict[str, Any] = orjson.loads(response.read())
            read_at = time.time() * 1e3
            if response.status != http.HTTPStatus.OK:
                raise RuntimeError(f"the service answered {response.status}: {frame}")
            latencies += [read_at - event["start"] / 1e3 for event in frame["logs"] if event["event"] == "span_start"]
            since = frame["next_index"]
            if frame["expected_log_count"] is not None and since >= frame["expected_log_count"]:
                return latencies
            if interval_s:
                time.sleep(interval_s)


@contextlib.contextmanager
def _producer(redis_url: str) -> Iterator[str]:
    environment = {**os.environ, "SPANTAIL_REDIS_URL": redis_url}
    command = [sys.executable, "-m", "bench.figures.latency"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            yield process.stdout.readline().strip() if process.stdout else ""
            process.wait(SECONDS + 30)
        finally:
            process.kill()


def _produce() -> None:
    from opentelemetry import trace

    import spantail

    handle = spantail.configure(service_name="bench")
    tracer = trace.get_tracer("bench")
    with spantail.operation("latency") as root:
        handle.flush(5)
        print(root.run_id, flush=True)
        begun = time.perf_counter()
        open_spans = []
        for n in range(STARTS_PER_S * SECONDS):
            if (ahead := begun + n / STARTS_PER_S - time.perf_counter()) > 0:
                time.sleep(ahead)
            open_spans.append(tracer.start_span("work"))
            if len(open_spans) > 50:
                open_spans.pop(0).end()
        for span in open_spans:
            span.end()
    handle.shutdown(10)


if __name__ == "__main__":
    _produce()
