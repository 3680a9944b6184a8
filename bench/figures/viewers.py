"""Many viewers on one service process or several workers: polls with nothing new, a thousand pages that poll or listen.

The service runs as a user would start it, with a token set, so that the checks of access are part of what is measured.
"""

from __future__ import annotations

import asyncio
import http.client
import resource
import secrets
import statistics
import time
from typing import TYPE_CHECKING, Any

import orjson
import redis
import uvloop

from bench.support.bare_server import bare_server
from bench.support.load import get, poll_latencies, requests_per_second
from bench.support.servers import private_redis, running_service
from bench.support.ws_client import Watching, watch
from spantail_exporters.model.changes import Change
from spantail_exporters.model.run_script import SCRIPT, append_arguments

if TYPE_CHECKING:
    from collections.abc import Sequence

RUN = "5bd66ef5095369c7b0d1f8f4bd33716a"
ROOT = "00f067aa0ba902b7"
START = 1_795_308_986_084_596

VIEWERS = 1_000
POLL_S = 0.2
EVENTS_PER_S = 100
SECONDS = 5.0


def run(rounds: int = 3, workers: Sequence[int] = (1,)) -> dict[str, float]:
    """Measure with each number of workers, and print; returns the figures, of several workers as `2.poll`."""
    # A thousand viewers on each side of a loopback connection.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (hard if soft == resource.RLIM_INFINITY else max(soft, min(hard, 8_192)), hard)
    )
    token = secrets.token_hex(16)
    figures: dict[str, float] = {}
    with private_redis() as url, redis.Redis.from_url(url) as client:
        writer = _Writer(client)
        for number in workers:
            client.flushall()
            writer.start()
            print(f"\nWorkers: {number}")
            with (
                running_service(url, {"SPANTAIL_TOKEN": token, "SPANTAIL_WORKERS": str(number)}) as address,
                asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop,
            ):
                found = loop.run(_nothing_new(address, token, rounds))
                found |= loop.run(_pollers(address, token))
                found |= loop.run(_sockets(address, token, writer, client))
            figures |= {name if number == 1 else f"{number}.{name}": value for name, value in found.items()}
    return figures


async def _nothing_new(address: str, token: str, rounds: int) -> dict[str, float]:
    """The poll that most polls are, against a bare ASGI application on the same server with the same body."""
    headers = [f"Authorization: Bearer {token}"]
    body = _first_answer(address, f"/api/logs/{RUN}?since=1", token)
    request = get(address, f"/api/logs/{RUN}?since=1", headers)
    pairs = []
    with bare_server(body) as bare:
        for _ in range(rounds):
            base = await requests_per_second(bare, get(bare, "/", headers), 1.5)
            ours = await requests_per_second(address, request, 1.5)
            pairs.append((ours, base))
    ours, base = (statistics.median(each) for each in zip(*pairs, strict=True))
    ratio = statistics.median(ours / base for ours, base in pairs)
    print(f"\nPoll with nothing new, token and headers on ({len(body)} bytes, median of {rounds})")
    print(f"  {ours:>10,.0f} requests/s")
    print(f"  {base:>10,.0f} requests/s  a bare ASGI application on the same server, same body")
    print(f"  {ratio:>10.0%} (budget 60 %)")
    return {"poll": ours, "bare": base, "ratio": ratio}


async def _pollers(address: str, token: str) -> dict[str, float]:
    request = get(address, f"/api/logs/{RUN}?since=1", [f"Authorization: Bearer {token}"])
    latencies, rate = await poll_latencies(address, request, VIEWERS, POLL_S, SECONDS)
    cuts = [cut * 1e3 for cut in statistics.quantiles(latencies, n=100)]
    print(f"\n{VIEWERS:,} viewers polling every {POLL_S * 1e3:.0f} ms, {SECONDS:.0f} s")
    print(f"  p50 {cuts[49]:7.1f} ms   p99 {cuts[98]:7.1f} ms (budget 100)   {rate:,.0f} requests/s")
    return {"pollers.p50": cuts[49], "pollers.p99": cuts[98]}


