"""What single odd requests do to everybody else: worst `/healthz` and memory growth, for each shape by each way.

Four of a kind are sent at a time, while `/healthz` is asked every few milliseconds from another process. To see what
another build does, run this file's module with that build's Python. `SHAPES` picks shapes by a part of their name,
`SHAPES_MILLIONS` says how many of the smallest messages each holds.
"""

from __future__ import annotations

import gzip
import http.client
import multiprocessing
import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, NamedTuple

import psutil

from bench.ingest import listening_on
from bench.servers import private_redis, running_service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.synchronize import Event

SENDERS: Final = 4
_TIMEOUT_S: Final = 120.0
_PROTOBUF: Final = {"content-type": "application/x-protobuf"}
_JSON: Final = {"content-type": "application/json"}
_NDJSON: Final = {"content-type": "application/x-ndjson"}
_IDS: Final = b"\x0a\x10" + b"\1" * 16 + b"\x12\x08" + b"\2" * 8
_JSON_IDS: Final = b'"traceId":"' + b"01" * 16 + b'","spanId":"' + b"02" * 8 + b'"'
_HEAD: Final = b'{"format":"spantail.run","version":1,"run":{"run_id":"' + b"01" * 16 + b'"}}'


class Shape(NamedTuple):
    """A request; ``body`` is gzipped on its way where ``zipped``."""

    name: str
    path: str
    headers: dict[str, str]
    body: bytes
    zipped: bool = True


class Outcome(NamedTuple):
    """What came of four of a kind."""

    statuses: list[int]
    seconds: float
    p99_ms: float
    worst_ms: float
    grown: float
    """Growth of the process' memory, in bytes for each byte of the four bodies once unzipped."""


def field(number: int, data: bytes) -> bytes:
    """A length-delimited field of protobuf."""
    size, length = b"", len(data)
    while length > 0x7F:
        size, length = size + bytes([length & 0x7F | 0x80]), length >> 7
    return bytes([number << 3 | 2]) + size + bytes([length]) + data


