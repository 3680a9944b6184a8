"""What the benchmarked processes talk to: a private Redis and an OTLP/HTTP sink, both on this machine only."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.support.ports import free_port
from spantail_service.storage.binary import inspect
from spantail_service.storage.embedded import EmbeddedRedis

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from multiprocessing.connection import Connection

    from spantail_service.storage.binary import RedisBinary

SERVER_VARIABLE: Final = "SPANTAIL_BENCH_REDIS_SERVER"
"""The server program that `private_redis` runs, also in processes that a benchmark starts."""


@contextlib.contextmanager
def private_redis(binary: RedisBinary | None = None) -> Iterator[str]:
    """Run a Redis of our own for a while; yields its URL.

    It is `binary`, else the one that `python -m bench --redis-server` names, else what the service would take.
    """
    chosen = os.environ.get(SERVER_VARIABLE) if binary is None else None
    binary = inspect(Path(chosen)) if chosen else binary
    if chosen and binary is None:
        raise SystemExit(f"{chosen} is no Redis or Valkey server that runs here")
    with (
        tempfile.TemporaryDirectory(prefix="spantail-bench-") as folder,
        EmbeddedRedis(Path(folder), binary=binary) as redis,
    ):
        yield redis.url


class _Sink(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Read the request whole and answer with an empty success."""
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.send_header("content-type", "application/x-protobuf")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _serve(ready: Connection) -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Sink)
    server.daemon_threads = True
    ready.send(server.server_address[1])
    server.serve_forever()


@contextlib.contextmanager
def otlp_sink() -> Iterator[str]:
    """Run an OTLP/HTTP receiver that reads and forgets, in a process of its own; yields its base URL."""
    parent, child = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(child,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{parent.recv()}"
    finally:
        process.terminate()
        process.join(5)


@contextlib.contextmanager
def running_service(redis_url: str, environment: Mapping[str, str] | None = None) -> Iterator[str]:
    """Run the service as a user would, on a free port; yields `host:port` once it is ready."""
    port = free_port()
    command = [sys.executable, "-m", "spantail_service", "serve", "--port", str(port), "--redis-url", redis_url]
    environment = {**os.environ, "SPANTAIL_OTLP_GRPC_PORT": "off", **(environment or {})}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment) as process:
        try:
            _wait_until_ready(port, process)
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(20)


def _wait_until_ready(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        with contextlib.closing(connection), contextlib.suppress(OSError):
            connection.request("GET", "/readyz")
            with connection.getresponse() as answer:
                if answer.status == http.HTTPStatus.OK:
                    return
        time.sleep(0.05)
    raise RuntimeError("the service was not ready within 90 s")
