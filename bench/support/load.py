"""Clients in great number on one event loop: just enough HTTP to keep a server busy without being the bottleneck."""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)


class Connection(asyncio.Protocol):
    """One keep-alive connection with one request at a time; `answered` is called with each answer's body."""

    def __init__(self, request: bytes, answered: Callable[[Connection, bytes], None]) -> None:
        self.request = request
        self.asked_at = 0.0
        self.closed = False
        self._answered = answered
        self._transport: asyncio.Transport | None = None
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by class

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that it is over."""
        self.closed = True

    def ask(self) -> None:
        """Send the request."""
        self.asked_at = time.perf_counter()
        if self._transport is not None and not self.closed:
            self._transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        """Collect an answer."""
        self._received = received = self._received + data if self._received else data
        end = received.find(b"\r\n\r\n")
        if end < 0:
            return
        length = _LENGTH.search(received, 0, end + 2)
        if not received.startswith(b"HTTP/1.1 200") or length is None:
            raise RuntimeError(f"unexpected answer: {received[:300]!r}")
        if len(received) >= end + 4 + int(length[1]):
            self._received = b""
            self._answered(self, received[end + 4 :])

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()


def get(host: str, path: str, headers: Sequence[str] = ()) -> bytes:
    """A GET request as bytes."""
    return "\r\n".join([f"GET {path} HTTP/1.1", f"Host: {host}", *headers, "", ""]).encode()


async def connect(address: str, request: bytes, answered: Callable[[Connection, bytes], None]) -> Connection:
    """Open one connection to `host:port`."""
    host, port = address.rsplit(":", 1)
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(lambda: Connection(request, answered), host, int(port))
    return connection


async def requests_per_second(address: str, request: bytes, seconds: float, connections: int = 16) -> float:
    """How many requests a second a server answers when every connection asks again at once."""
    count = 0

    def again(connection: Connection, _body: bytes) -> None:
        nonlocal count
        count += 1
        connection.ask()

    opened = [await connect(address, request, again) for _ in range(connections)]
    for connection in opened:
        connection.ask()
    await asyncio.sleep(seconds / 4)  # warm
    count, begun = 0, time.perf_counter()
    await asyncio.sleep(seconds)
    rate = count / (time.perf_counter() - begun)
    for connection in opened:
        connection.close()
    return rate


async def poll_latencies(
    address: str, request: bytes, viewers: int, interval_s: float, seconds: float
) -> tuple[list[float], float]:
    """Poll as so many pages do, spread over the interval; answers the latencies in seconds and the requests/s."""
    latencies: list[float] = []
    loop = asyncio.get_running_loop()
    running = True

    def answered(connection: Connection, _body: bytes) -> None:
        latencies.append(time.perf_counter() - connection.asked_at)
        if running:
            loop.call_later(interval_s, connection.ask)

    opened = []
    for first in range(0, viewers, 100):
        count = min(100, viewers - first)
        opened += await asyncio.gather(*(connect(address, request, answered) for _ in range(count)))
    for number, connection in enumerate(opened):
        loop.call_later(interval_s * number / viewers, connection.ask)
    await asyncio.sleep(3 * interval_s)
    latencies.clear()
    begun = time.perf_counter()
    await asyncio.sleep(seconds)
    taken, elapsed = list(latencies), time.perf_counter() - begun
    running = False
    for connection in opened:
        connection.close()
    return taken, len(taken) / elapsed
