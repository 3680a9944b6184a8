"""Everybody at once on one service process: senders, pollers, viewers of every kind, and those who misbehave.

What is sent and asked for is bounded: every client waits between two requests, and all of them end with the crowd.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import random
import socket
import sys
from typing import TYPE_CHECKING, Final

import grpc

from bench.support.broken_requests import UNKNOWN_RUN, broken, refused
from bench.support.busy_runs import HISTORY
from bench.support.http_client import Connection, request
from bench.support.run_senders import Senders
from bench.support.ws_client import Watching, watch

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Awaitable, Callable

POLLERS: Final = 200
SOCKETS: Final = 100
STREAMS: Final = 20
LISTS: Final = 20
STUCK: Final = 10
_POLL_S: Final = 0.5
_RECONNECT_AFTER: Final = 40  # polls
_STAY_S: Final = (1.0, 10.0)
_STUCK_S: Final = 45.0  # the service drops who takes nothing for 30 s
_TIMEOUT_S: Final = 15.0


class Crowd:
    """All clients of one service. `counts` says what they did, by kind."""

    def __init__(self, address: str, grpc_port: int, redis_url: str, token: str) -> None:
        self._senders = Senders(address, grpc_port, redis_url, token)
        self.counts: Counter[str] = self._senders.counts
        self._address = address
        self._host, port = address.rsplit(":", 1)
        self._port = int(port)
        self._redis_url = redis_url
        self._token = token
        self._busy = ""

    async def stay(self, seconds: float) -> None:
        """Come, do what they do for so long, and leave."""
        producer = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.support.busy_runs",
            stdout=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.PIPE,
            env={**os.environ, "SPANTAIL_REDIS_URL": self._redis_url},
        )  # fmt: skip
        tasks: list[asyncio.Task[None]] = []
        try:
            if producer.stdout is None:
                raise RuntimeError("no pipe")
            self._busy = (await producer.stdout.readline()).decode().strip()
            clients: list[tuple[Callable[[], Awaitable[None]], int]] = [
                (self._poll, POLLERS), (self._socket, SOCKETS), (self._stream, STREAMS), (self._run_list, LISTS),
                (self._stuck, STUCK), (self._senders.over_http, 1), (self._senders.over_grpc, 1), (self._ask, 1),
                (self._misbehave, 1),
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
        return self._busy if not self._senders.runs or random.random() < 0.5 else random.choice(self._senders.runs)

    async def _poll(self) -> None:
        """A page without anything better."""
        run, since = self._busy, HISTORY
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
                self._address, f"/ws/runs/{self._any_run()}/logs?since={HISTORY}", watching,
                {"authorization": f"Bearer {self._token}"},
            )  # fmt: skip
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(random.uniform(*_STAY_S)):
                    await watching.closed.wait()
        finally:
            watching.close()
        self.counts["sockets"] += 1

    async def _stream(self) -> None:
        await self._listen(f"/api/runs/{self._any_run()}/events?since={HISTORY}")
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
        for method, path, headers, body in refused(noise):
            async with Connection(self._host, self._port, self._token) as connection:
                await self._exchange(connection, method, path, headers, body)
            await asyncio.sleep(0.05)
        for raw in broken(noise, self._address, self._token):
            async with Connection(self._host, self._port, self._token) as connection:
                connection.writer.write(raw)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.5):
                        await connection.reader.read(1_000)
            self.counts["broken requests"] += 1
        with contextlib.suppress(ConnectionError):
            await watch(
                self._address, f"/ws/runs/{UNKNOWN_RUN}/logs", Watching(), {"authorization": f"Bearer {noise!r}"}
            )

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