async def _sockets(address: str, token: str, writer: _Writer, client: redis.Redis) -> dict[str, float]:
    """Viewers of one busy run: every event must reach every one of them, in order; Redis must not notice them."""
    target = f"/ws/runs/{RUN}/logs?since=1"
    watching = [Watching() for _ in range(VIEWERS)]
    for first in range(0, VIEWERS, 100):
        await asyncio.gather(
            *(
                watch(address, target, each, {"authorization": f"Bearer {token}"})
                for each in watching[first : first + 100]
            )
        )
    reads = _reads(client)
    total = int(EVENTS_PER_S * SECONDS)
    begun = time.perf_counter()
    await asyncio.to_thread(writer.write, total)
    written_s = time.perf_counter() - begun
    deadline = time.perf_counter() + 30
    while any(each.next_index < 1 + total for each in watching) and time.perf_counter() < deadline:  # noqa: ASYNC110 - no one event
        await asyncio.sleep(0.01)
    seen_s = time.perf_counter() - begun
    reads = _reads(client) - reads
    lost = sum(1 + total - each.next_index for each in watching) + sum(each.gaps for each in watching)
    lags = [lag * 1e3 for each in watching for lag in each.lags]
    cuts = statistics.quantiles(lags, n=100)
    sent = sum(each.bytes for each in watching)
    for each in watching:
        each.close()
    print(f"\n{VIEWERS:,} WebSocket viewers of one run with {EVENTS_PER_S} events/s, {SECONDS:.0f} s")
    print(f"  {lost:>10,} events lost or out of order (budget 0)   p50 {cuts[49]:.0f} ms   p99 {cuts[98]:.0f} ms")
    print(f"  {reads:>10,} reads in Redis for all of them")
    print(f"  {sent / 1e6:>10,.0f} MB sent, last event seen {seen_s - written_s:.2f} s after it was written")
    return {"sockets.lost": lost, "sockets.reads": reads, "sockets.p50": cuts[49], "sockets.p99": cuts[98]}


class _Writer:
    """Writes events of one run as an exporter does, a batch every 10 ms."""

    def __init__(self, client: redis.Redis) -> None:
        self._execute: Any = client.execute_command
        client.script_load(SCRIPT)

    def start(self) -> None:
        """The run's root; it stays open."""
        state = {
            "rev": 1, "status": "running", "start": START, "noted": 0, "ts": START, "event": "operation_start",
            "run_id": RUN, "span_id": ROOT, "parent_id": None, "name": "bench", "kind": "operation", "end": None,
        }  # fmt: skip
        self._append([Change(ROOT, "", [orjson.dumps(state)])])

    def write(self, count: int) -> None:
        """So many log lines at `EVENTS_PER_S`, each with the time of its writing."""
        begun = time.perf_counter()
        written = 0
        while written < count:
            due = min(count, int((time.perf_counter() - begun) * EVENTS_PER_S) + 1)
            lines = [
                orjson.dumps(
                    {
                        "ts": time.time_ns() // 1_000,
                        "event": "log",
                        "run_id": RUN,
                        "span_id": ROOT,
                        "level": "INFO",
                        "logger": "bench",
                        "message": f"line {number} " + "x" * 200,
                    }
                )
                for number in range(written, due)
            ]
            if lines:
                self._append([Change("", "", [line]) for line in lines])
            written = due
            time.sleep(0.01)

    def _append(self, changes: list[Change]) -> None:
        arguments = append_arguments(RUN, changes, writer="", writer_seq=0, now_us=time.time_ns() // 1_000)
        self._execute("EVALSHA", *arguments)


def _reads(client: redis.Redis) -> int:
    """How many pages of tails were read so far."""
    stats = client.info("commandstats")
    return int(stats.get("cmdstat_xrange", {"calls": 0})["calls"]) // 2


def _first_answer(address: str, path: str, token: str) -> bytes:
    """Poll until the run is followed, as a page does; the answer with nothing new."""
    connection = http.client.HTTPConnection(address, timeout=10)
    body = b""
    for _ in range(5):
        connection.request("GET", path, headers={"authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != http.HTTPStatus.OK:
            raise RuntimeError(f"the service answered {answer.status}: {body!r}")
        time.sleep(0.1)
    connection.close()
    return body
