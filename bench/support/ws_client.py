"""A WebSocket client that reads frames of a run with next to no work: a thousand of them must fit on one core.

Frames are not parsed: what a viewer needs to know (the cursor, the newest event's time) stands at known places.
"""

from __future__ import annotations

import asyncio
import base64
import os
import re
import time
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

_NEXT = re.compile(rb'\],"next_index":(\d+),"reset":(true|false)')
_FIRST = re.compile(rb'"logs":\[\{"seq":(\d+),')
_TS = re.compile(rb'"ts":(\d+),')
_START = re.compile(rb'"start":(\d+),')
_EVENTS = re.compile(rb'\{"seq":\d+,')
_SHORT, _LONG = 126, 127  # RFC 6455 §5.2: lengths in two and in eight bytes
_CLOSE, _PING = 0x8, 0x9


class Watching:
    """What one viewer has seen."""

    __slots__ = ("bytes", "closed", "gaps", "lags", "next_index", "starts_only", "transport")

    def __init__(self, *, starts_only: bool = False) -> None:
        self.next_index = 0
        self.gaps = 0
        """Frames that did not begin where the one before had ended, resets included."""
        self.bytes = 0
        self.lags: list[float] = []
        """Seconds from an event's time to its arrival: of each frame's last event, or of every span start."""
        self.starts_only = starts_only
        self.closed = asyncio.Event()
        self.transport: asyncio.Transport | None = None

    def frame(self, body: bytes) -> None:
        """Take note of one frame."""
        now = time.time()
        *_, found = _NEXT.finditer(body, max(0, len(body) - 4_096))
        first = _FIRST.search(body, 0, 200)
        if first is not None:
            if found[2] == b"true" or (self.next_index and int(first[1]) != self.next_index):
                self.gaps += 1
            self._lags(body, now)
        self.next_index = int(found[1])

    def _lags(self, body: bytes, now: float) -> None:
        if self.starts_only:
            for event in _EVENTS.split(body)[1:]:
                if b'"event":"span_start"' in event:
                    started = _START.search(event)
                    if started is not None:
                        self.lags.append(now - int(started[1]) / 1e6)
            return
        for written in _TS.finditer(body, max(0, body.rfind(b'{"seq":'))):
            self.lags.append(now - int(written[1]) / 1e6)
            break

    def close(self) -> None:
        """Hang up."""
        if self.transport is not None:
            self.transport.abort()


class _Client(asyncio.Protocol):
    """The reading half of RFC 6455."""

    def __init__(self, watching: Watching, request: bytes, opened: asyncio.Future[None]) -> None:
        self._watching = watching
        self._request = request
        self._opened = opened
        self._buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        self._watching.transport = cast("asyncio.Transport", transport)  # uvloop's is none by class
        self._watching.transport.write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits."""
        if not self._opened.done():
            self._opened.set_exception(exc or ConnectionError("closed during the handshake"))
        self._watching.closed.set()

    def data_received(self, data: bytes) -> None:
        """Collect frames."""
        self._watching.bytes += len(data)
        self._buffer += data
        if not self._opened.done():
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            if not self._buffer.startswith(b"HTTP/1.1 101"):
                self._opened.set_exception(ConnectionError(bytes(self._buffer[:200]).decode("latin-1")))
                return
            del self._buffer[: end + 4]
            self._opened.set_result(None)
        position = 0
        buffer = self._buffer
        while len(buffer) - position >= 2:
            length, head = buffer[position + 1] & 0x7F, 2
            if length == _SHORT:
                length, head = int.from_bytes(buffer[position + 2 : position + 4], "big"), 4
            elif length == _LONG:
                length, head = int.from_bytes(buffer[position + 2 : position + 10], "big"), 10
            if len(buffer) - position < head + length:
                break
            opcode = buffer[position] & 0x0F
            payload = bytes(buffer[position + head : position + head + length])
            position += head + length
            if opcode == _CLOSE:
                self._watching.close()
            elif opcode == _PING and self._watching.transport is not None:
                # An empty mask is a mask too: what is sent is what was received.
                self._watching.transport.write(bytes((0x8A, 0x80 | length)) + b"\0\0\0\0" + payload)
            else:
                self._watching.frame(payload)
        del buffer[:position]


async def watch(address: str, target: str, watching: Watching, headers: Mapping[str, str] | None = None) -> None:
    """Open a WebSocket to `host:port`; frames go to `watching` from then on."""
    host, port = address.rsplit(":", 1)
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [
        f"GET {target} HTTP/1.1", f"Host: {address}", "Upgrade: websocket", "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13",
        *(f"{name}: {value}" for name, value in (headers or {}).items()), "", "",
    ]  # fmt: skip
    loop = asyncio.get_running_loop()
    opened = loop.create_future()
    await loop.create_connection(lambda: _Client(watching, "\r\n".join(lines).encode(), opened), host, int(port))
    await opened
