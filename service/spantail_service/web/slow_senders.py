"""HTTP/1.1 with limits for slow senders: heads and bodies that arrive too slowly, and heads without end, are refused.

uvicorn waits for the rest of a request for ever, and keeps whatever headers come. Somebody who opens connections and
says hardly anything would take every file descriptor of the process, and one who never ends a head, its memory.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    import asyncio

HEAD_S: Final = 20.0
"""Longest time from a connection, or from a request's first byte, to the end of its head."""
HEAD_BYTES: Final = 65_536
"""Most bytes of a head, or of trailers; twice what the guard lets pass, whose answer says what is wrong."""
BODY_S: Final = 20.0
"""A body has to bring something within this time, …"""
BODY_BYTES: Final = 2_000
"""… and so many bytes at least, unless it ends. While the application takes nothing, its sender may wait."""


class _Waits(enum.Enum):
    """What the connection waits for."""

    NOTHING = enum.auto()  # or for a next request, which is uvicorn's keep-alive
    HEAD = enum.auto()
    BODY = enum.auto()


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's protocol; each connection is looked at every few seconds."""

    check_s: float = 5.0
    head_s: float = HEAD_S
    body_s: float = BODY_S

    _waits = _Waits.HEAD
    _since_s = 0.0
    _look_at_s = 0.0
    _body_bytes = 0  # since `_since_s`
    _other_bytes = 0  # of a head, or since the body's last part: trailers and the like
    _came_on = False  # whether the data at hand began or ended a head, or brought a part of a body
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to look."""
        super().connection_made(transport)
        self._since_s = self.loop.time()
        self._look_later()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what has come; a head that goes on and on is refused."""
        self._came_on = False
        super().data_received(data)
        if self._waits is not _Waits.NOTHING and self._timer is not None and not self._came_on:
            # the parser keeps the header it is in the middle of: it is counted as it comes, whole or not
            self._other_bytes += len(data)
            if self._other_bytes > HEAD_BYTES:
                self._stop()
                self.send_400_response("The request's head is too long.")

    def handle_websocket_upgrade(self) -> None:
        """Leave the connection to the WebSocket's protocol, which has time-outs of its own."""
        self._stop()
        super().handle_websocket_upgrade()

    def on_message_begin(self) -> None:
        """A request's first byte has come."""
        super().on_message_begin()
        self._wait(_Waits.HEAD)

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._wait(_Waits.BODY)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of the body has come."""
        self._body_bytes += len(body)
        self._other_bytes = 0
        self._came_on = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._waits = _Waits.NOTHING
        super().on_message_complete()

    def _wait(self, what: _Waits) -> None:
        self._waits, self._since_s = what, self.loop.time()
        self._body_bytes = self._other_bytes = 0
        self._came_on = True

    def _look_later(self) -> None:
        self._look_at_s = self.loop.time() + self.check_s
        self._timer = self.loop.call_at(self._look_at_s, self._look)

    def _look(self) -> None:
        # while this process was busy, stopped or asleep, it did not listen: that time is not the sender's
        now_s = self.loop.time()
        self._since_s = min(now_s, self._since_s + max(0.0, now_s - self._look_at_s))
        self._look_later()
        waited_s = now_s - self._since_s
        if self._waits is _Waits.HEAD and waited_s >= self.head_s:
            self.transport.close()
        elif self._waits is _Waits.BODY and waited_s >= self.body_s:
            if self._body_bytes < BODY_BYTES and not self.flow.read_paused:
                self.transport.close()
            else:
                self._wait(_Waits.BODY)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
