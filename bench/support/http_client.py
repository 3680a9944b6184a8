"""A small HTTP client: requests by hand, so that wrong ones can be made too; connections that are simply dropped."""

from __future__ import annotations

import asyncio
from typing import Self


class Connection:
    """One keep-alive connection; answers come with their length."""

    def __init__(self, host: str, port: int, token: str) -> None:
        self._host = host
        self._port = port
        self._token = token
        self.reader: asyncio.StreamReader
        self.writer: asyncio.StreamWriter

    async def __aenter__(self) -> Self:
        """Connect."""
        self.reader, self.writer = await asyncio.open_connection(self._host, self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Hang up without a word."""
        self.writer.transport.abort()

    def send(self, method: str, path: str, headers: str = "", body: bytes = b"") -> None:
        """Send a request."""
        self.writer.write(request(method, path, f"{self._host}:{self._port}", self._token, headers) + body)

    async def answer(self) -> tuple[int, bytes]:
        """Read an answer: its status and its content."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).lower()
        status = int(head[9:12])
        if (at := head.find(b"\r\ncontent-length: ")) >= 0:
            return status, await self.reader.readexactly(int(head[at + 18 : head.index(b"\r\n", at + 18)]))
        parts = []
        if b"transfer-encoding: chunked" in head:
            while size := int(await self.reader.readline(), 16):
                parts.append((await self.reader.readexactly(size + 2))[:-2])
            await self.reader.readline()
        return status, b"".join(parts)


def request(method: str, path: str, host: str, token: str, headers: str = "") -> bytes:
    """A request's head; `headers` are further lines."""
    lines = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
    return f"{lines}{headers}\r\n".encode()
