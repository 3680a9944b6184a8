"""Everybody at once on one service process: senders, pollers, viewers of every kind, and those who misbehave.

What is sent and asked for is bounded: every client waits between two requests, and all of them end with the crowd.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gzip
import os
import random
import socket
import sys
import time
from collections import Counter, deque
from typing import TYPE_CHECKING, Final

import grpc
import redis.asyncio

from bench.figures.ingest import make_requests
from bench.support.http_client import Connection, request
from bench.support.workload import SPANS_PER_RUN
from bench.support.ws_client import Watching, watch
from spantail_exporters.model import keys

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

POLLERS: Final = 200
SOCKETS: Final = 100
STREAMS: Final = 20
LISTS: Final = 20
STUCK: Final = 10
REQUESTS_PER_S: Final = 5  # over HTTP and over gRPC, a run of 100 spans each: 1,000 spans/s

_POLL_S: Final = 0.5
_RECONNECT_AFTER: Final = 40  # polls
_STAY_S: Final = (1.0, 10.0)
_STUCK_S: Final = 45.0  # the service drops who takes nothing for 30 s
_RUN_KEPT_S: Final = 60  # a run's data goes so long after it came: hours in a minute
_BUSY_RUN_S: Final = 60.0
_HISTORY: Final = 3_000  # events that a busy run begins with; a page has them from the snapshot
_TIMEOUT_S: Final = 15.0
_UNKNOWN: Final = "f" * 32
_GRPC_TRACES: Final = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


class Crowd:
    """All clients of one service. `counts` says what they did, by kind."""

    def __init__(self, address: str, grpc_port: int, redis_url: str, token: str) -> None:
        self.counts: Counter[str] = Counter()
        self._address = address
        self._host, port = address.rsplit(":", 1)
        self._port = int(port)
        self._grpc_port = grpc_port
        self._redis_url = redis_url
        self._token = token
        self._busy = ""
        self._runs: deque[str] = deque(maxlen=200)
        self._seeds = iter(range(10**9))

    async def stay(self, seconds: float) -> None:
        """Come, do what they do for so long, and leave."""
        producer = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.figures.crowd", stdout=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.PIPE,
            env={**os.environ, "SPANTAIL_REDIS_URL": self._redis_url},
        )  # fmt: skip
        tasks: list[asyncio.Task[None]] = []
        try:
            if producer.stdout is None:
                raise RuntimeError("no pipe")
            self._busy = (await producer.stdout.readline()).decode().strip()
            clients: list[tuple[Callable[[], Awaitable[None]], int]] = [
                (self._poll, POLLERS), (self._socket, SOCKETS), (self._stream, STREAMS), (self._run_list, LISTS),
                (self._stuck, STUCK), (self._send_http, 1), (self._send_grpc, 1), (self._ask, 1), (self._misbehave, 1),
            ]  # fmt: skip
            tasks = [asyncio.create_task(self._again(client)) for client, count in clients for _ in range(count)]
            tasks.append(asyncio.create_task(self._follow(producer.stdout)))
            ended, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:  # none ends by itself: what it says is a mistake of ours, or the producer has ended
                raise RuntimeError("a client of the crowd has ended") from task.exception()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            with contextlib.suppress(ProcessLookupError):
                producer.kill()
            await producer.wait()

    async def _again(self, client: Callable[[], Awaitable[None]]) -> None:
        await asyncio.sleep(random.random() * 3)
        while True:
            try:
                await client()
            except (OSError, TimeoutError, asyncio.IncompleteReadError, grpc.RpcError) as error:
                self.counts[f"{type(error).__name__} of {client.__name__.strip('_')}"] += 1
                await asyncio.sleep(1)

    async def _follow(self, lines: asyncio.StreamReader) -> None:
        while line := await lines.readline():
            self._busy = line.decode().strip()

    def _any_run(self) -> str:
        return self._busy if not self._runs or random.random() < 0.5 else random.choice(self._runs)

    # ----------------------------------------------------------------------------------------------------- viewers

    async def _poll(self) -> None:
        """A page without anything better."""
        run, since = self._busy, _HISTORY
        async with Connection(self._host, self._port, self._token) as connection:
            for _ in range(_RECONNECT_AFTER):
                body = await self._get(connection, f"/api/logs/{run}?since={since}&limit=1000")
                found = body.rfind(b'],"next_index":')
                since = int(body[found + 15 : body.index(b",", found + 15)]) if found >= 0 else 0
                await asyncio.sleep(_POLL_S)

    async def _socket(self) -> None:
        watching = Watching()
        try:
            await watch(
                self._address, f"/ws/runs/{self._any_run()}/logs?since={_HISTORY}", watching,
                {"authorization": f"Bearer {self._token}"},
            )  # fmt: skip
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(random.uniform(*_STAY_S)):
                    await watching.closed.wait()
        finally:
            watching.close()
        self.counts["sockets"] += 1

    async def _stream(self) -> None:
        await self._listen(f"/api/runs/{self._any_run()}/events?since={_HISTORY}")
        self.counts["event streams"] += 1

    async def _run_list(self) -> None:
        await self._listen("/api/runs/events")
        self.counts["list streams"] += 1

    async def _listen(self, path: str) -> None:
        async with Connection(self._host, self._port, self._token) as connection:
            connection.send("GET", path)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(random.uniform(*_STAY_S)):
                    while await connection.reader.read(65_536):
                        pass

    async def _stuck(self) -> None:
        """Ask for everything and read nothing."""
        loop = asyncio.get_running_loop()
        with socket.socket() as mute:
            mute.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            mute.setblocking(False)
            await loop.sock_connect(mute, (self._host, self._port))
            if random.random() < 0.5:
                asking = request("GET", f"/api/runs/{self._busy}/events", self._address, self._token)
            else:
                key = base64.b64encode(os.urandom(16)).decode()
                upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                upgrade += f"Sec-WebSocket-Key: {key}\r\n"
                asking = request("GET", f"/ws/runs/{self._busy}/logs?since=0", self._address, self._token, upgrade)
            await loop.sock_sendall(mute, asking)
            await asyncio.sleep(_STUCK_S)
        self.counts["stuck"] += 1

    # ----------------------------------------------------------------------------------------------------- senders

    async def _send_http(self) -> None:
        async with (
            Connection(self._host, self._port, self._token) as connection,
            redis.asyncio.Redis.from_url(self._redis_url) as client,
        ):
            while True:
                begun = time.monotonic()
                for number in range(REQUESTS_PER_S):
                    body, run = self._request()
                    headers = "Content-Type: application/x-protobuf\r\n"
                    if number % 2:
                        body, headers = gzip.compress(body, 1), headers + "Content-Encoding: gzip\r\n"
                    await self._exchange(connection, "POST", "/v1/traces", headers, body)
                    await self._let_expire(client, run)
                await asyncio.sleep(max(0.0, 1 - (time.monotonic() - begun)))

    async def _send_grpc(self) -> None:
        metadata = (("authorization", f"Bearer {self._token}"),)
        async with redis.asyncio.Redis.from_url(self._redis_url) as client:
            with grpc.insecure_channel(f"{self._host}:{self._grpc_port}") as channel:
                export: Callable[..., bytes] = channel.unary_unary(_GRPC_TRACES)
                while True:
                    begun = time.monotonic()
                    for _ in range(REQUESTS_PER_S):
                        body, run = self._request()
                        await asyncio.to_thread(export, body, timeout=_TIMEOUT_S, metadata=metadata)
                        self.counts["requests over gRPC"] += 1
                        await self._let_expire(client, run)
                    await asyncio.sleep(max(0.0, 1 - (time.monotonic() - begun)))

    def _request(self) -> tuple[bytes, str]:
        """One run in one request."""
        bodies, run = make_requests(next(self._seeds), SPANS_PER_RUN, SPANS_PER_RUN)
        self.counts["spans"] += SPANS_PER_RUN
        return bodies[0], run

    async def _let_expire(self, client: redis.asyncio.Redis, run: str) -> None:
        self._runs.append(run)
        pipe = client.pipeline(transaction=False)
        for key in keys.run_keys(run):
            pipe.expire(key, _RUN_KEPT_S)
        await pipe.execute()

    # ---------------------------------------------------------------------------------------------------- the others

    async def _ask(self) -> None:
        """Lists, sums, snapshots, exports, metrics, one after the other."""
        async with Connection(self._host, self._port, self._token) as connection:
            for _ in range(10):
                run = self._any_run()
                for path in (
                    "/api/runs?limit=50", "/api/runs?q=chat", "/api/runs?status=completed", "/api/spend?days=2",
                    f"/api/traces/{run}?fields=tree", f"/api/traces/{run}", f"/api/runs/{run}", "/metrics",
                    f"/api/runs/{run}/export?format=otlp", f"/api/runs/{run}/export?format=perfetto",
                    f"/api/logs/{run}?before=50", f"/api/logs/{run}?since=0&wait=1", "/openapi.json", "/readyz",
                ):  # fmt: skip
                    await self._get(connection, path)
                    await asyncio.sleep(0.1)

    async def _misbehave(self) -> None:
        noise = os.urandom(300)
        protobuf, json = "Content-Type: application/x-protobuf\r\n", "Content-Type: application/json\r\n"
        for method, path, headers, body in (
            ("POST", "/v1/traces", protobuf, noise), ("POST", "/v1/logs", json, b'{"resourceLogs":[{"x"'),
            ("POST", "/v1/traces", protobuf + "Content-Encoding: gzip\r\n", noise),
            ("POST", "/v1/traces", json, b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"1"}]}]}]}'),
            ("POST", "/api/runs/import", "Content-Type: application/x-ndjson\r\n", noise.hex().encode()),
            ("POST", "/api/jobs/search", json, b"{}"), ("GET", f"/api/logs/{_UNKNOWN}?since={os.getpid()}", "", b""),
            ("GET", f"/api/logs/{noise.hex()}", "", b""), ("GET", f"/api/traces/{noise[:16].hex()}", "", b""),
            ("PUT", "/api/runs", "", b""), ("GET", f"/{noise.hex()}?{noise.hex()}", "", b""),
        ):  # fmt: skip
            async with Connection(self._host, self._port, self._token) as connection:
                await self._exchange(connection, method, path, headers, body)
            await asyncio.sleep(0.05)
        for raw in (
            noise, b"GET / HTTP/1.1\r\n\r\n", request("GET", "/api/runs", "evil.example", self._token),
            request("GET", "/api/runs", self._address, noise.hex()),
            request("POST", "/v1/traces", self._address, self._token, f"{protobuf}Content-Length: 5000\r\n"),
            request("GET", f"/api/runs/{noise[:16].hex()}/events", self._address, self._token),
        ):  # fmt: skip
            async with Connection(self._host, self._port, self._token) as connection:
                connection.writer.write(raw)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.5):
                        await connection.reader.read(1_000)
            self.counts["broken requests"] += 1
        with contextlib.suppress(ConnectionError):
            await watch(self._address, f"/ws/runs/{_UNKNOWN}/logs", Watching(), {"authorization": f"Bearer {noise!r}"})

    async def _get(self, connection: Connection, path: str) -> bytes:
        return await self._exchange(connection, "GET", path, "", b"")

    async def _exchange(self, connection: Connection, method: str, path: str, headers: str, body: bytes) -> bytes:
        if body:
            headers += f"Content-Length: {len(body)}\r\n"
        connection.send(method, path, headers, body)
        async with asyncio.timeout(_TIMEOUT_S):
            status, answer = await connection.answer()
        self.counts[f"answers {status}"] += 1
        return answer


def _produce() -> None:
    """Live runs, a new one each minute: a long beginning, then 20 spans a second; says each one's id."""
    import logging

    from opentelemetry import trace

    import spantail

    logging.getLogger("bench").addHandler(logging.NullHandler())  # or every line would be on the terminal too
    handle = spantail.configure(service_name="bench")
    tracer = trace.get_tracer("bench")
    while True:
        with spantail.operation("busy") as root:
            until = time.monotonic() + _BUSY_RUN_S
            for _ in range(_HISTORY):
                tracer.start_span("history", attributes={"text": "x" * 2_000}).end()
            handle.flush(5)
            print(root.run_id, flush=True)
            while time.monotonic() < until:
                with tracer.start_as_current_span("work"):
                    logging.getLogger("bench").warning("a line")
                    time.sleep(0.05)


if __name__ == "__main__":
    _produce()
