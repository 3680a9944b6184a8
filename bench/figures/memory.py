"""Memory, open files and tasks of one service process while everybody uses it at once: none of them may grow.

What counts is the difference between the first minute after the warm-up and the last one, and the slope between.
"""

from __future__ import annotations

import asyncio
import http.client
import secrets
import statistics
import time
from typing import TYPE_CHECKING, Final, NamedTuple

import uvloop

from bench.figures.crowd import LISTS, POLLERS, SOCKETS, STREAMS, STUCK, Crowd
from bench.figures.ingest import listening_on
from bench.support.ports import free_port
from bench.support.run_senders import REQUESTS_PER_S
from bench.support.servers import private_redis, running_service
from bench.support.workload import SPANS_PER_RUN

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psutil

_INTERVAL_S: Final = 1.0


class _Sample(NamedTuple):
    at_s: float
    rss_mb: float
    fds: int
    threads: int
    tasks: int


def run(minutes: float = 1.0) -> dict[str, float]:
    """Measure and print; returns the figures."""
    token = secrets.token_hex(16)
    grpc_port = free_port()
    environment = {"SPANTAIL_TOKEN": token, "SPANTAIL_OTLP_GRPC_PORT": str(grpc_port)}
    spans_per_s = 2 * REQUESTS_PER_S * SPANS_PER_RUN
    print(
        f"\nOne service process for {minutes:g} min: {spans_per_s:,} spans/s over HTTP and gRPC, {POLLERS} pollers, "
        f"{SOCKETS} WebSockets and {STREAMS + LISTS} event streams that come and go, {STUCK} readers that never read, "
        "queries, broken requests"
    )
    with private_redis() as redis_url, running_service(redis_url, environment) as address:
        worker = listening_on(address)
        crowd = Crowd(address, grpc_port, redis_url, token)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
            samples = loop.run(_watched(crowd, worker, address, token, minutes * 60))
    print("  " + ", ".join(f"{name} {count:,}" for name, count in sorted(crowd.counts.items())))
    return _report(samples, minutes * 60)


async def _watched(crowd: Crowd, worker: psutil.Process, address: str, token: str, seconds: float) -> list[_Sample]:
    samples: list[_Sample] = []
    staying = asyncio.create_task(crowd.stay(seconds))
    begun = time.monotonic()
    try:
        while not staying.done():
            tasks = await asyncio.to_thread(_tasks, address, token)
            with worker.oneshot():
                rss, fds, threads = worker.memory_info().rss, worker.num_fds(), worker.num_threads()
            samples.append(_Sample(time.monotonic() - begun, rss / 1e6, fds, threads, tasks))
            await asyncio.wait([staying], timeout=_INTERVAL_S)
    finally:
        staying.cancel()
        await asyncio.wait([staying])
    staying.result()
    return samples


def _tasks(address: str, token: str) -> int:
    """How many asyncio tasks the service has, from its metrics."""
    connection = http.client.HTTPConnection(address, timeout=30)
    connection.request("GET", "/metrics", headers={"authorization": f"Bearer {token}"})
    text = connection.getresponse().read().decode()
    connection.close()
    return int(float(text.partition("\nspantail_tasks ")[2].partition("\n")[0]))


def _report(samples: Sequence[_Sample], seconds: float) -> dict[str, float]:
    window = min(60.0, seconds / 4)
    first = [sample for sample in samples if window <= sample.at_s < 2 * window]
    last = [sample for sample in samples if sample.at_s >= seconds - window]
    rest = [sample for sample in samples if sample.at_s >= window]
    slope = statistics.linear_regression([s.at_s / 60 for s in rest], [s.rss_mb for s in rest]).slope
    print(f"  medians of the first {window:.0f} s after a warm-up of {window:.0f} s, and of the last {window:.0f} s")
    figures = {"slope": slope}
    for name, unit in (("rss_mb", "MB resident"), ("fds", "open files"), ("threads", "threads"), ("tasks", "tasks")):
        before, after = (statistics.median(getattr(sample, name) for sample in some) for some in (first, last))
        print(f"  {before:>10,.1f} -> {after:>8,.1f}  {unit}")
        figures |= {f"{name}.first": before, f"{name}.last": after}
    before, after = (min(sample.rss_mb for sample in some) for some in (first, last))
    print(f"  {before:>10,.1f} -> {after:>8,.1f}  MB resident at the least: what is left between two large answers")
    figures |= {"floor_mb.first": before, "floor_mb.last": after}
    least, most = min(sample.rss_mb for sample in rest), max(sample.rss_mb for sample in rest)
    print(
        f"  {slope:>10.2f} MB/min over {(rest[-1].at_s - rest[0].at_s) / 60:.1f} min (budget: flat), between "
        f"{least:.0f} and {most:.0f} MB"
    )
    return figures
