"""Spans a second over OTLP/HTTP into one worker or several, until the snapshot returns the last of them.

The sender is this process: requests are made beforehand, gzipped or not, and sent over two connections, over eight to
each of several workers: who has a connection keeps it, so a few may all lead to the same one. The clock starts with the
first byte and stops when `GET /api/traces/{run_id}` of the last run holds all of its spans.

What spans cost in all, with Redis, and until what their runs have spent stands in the sums of the day, is printed
apart, for runs of several sizes: with short ones it is mostly what each run costs.
"""

from __future__ import annotations

import gzip
import http.client
import os
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import orjson
import psutil
from redis import Redis

from bench.support.otlp_requests import make_requests
from bench.support.servers import private_redis, running_service
from bench.support.workload import SPANS_PER_RUN
from spantail_exporters.model import keys

if TYPE_CHECKING:
    from collections.abc import Sequence

SPANS: Final = 100_000
SPANS_PER_REQUEST: Final = 2_000
CONNECTIONS: Final = 2
CONNECTIONS_PER_WORKER: Final = 8
ROUNDS: Final = 3
BUDGET: Final = 10_000
WHOLE_COST_OF: Final = (10, 1_000)
"""Spans of a run."""
WHOLE_COST_SPANS: Final = 20_000
_DEADLINE_S: Final = 300.0
_HEADERS: Final = {"content-type": "application/x-protobuf"}


def run(rounds: int = ROUNDS, workers: Sequence[int] = (1,)) -> dict[str, float]:
    """Measure with each number of workers, and print; returns the medians, of several workers as `2.plain.rate`."""
    figures: dict[str, float] = {}
    for number in workers:
        figures |= _measure(rounds, number)
    for per_run in WHOLE_COST_OF:
        figures |= _measure_whole_cost(rounds, per_run)
    return figures


def _measure_whole_cost(rounds: int, per_run: int) -> dict[str, float]:
    with private_redis() as redis_url, running_service(redis_url) as address, Redis.from_url(redis_url) as redis:
        of_redis = psutil.Process(redis.info("server")["process_id"])
        processes = (listening_on(address), of_redis)
        rows = [_whole_cost(address, redis, processes, seed, per_run) for seed in range(rounds + 1)][1:]
    service, server = (statistics.median(costs) for costs in zip(*rows, strict=True))
    print(
        f"  runs of {per_run:>5,}, until their sums are kept: {service + server:5.1f} us CPU a span,"
        f" {service:.1f} in the service and {server:.1f} in Redis"
    )
    return {f"whole.{per_run}.service": service, f"whole.{per_run}.redis": server}


def _whole_cost(
    address: str, redis: Redis, processes: Sequence[psutil.Process], seed: int, per_run: int
) -> list[float]:
    bodies, _ = make_requests(seed, WHOLE_COST_SPANS, SPANS_PER_REQUEST, per_run)
    before = [_cpu_s(process) for process in processes]
    send_all(address, "/v1/traces", bodies, dict(_HEADERS), 1)
    deadline = time.monotonic() + _DEADLINE_S
    while redis.zcard(keys.RUNS_UNBOOKED):
        if time.monotonic() > deadline:
            raise RuntimeError("the sums of the day were not kept in time")
        time.sleep(0.05)
    return [
        (_cpu_s(process) - earlier) / WHOLE_COST_SPANS * 1e6 for process, earlier in zip(processes, before, strict=True)
    ]


def _measure(rounds: int, workers: int) -> dict[str, float]:
    figures: dict[str, float] = {}
    print(f"\nOTLP ingest, workers: {workers}: {SPANS:,} spans, {SPANS_PER_REQUEST:,} a request, median of {rounds}")
    connections = CONNECTIONS if workers == 1 else CONNECTIONS_PER_WORKER * workers
    with (
        private_redis() as redis_url,
        running_service(redis_url, {"SPANTAIL_WORKERS": str(workers)}) as address,
    ):
        processes = all_listening_on(address)
        for name, zipped in (("plain", False), ("gzip", True)):
            rows = [_round(address, processes, seed, connections, zipped=zipped) for seed in range(rounds)]
            prefix = name if workers == 1 else f"{workers}.{name}"
            medians = {f"{prefix}.{key}": statistics.median(row[key] for row in rows) for key in rows[0]}
            figures |= medians
            print(
                f"  {name:6} {medians[f'{prefix}.rate']:>10,.0f} spans/s until readable (budget {BUDGET:,})"
                f"   {medians[f'{prefix}.cpu']:6.1f} us CPU a span in all workers"
                f"   {medians[f'{prefix}.busiest']:4.0%} of it in the busiest"
                f"   {medians[f'{prefix}.memory']:6.0f} MB of memory"
            )
    return figures


def _round(
    address: str, processes: Sequence[psutil.Process], seed: int, connections: int, *, zipped: bool
) -> dict[str, float]:
    bodies, last_run = make_requests(seed + 1_000 * zipped, SPANS, SPANS_PER_REQUEST)
    headers = dict(_HEADERS)
    if zipped:
        bodies = [gzip.compress(body, 1) for body in bodies]
        headers["content-encoding"] = "gzip"
    before, begun = [_cpu_s(process) for process in processes], time.perf_counter()
    send_all(address, "/v1/traces", bodies, headers, connections)
    _await_last(address, last_run)
    wall = time.perf_counter() - begun
    spent = [_cpu_s(process) - earlier for process, earlier in zip(processes, before, strict=True)]
    return {
        "rate": SPANS / wall,
        "cpu": sum(spent) / SPANS * 1e6,
        "busiest": max(spent) / sum(spent),
        "memory": sum(process.memory_info().rss for process in processes) / 1e6,
    }


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def send_all(
    address: str, path: str, bodies: Sequence[bytes], headers: dict[str, str], connections: int = CONNECTIONS
) -> None:
    """Post every body over a few connections; RuntimeError when one is not taken."""

    def send(share: Sequence[bytes]) -> None:
        host, port = address.rsplit(":", 1)
        connection = http.client.HTTPConnection(host, int(port), timeout=_DEADLINE_S)
        for body in share:
            connection.request("POST", path, body, headers)
            response = connection.getresponse()
            said = response.read()
            if response.status != http.HTTPStatus.OK:
                raise RuntimeError(f"{path} answered {response.status}: {said[:300]!r}")
        connection.close()

    with ThreadPoolExecutor(connections) as pool:
        list(pool.map(send, [bodies[n::connections] for n in range(connections)]))


def _await_last(address: str, run_id: str) -> None:
    deadline = time.monotonic() + _DEADLINE_S
    host, port = address.rsplit(":", 1)
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    while time.monotonic() < deadline:
        connection.request("GET", f"/api/traces/{run_id}")
        response = connection.getresponse()
        body = response.read()
        if response.status == http.HTTPStatus.OK and len(orjson.loads(body)["spans"]) == SPANS_PER_RUN:
            connection.close()
            return
        time.sleep(0.01)
    raise RuntimeError("the last run was not readable in time")


def listening_on(address: str) -> psutil.Process:
    """Find the service, which is a child of this process."""
    return all_listening_on(address)[0]


def all_listening_on(address: str) -> list[psutil.Process]:
    """Find all processes of the service: one, or a supervisor and its workers."""
    port = int(address.rsplit(":", 1)[1])
    found = [
        child
        for child in psutil.Process(os.getpid()).children(recursive=True)
        if any(held.status == psutil.CONN_LISTEN and held.laddr.port == port for held in child.net_connections("tcp"))
    ]
    if not found:
        raise RuntimeError(f"nobody listens on {address}")
    return found
