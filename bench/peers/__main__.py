"""The same OTLP requests into Spantail, Jaeger, Phoenix and MLflow: `python -m bench.peers [--spans N] [--few N]`.

One sender, one request at a time, over OTLP/HTTP in protobuf. The clock stops when the last run can be read whole over
the program's own HTTP API, or whichever of some fifty others had to be waited for. CPU is that of all processes of a
program, in user and system mode together; of ours the Redis that it writes to is one.

Jaeger gets `--spans` spans, in runs of 10 and of 1,000, and so do we; Phoenix and MLflow get `--few` in runs of 100.
Then `bench.peers.pages` opens large traces in the pages of these two and in ours. Not part of `make bench`: the first
time downloads two gigabytes. `--only jaeger` leaves Phoenix and MLflow out, `--only pages` opens pages and no more.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench.peers import pages
from bench.peers.programs import JAEGER, Peer, jaeger, mlflow, phoenix, running, spantail
from bench.support.otlp_requests import make_requests
from bench.support.processes import cpu_s, memory_mb, redis_process
from bench.support.servers import private_redis
from bench.support.workload import SPANS_PER_RUN

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psutil

SPANS: Final = 50_000
FEW: Final = 2_000
PER_RUN: Final = (10, 1_000)
ROUNDS: Final = 3
_PER_REQUEST: Final = 1_000
_LOOKED_AT: Final = 50  # runs of a measurement
_DEADLINE_S: Final = 600.0


class Work(NamedTuple):
    """Requests, and the runs that they hold."""

    warm_up: list[bytes]
    """Sent before the clock starts."""
    bodies: list[bytes]
    run_ids: list[str]
    per_run: int


class Figures(NamedTuple):
    """What a program took: seconds of time and of CPU, megabytes before and after."""

    wall_s: float
    cpu_s: float
    before_mb: float
    after_mb: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    parser.add_argument("--spans", type=int, default=SPANS, help=f"beside Jaeger; a multiple of {_PER_REQUEST}")
    parser.add_argument("--few", type=int, default=FEW, help=f"beside the others; a multiple of {SPANS_PER_RUN}")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="beside Jaeger; medians are printed")
    parser.add_argument(
        "--only", choices=("jaeger", "pages"), help="leave out what comes from PyPI, or all but the pages"
    )
    chosen = parser.parse_args()
    if chosen.only != "pages":
        _send_and_read(chosen.spans, chosen.few, chosen.rounds, with_python=chosen.only is None)
    if chosen.only != "jaeger":
        pages.run()


def _send_and_read(spans: int, few: int, rounds: int, *, with_python: bool) -> None:
    with private_redis() as redis_url:
        for per_run in PER_RUN:
            works = [make_work(seed, spans, _PER_REQUEST, per_run) for seed in range(rounds)]
            _compare([spantail(redis_url), jaeger()], works)
        if with_python:
            works = [make_work(7, few, _PER_REQUEST // 2, SPANS_PER_RUN)]
            _compare([spantail(redis_url), phoenix(), mlflow()], works)


def make_work(seed: int, spans: int, per_request: int, per_run: int) -> Work:
    """Make requests with runs of so many spans, none of which is cut in two by the end of a request."""
    warm_up, _ = make_requests(seed + 1_000, per_request, per_request, per_run)
    bodies, _ = make_requests(seed, spans, per_request, per_run)
    return Work(warm_up, bodies, _runs_in(bodies), per_run)


def _compare(programs: Sequence[Peer], works: Sequence[Work]) -> None:
    spans = len(works[0].run_ids) * works[0].per_run
    print(f"\nOTLP/HTTP, {spans:,} spans in runs of {works[0].per_run:,}, until readable; median of {len(works)}")
    print(f"{'':34}{'spans/s':>10}{'CPU us a span':>16}{'memory before':>16}{'after':>10}")
    for peer in programs:
        if peer.name == "Jaeger" and not JAEGER.exists():
            print(f"{peer.name:34}is not here: `make test-tools` builds it where Go is installed")
            continue
        try:
            rows = [_measure(peer, work, redis_process() if peer.name == "Spantail" else None) for work in works]
        except (OSError, RuntimeError, subprocess.CalledProcessError) as error:
            print(f"{peer.name:34}could not be measured: {error}")
            continue
        made = Figures(*map(statistics.median, zip(*rows, strict=True)))
        print(
            f"{peer.name + ' ' + peer.package:34}{spans / made.wall_s:>10,.0f}{made.cpu_s / spans * 1e6:>16,.1f}"
            f"{made.before_mb:>13,.0f} MB{made.after_mb:>7,.0f} MB"
        )


def _measure(peer: Peer, work: Work, beside: psutil.Process | None) -> Figures:
    """`beside` is a process that works for the program and counts with it."""
    with tempfile.TemporaryDirectory(prefix="spantail-bench-") as text, running(peer, Path(text)) as (port, process):
        everybody = [process, *process.children(recursive=True), *([beside] if beside else [])]
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_DEADLINE_S)
        query = http.client.HTTPConnection("127.0.0.1", peer.query_port or port, timeout=_DEADLINE_S)
        with contextlib.closing(connection), contextlib.closing(query):
            _send(connection, peer, work.warm_up)
            memory, cpu, begun = memory_mb(everybody), cpu_s(everybody), time.perf_counter()
            _send(connection, peer, work.bodies)
            ended, cpu_at_end = 0.0, 0.0
            # when the last one is there, most others are: some of them are looked at too
            looked_at = work.run_ids[:: -max(len(work.run_ids) // _LOOKED_AT, 1)]
            for number, run_id in enumerate(looked_at):
                if _await_whole(query, peer, run_id, work.per_run) or number == 0:
                    ended, cpu_at_end = time.perf_counter(), cpu_s(everybody)
        return Figures(ended - begun, cpu_at_end - cpu, memory, memory_mb(everybody))


def _send(connection: http.client.HTTPConnection, peer: Peer, bodies: Sequence[bytes]) -> None:
    headers = {"content-type": "application/x-protobuf", **peer.headers}
    for body in bodies:
        status, said = _ask(connection, "POST", "/v1/traces", body, headers)
        if status != http.HTTPStatus.OK:
            raise RuntimeError(f"/v1/traces answered {status}: {said[:200]!r}")


def _await_whole(connection: http.client.HTTPConnection, peer: Peer, run_id: str, spans: int) -> bool:
    """Wait until a run can be read whole; whether that took more than one look."""
    deadline = time.monotonic() + _DEADLINE_S
    waited = False
    while not _is_whole(connection, peer, run_id, spans):
        if time.monotonic() > deadline:
            raise RuntimeError(f"run {run_id} was not readable within {_DEADLINE_S:.0f} s")
        waited = True
        time.sleep(0.05)
    return waited


def _is_whole(connection: http.client.HTTPConnection, peer: Peer, run_id: str, spans: int) -> bool:
    status, said = _ask(connection, "GET", peer.run.format(run_id=run_id), None, peer.headers)
    with contextlib.suppress(ValueError, KeyError, TypeError):
        return status == http.HTTPStatus.OK and peer.count(orjson.loads(said)) == spans
    return False


def _runs_in(bodies: list[bytes]) -> list[str]:
    seen: dict[str, None] = {}
    for body in bodies:
        for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            seen |= {span.trace_id.hex(): None for scope in of_resource.scope_spans for span in scope.spans}
    return list(seen)


def _ask(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None, headers: dict[str, str]
) -> tuple[int, bytes]:
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    return response.status, response.read()


if __name__ == "__main__":
    main()
