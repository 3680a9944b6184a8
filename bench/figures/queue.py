"""The job queue: from enqueue to start, items through claim and finish, and what a run costs.

Runners are processes of their own; so many of them on one machine share its cores with Redis, which the figures for
4 and 16 show.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import redis as redis_py
import uvloop
from redis.asyncio import Redis

from bench.support.queue_worker import CONCURRENCY
from bench.support.servers import private_redis
from spantail_service.jobs.queue.job_queue import JobQueue

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import IO

RUNNERS = (1, 4, 16)
ITEMS = 20_000
RUNS = 2_000
LAGS = 500
COSTS = 2_000
_PAUSE_S = 0.01
_DEADLINE_S = 300.0


def run(rounds: int = 3) -> dict[str, float]:
    """Measure and print; returns the figures by name."""
    figures: dict[str, float] = {}
    with private_redis() as url:
        lags = _lags(url)
        cuts = statistics.quantiles(lags, n=100)
        figures |= {"start.p50": cuts[49], "start.p99": cuts[98]}
        print(f"\nJob queue, {CONCURRENCY} items at a time for each runner, median of {rounds}")
        print(f"  enqueue to start     p50 {cuts[49]:7.2f} ms   p99 {cuts[98]:7.2f} ms   (budget 3, 10)")
        for count in RUNNERS:
            for kind, number in (("items", ITEMS), ("runs", RUNS)):
                name = f"{kind}.{count}"
                figures[name] = statistics.median(throughput(url, kind, count, number) for _ in range(rounds))
                budget = " (budget 5,000)" if kind == "items" else ""
                what = "claim and finish" if kind == "items" else "whole runs"
                print(f"  {what:20} {count:3} runners {figures[name]:9,.0f} /s{budget}")
        on, off = (statistics.median(_cost(url, more) for _ in range(rounds)) for more in ({}, _OFF))
        figures |= {"cost.on": on, "cost.off": off}
        print(f"  a run of seven spans {on:7.0f} us, without instrumentation {off:7.0f} us")
    return figures


_OFF = {"OTEL_SDK_DISABLED": "true"}


def throughput(url: str, kind: str, count: int, number: int) -> float:
    """How many items a second `count` runners do."""
    with redis_py.Redis.from_url(url) as client:
        client.flushall()
        _enqueue(url, number)
        with workers([sys.executable, "-m", "bench.support.queue_worker", kind, url, "0"], count) as processes:
            return finished(client, processes, number)


def finished(client: redis_py.Redis, processes: Sequence[subprocess.Popen[str]], number: int) -> float:
    """Let all begin at once; how many items a second they do, until `number` are done."""
    begin = time.perf_counter()
    for process in processes:
        stdin = _pipe(process.stdin)
        stdin.write("go\n")
        stdin.flush()
    names = [f"bench:count:{process.pid}" for process in processes]
    while sum(int(value or 0) for value in client.mget(names)) < number:
        if time.perf_counter() - begin > _DEADLINE_S:
            raise RuntimeError(f"not done within {_DEADLINE_S:.0f} s")
        time.sleep(_PAUSE_S)
    return number / (time.perf_counter() - begin)


@contextlib.contextmanager
def workers(command: Sequence[str], count: int, *, quiet: bool = False) -> Iterator[list[subprocess.Popen[str]]]:
    """So many processes of a command, each of which has said that it is ready; killed at the end.

    What a `quiet` one complains of is not shown: libraries say a lot when they are killed in their work.
    """
    processes = [
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if quiet else None,
            text=True,
        )
        for _ in range(count)
    ]
    try:
        for process in processes:
            if _pipe(process.stdout).readline().strip() != "ready":
                raise RuntimeError("a worker did not start")
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _enqueue(url: str, number: int) -> None:
    async def all_of_them() -> None:
        async with Redis.from_url(url) as redis:
            queue = JobQueue(redis)
            for first in range(0, number, 1_000):
                await asyncio.gather(*(queue.enqueue("noop", b"{}") for _ in range(first, min(first + 1_000, number))))

    asyncio.run(all_of_them())


def _lags(url: str) -> list[float]:
    """How late each of some items is, one at a time to an idle runner, in milliseconds."""

    async def one_by_one(said: IO[str]) -> list[float]:
        async with Redis.from_url(url) as redis:
            queue = JobQueue(redis)
            found: list[float] = []
            for _ in range(LAGS):
                await queue.enqueue("noop", b'{"sent":%d}' % time.time_ns())
                found.append(int(await asyncio.to_thread(said.readline)) / 1e6)
            return found

    command = [sys.executable, "-m", "bench.support.queue_worker", "lags", url, "0"]
    with workers(command, 1) as (process,), asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        return loop.run(one_by_one(_pipe(process.stdout)))


def _pipe(stream: IO[str] | None) -> IO[str]:
    if stream is None:
        raise RuntimeError("a worker without pipes")
    return stream


def _cost(url: str, more: Mapping[str, str]) -> float:
    """What a run takes in its process, in microseconds."""
    command = [sys.executable, "-m", "bench.support.queue_worker", "cost", url, str(COSTS)]
    return float(subprocess.run(command, env={**os.environ, **more}, capture_output=True, text=True, check=True).stdout)