def shapes(millions: float = 30.0) -> Iterator[Shape]:
    """Every shape by every way that takes it; ``millions`` of the smallest messages in each."""
    many = int(millions * 1_000_000)
    few = many // 6  # JSON is taken up to a quarter of the size
    for path, items in (("/v1/traces", 2), ("/v1/logs", 2)):
        kind = path[4:]
        attribute = field(9 if kind == "traces" else 6, b"")
        nested = field(9 if kind == "traces" else 6, field(1, b"a") + field(2, field(5, b"\x0a\x00" * (many - 200))))
        protobuf = {
            "empty groups": b"\x0a\x00" * many,
            "empty scopes": field(1, b"\x12\x00" * many),
            "empty items": field(1, field(2, b"\x12\x00" * many)),
            "unknown fields": b"\x78\x01" * many,
            "one item, empty attributes": field(1, field(2, field(items, _IDS + attribute * many))),
            "one item, empty events": field(1, field(2, field(items, _IDS + b"\x5a\x00" * many))),
            "one item, empty values": field(1, field(2, field(items, _IDS + nested))),
            "one item, unknown fields": field(1, field(2, field(items, _IDS + b"\xa0\x06\x01" * (many // 2)))),
            "one resource, empty attributes": field(1, field(1, b"\x0a\x00" * many) + field(2, field(2, _IDS))),
        }
        for name, body in protobuf.items():
            yield Shape(f"{kind} protobuf: {name}", path, _PROTOBUF, body)
    for path, outer, middle, inner in (
        ("/v1/traces", b"resourceSpans", b"scopeSpans", b"spans"),
        ("/v1/logs", b"resourceLogs", b"scopeLogs", b"logRecords"),
        ("/api/runs/import", b"resourceSpans", b"scopeSpans", b"spans"),
    ):
        objects = b"{}" + b",{}" * few
        start, end = b'{"%b":[{"%b":[{"%b":[' % (outer, middle, inner), b"]}]}]}"
        json = {
            "empty groups": b'{"%b":[%b]}' % (outer, objects),
            "empty items": start + objects + end,
            "one item, empty attributes": start + b'{%b,"attributes":[%b]}' % (_JSON_IDS, objects) + end,
            "one item, empty lists": start + b'{%b,"x":[%b]}' % (_JSON_IDS, b"[]" + b",[]" * few) + end,
            "deep": start + b"[" * (3 * few) + end,
            "one string": start + b'{%b,"name":"%b"}' % (_JSON_IDS, b'\\"' * few) + end,
            "unknown members": b"{" + b'"a":1,' * (few // 2) + b'"b":1}',
        }
        for name, body in json.items():
            yield Shape(f"{path.rpartition('/')[2]} JSON: {name}", path, _JSON, body)
    ndjson = {
        "empty lines": _HEAD + b"\n" * (3 * few),
        "lines of {}": _HEAD + b"\n{}" * few,
        "one line of lists": _HEAD + b'\n{"x":[' + b"[]," * few + b"[]]}",
        "header of lists": _HEAD[:-2] + b',"x":[' + b"[]," * few + b"[]]}}",
    }
    for name, body in ndjson.items():
        yield Shape(f"import NDJSON: {name}", "/api/runs/import", _NDJSON, body)


def send(address: str, shape: Shape, body: bytes) -> int:
    """Post it once; returns the status, 0 where no answer came in time."""
    host, port = address.rsplit(":", 1)
    headers = shape.headers | ({"content-encoding": "gzip"} if shape.zipped else {})
    connection = http.client.HTTPConnection(host, int(port), timeout=_TIMEOUT_S)
    try:
        connection.request("POST", shape.path, body, headers)
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        return 0
    else:
        return answer.status
    finally:
        connection.close()


def measured(address: str, worker: psutil.Process, shape: Shape, before: int) -> Outcome:
    """Send four of a kind, and look on; memory is compared with ``before``."""
    body = gzip.compress(shape.body, 1) if shape.zipped else shape.body
    context = multiprocessing.get_context("spawn")
    done = context.Event()
    parent, child = context.Pipe()
    watcher = context.Process(target=_watch, args=(address, worker.pid, done, child), daemon=True)
    watcher.start()
    parent.recv()
    begun = time.perf_counter()
    try:
        with ThreadPoolExecutor(SENDERS) as pool:
            statuses = list(pool.map(lambda _: send(address, shape, body), range(SENDERS)))
    finally:
        seconds = time.perf_counter() - begun
        done.set()
    waits, most = parent.recv()
    watcher.join(30)
    waits.sort()
    grown = max(most - before, 0) / (SENDERS * len(shape.body))
    return Outcome(statuses, seconds, waits[int(len(waits) * 0.99)] * 1_000, waits[-1] * 1_000, grown)


def _watch(address: str, pid: int, done: Event, pipe: multiprocessing.connection.Connection) -> None:
    host, port = address.rsplit(":", 1)
    worker = psutil.Process(pid)
    connection = http.client.HTTPConnection(host, int(port), timeout=_TIMEOUT_S)
    waits: list[float] = []
    most = 0
    pipe.send(None)
    while not (done.is_set() and waits):
        begun = time.perf_counter()
        connection.request("GET", "/healthz")
        connection.getresponse().read()
        waits.append(time.perf_counter() - begun)
        most = max(most, worker.memory_info().rss)
        time.sleep(0.004)
    pipe.send((waits, most))


def run(rounds: int = 1) -> None:
    """Measure and print each shape, on one service."""
    print("\nOdd requests, four at a time (budget: p99 100 ms, worst 250 ms, memory 8 bytes a byte)")
    millions = float(os.environ.get("SHAPES_MILLIONS", "10"))
    wanted = os.environ.get("SHAPES", "")
    with (
        private_redis() as redis_url,
        running_service(redis_url, {"SPANTAIL_MAX_HEAVY_PER_MINUTE": "0"}) as address,
    ):
        worker = listening_on(address)
        before = worker.memory_info().rss  # of all: what one shape leaves behind must not hide the next one
        for shape in (shape for _ in range(rounds) for shape in shapes(millions) if wanted in shape.name):
            seen = measured(address, worker, shape, before)
            print(
                f"  {shape.name:48} {len(shape.body) / 1e6:5.0f} MB  {sorted(set(seen.statuses))!s:14}"
                f" {seen.seconds:6.1f} s   p99 {seen.p99_ms:7.0f} ms  worst {seen.worst_ms:7.0f} ms"
                f"   memory {seen.grown:5.1f} x",
                flush=True,
            )
