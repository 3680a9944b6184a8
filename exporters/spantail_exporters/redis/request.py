"""Commands on their way over one connection to Redis, and their replies as they come in.

An answer can be waited for, or looked for now and then: the worker encodes while Redis works. For an answer that is
there when it looks it needs no other thread, and need not wait for the interpreter.
"""

from __future__ import annotations

import os
import select
import ssl
import time
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

import hiredis
from redis.exceptions import AskError, MovedError, NoScriptError, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Command = tuple[Any, ...]

_RECEIVE_BYTES: Final = 65_536
_MISSING: Final = object()
_NAMED: Final[dict[str, type[ResponseError]]] = {"MOVED": MovedError, "ASK": AskError, "NOSCRIPT": NoScriptError}
_readers: Final[WeakKeyDictionary[Any, hiredis.Reader]] = WeakKeyDictionary()


def _refusal(text: str) -> ResponseError:
    """Make the error that a reply is; its text keeps the code it begins with, unless the class says the same."""
    code, _, rest = text.partition(" ")
    return _NAMED[code](rest) if code in _NAMED else ResponseError(text)


def _packed(command: Command) -> bytes:
    name, *arguments = command
    packed: bytes = hiredis.pack_command((*name.split(" "), *arguments))  # SCRIPT LOAD is two words
    return packed


def _reader_of(connected: Any) -> hiredis.Reader:
    """Return the reader of a socket: one request may leave it the beginning of a push, whose end meets the next."""
    reader = _readers.get(connected)
    if reader is None:
        reader = _readers[connected] = hiredis.Reader(replyError=_refusal, notEnoughData=_MISSING)
    return reader


class Silence:
    """How long a server that was asked has said nothing. Written by the thread that asks, read by any other.

    The asking thread cannot tell: where the application keeps the interpreter busy, an answer lies there for many
    milliseconds before a thread gets to read it, and that is no fault of the server.
    """

    __slots__ = ("_since", "_socket")

    def __init__(self) -> None:
        self._since: float | None = None
        self._socket: Any = None

    def begins(self, connected: Any = None) -> None:
        """Count from now: a connection is being made, or a request has been sent over the socket `connected`."""
        self._socket = connected
        self._since = time.monotonic()

    def ends(self) -> None:
        """Count no longer: nothing is waited for."""
        self._since = self._socket = None

    @property
    def seconds(self) -> float:
        """How long it has lasted; 0 when nothing is waited for, or an answer is there to be read."""
        since, connected = self._since, self._socket
        if since is None:
            return 0.0
        if connected is not None:
            try:
                readable = select.poll()
                readable.register(connected, select.POLLIN)
                if readable.poll(0):
                    return 0.0
            except (OSError, ValueError):  # closed in between
                return 0.0
        return time.monotonic() - since


class Request:
    """Commands over a connection of redis-py that stands, and that nothing else uses until all replies are there.

    After an error the connection is of no use: a half-read reply must not meet the next command.
    """

    def __init__(
        self,
        connection: Any,
        commands: Sequence[Command],
        silence: Silence,
        on_failure: Callable[[], None] = lambda: None,
    ) -> None:
        self._socket = connection._sock  # the connection itself can only wait
        if self._socket is None:
            raise RedisConnectionError("the connection was closed")
        self._unsent = memoryview(b"".join([_packed(command) for command in commands]))
        self._wanted = len(commands)
        self._reader = _reader_of(self._socket)
        self._silence = silence
        self._on_failure = on_failure
        self.replies: list[Any] = []
        """In order, those that have come; an exception in the place of a command that was refused."""
        silence.begins(self._socket)

    @staticmethod
    def can_go_on(connection: Any) -> bool:
        """Whether a request over `connection` can be taken further without waiting.

        Over TLS it cannot, nor where there is no time-out: such a socket blocks.
        """
        connected = connection._sock  # `is_connected` is younger than the lowest version
        return (
            connected is not None and connection.socket_timeout is not None and not isinstance(connected, ssl.SSLSocket)
        )

    def go_on(self) -> bool:
        """Send and receive what is possible without waiting; true when all replies are there."""
        # A socket with a time-out does not block beneath it. To take the time-out off and put it back would release the
        # GIL twice.
        descriptor = self._socket.fileno()
        try:
            # one call each: to hear that no more fits, or that there is nothing more to read, would cost as much again
            if self._unsent:
                self._unsent = self._unsent[os.write(descriptor, self._unsent) :]
                return False  # no server is as quick as that
            self._take(os.read(descriptor, _RECEIVE_BYTES))
        except BlockingIOError:
            return False
        except (RedisError, hiredis.HiredisError, OSError) as error:
            raise self._failed(error) from error
        if len(self.replies) < self._wanted:
            return False
        self._silence.ends()
        return True

    def wait(self) -> list[Any]:
        """Wait until all replies are there, each time as long as the connection's time-out says, and return them."""
        try:
            if self._unsent:
                self._socket.sendall(self._unsent)
                self._unsent = memoryview(b"")
                self._silence.begins(self._socket)
            while len(self.replies) < self._wanted:
                self._take(self._socket.recv(_RECEIVE_BYTES))
        except (RedisError, hiredis.HiredisError, OSError) as error:
            raise self._failed(error) from error
        self._silence.ends()
        return self.replies

    def _take(self, data: bytes) -> None:
        if not data:
            raise RedisConnectionError("the server closed the connection")
        self._reader.feed(data)
        while (reply := self._reader.gets()) is not _MISSING:
            if not isinstance(reply, hiredis.PushNotification):  # nobody asked for it
                self.replies.append(reply)

    def _failed(self, error: Exception) -> RedisConnectionError:
        self._silence.ends()
        self._on_failure()
        return unreachable(error)


def unreachable(error: Exception) -> RedisConnectionError:
    """Make the one error that says "I could not ask" of whatever came in between."""
    return RedisConnectionError(str(error) or type(error).__name__)
