"""What single odd requests do to everybody else: worst `/healthz` and memory growth, for each shape by each way.

Four of a kind are sent at a time, while `/healthz` is asked every few milliseconds from another process. To see what
another build does, run this file's module with that build's Python. `SHAPES` picks shapes by a part of their name,
`SHAPES_MILLIONS` says how many of the smallest messages each holds.

The machine may be busy with other things. So beside each wait stands how much of it was the service's own: no more
than the CPU time that it took meanwhile.
"""

from __future__ import annotations

import contextlib
import http.client
import multiprocessing
import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import grpc
import psutil

from bench.figures.ingest import listening_on
from bench.support.odd_requests import GRPC, Shape, shapes
from bench.support.ports import free_port
from bench.support.servers import private_redis, running_service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

SENDERS: Final = 4
_TIMEOUT_S: Final = 120.0
_PAUSE_S: Final = 0.004
_LEAST_WAITS: Final = 100  # so that one wait is not the 99th percentile too


class Service(NamedTuple):
    """A service that is looked at."""

    address: str
    grpc_address: str
    worker: psutil.Process
    rss: int
    """Its memory at the beginning, in bytes: what one shape leaves behind must not hide the next one."""
    watcher: Connection
    """To the process that asks `/healthz`."""


class Outcome(NamedTuple):
    """What came of four of a kind. Times are milliseconds."""

    statuses: list[int | str]
    seconds: float
    p99: float
    worst: float
    own_p99: float
    """As `p99`, of what the service itself is to blame for."""
    own_worst: float
    grown: int
    """Growth of the process' memory, in bytes."""


@contextlib.contextmanager
def service_to_watch() -> Iterator[Service]:
    """Run the service as in production, on a Redis of its own."""
    grpc_port = free_port()
    environment = {"SPANTAIL_MAX_HEAVY_PER_MINUTE": "0", "SPANTAIL_OTLP_GRPC_PORT": str(grpc_port)}
    with private_redis() as redis_url, running_service(redis_url, environment) as address:
        worker = listening_on(address)
        with _watcher(address, worker.pid) as watcher:
            yield Service(address, f"127.0.0.1:{grpc_port}", worker, worker.memory_info().rss, watcher)


@contextlib.contextmanager
def _watcher(address: str, pid: int) -> Iterator[Connection]:
    """A process that watches whenever it is told to: `least_waits` begins it, and anything more ends it."""
    context = multiprocessing.get_context("spawn")
    parent, child = context.Pipe()
    process = context.Process(target=_watch, args=(address, pid, child), daemon=True)
    process.start()
    child.close()
    try:
        yield parent
    finally:
        parent.close()
        process.join(30)
        process.close()


def send(service: Service, shape: Shape, wire: bytes) -> int | str:
    """Send it once; returns the status, that of gRPC by its name, and 0 where no answer came in time."""
    if shape.path.startswith(GRPC):
        return _call(service.grpc_address, shape.path, wire)
    host, port = service.address.rsplit(":", 1)
    headers = shape.headers | ({"content-encoding": "gzip"} if shape.zipped else {})
    connection = http.client.HTTPConnection(host, int(port), timeout=_TIMEOUT_S)
    try:
        connection.request("POST", shape.path, wire, headers)
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        return 0
    else:
        return answer.status
    finally:
        connection.close()


def _call(address: str, method: str, message: bytes) -> str:
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_send_message_length", -1)]  # a connection of its own
    with grpc.insecure_channel(address, options=options, compression=grpc.Compression.Gzip) as channel:
        export: Any = channel.unary_unary(method)  # without serialisers it takes and gives bytes
        try:
            export(message, timeout=_TIMEOUT_S)
        except grpc.RpcError as error:
            code: Any = error
            return str(code.code().name)
    return "OK"


def measured(service: Service, shape: Shape, *, senders: int = SENDERS, least_waits: int = _LEAST_WAITS) -> Outcome:
    """Send several of a kind, and look on until they are answered; for `least_waits` at least."""
    wire = shape.wire
    service.watcher.send(least_waits)
    service.watcher.recv()
    begun = time.perf_counter()
    try:
        with ThreadPoolExecutor(senders) as pool:
            statuses = list(pool.map(lambda _: send(service, shape, wire), range(senders)))
    finally:
        seconds = time.perf_counter() - begun
        service.watcher.send(None)
    waits, own, most = service.watcher.recv()
    rank = int(len(waits) * 0.99)
    waits, own = ([1_000 * one for one in sorted(times)] for times in (waits, own))
    return Outcome(
        statuses, seconds, waits[rank - 1], waits[-1], own[rank - 1], own[-1], max(most - service.rss, 0)
    )  # fmt: skip


def _watch(address: str, pid: int, pipe: Connection) -> None:
    host, port = address.rsplit(":", 1)
    worker = psutil.Process(pid)
    with contextlib.suppress(EOFError):  # it is no longer wanted
        while True:
            least = pipe.recv()
            pipe.send(None)
            connection = http.client.HTTPConnection(host, int(port), timeout=_TIMEOUT_S)
            pipe.send(_waits(connection, worker, pipe, least))
            connection.close()


def _waits(
    connection: http.client.HTTPConnection, worker: psutil.Process, pipe: Connection, least: int
) -> tuple[list[float], list[float], int]:
    """Each wait and what of it was the worker's own, in seconds, and its largest memory in bytes."""
    waits: list[float] = []
    own: list[float] = []
    most = 0
    while not pipe.poll() or len(waits) < least:
        spent = sum(worker.cpu_times()[:2])
        begun = time.perf_counter()
        connection.request("GET", "/healthz")
        connection.getresponse().read()
        waits.append(time.perf_counter() - begun)
        own.append(min(waits[-1], sum(worker.cpu_times()[:2]) - spent))
        most = max(most, worker.memory_info().rss)
        time.sleep(_PAUSE_S)
    pipe.recv()
    return waits, own, most


def run(rounds: int = 1) -> None:
    """Measure and print each shape, on one service."""
    print("\nOdd requests, four at a time (budget: p99 100 ms, worst 250 ms, memory 8 bytes a byte)")
    print("  waits for /healthz in ms; in brackets what of them is the service's own; memory in bytes a byte unzipped")
    millions = float(os.environ.get("SHAPES_MILLIONS", "10"))
    wanted = os.environ.get("SHAPES", "")
    with service_to_watch() as service:
        for shape in (shape for _ in range(rounds) for shape in shapes(millions) if wanted in shape.name):
            seen = measured(service, shape)
            said = "/".join(sorted({str(status) for status in seen.statuses}))
            print(
                f"  {shape.name:46} {len(shape.body) / 1e6:5.0f} MB  {said:18}"
                f" {seen.seconds:5.1f} s  p99 {seen.p99:5.0f} ({seen.own_p99:4.0f})  worst {seen.worst:5.0f}"
                f" ({seen.own_worst:4.0f})  memory {seen.grown / (SENDERS * len(shape.body)):4.1f} x"
                f" {seen.grown / 1e6:5.0f} MB",
                flush=True,
            )
