"""What a supervisor and one of its workers say to each other: JSON lines over a socket that nobody else has.

The end of the socket is news too: the other side has ended, however it did.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Self

import orjson

if TYPE_CHECKING:
    import socket

_LONGEST_BYTES: Final = 67_108_864  # the figures of a worker are 100 kB; this bounds a mistake

Message = dict[str, Any]
"""A message; `kind` says which."""

READY: Final = "ready"
"""From a worker: it answers requests."""
FIGURES: Final = "figures"
"""To a worker: say your figures; its answer. Both have the same `number`."""
SUM: Final = "sum"
"""From a worker: it wants the figures of all; the answer. Both have the same `number`."""
WATCHED: Final = "watched"
"""From a worker: whether somebody looks at it (`value`). To the one with the demo work: whether somebody looks."""
SIGNED_OUT: Final = "signed_out"
"""From a worker, and on to the others: a session (`id` in hexadecimal, `end_s`) is over."""


class Channel:
    """One end of it; the other end is in the other process."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, held: socket.socket) -> Self:
        """Take over a connected socket."""
        held.setblocking(False)
        return cls(*await asyncio.open_unix_connection(sock=held, limit=_LONGEST_BYTES))

    def send(self, kind: str, **body: Any) -> None:
        """Say something; what the other side does not hear any more is lost with it."""
        if not self._writer.is_closing():
            self._writer.write(orjson.dumps({"kind": kind, **body}, default=tuple) + b"\n")

    async def receive(self) -> Message | None:
        """The next message; None when the other side has ended."""
        try:
            line = await self._reader.readline()
        except OSError:
            return None
        if not line.endswith(b"\n"):
            return None
        message: Message = orjson.loads(line)
        return message

    def close(self) -> None:
        """Say nothing more."""
        self._writer.close()
