"""A client from a URL: one server, a cluster, or the master that Sentinel names. Many commands at once, no retries.

What is tried again is decided by the callers, where it is known which commands may be sent twice. So a reply is given
back as it came, errors included, and only "I could not ask" is an exception.
"""

from __future__ import annotations

import contextlib
import socket
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import SplitResult, parse_qsl, urlencode

import redis
from redis.backoff import NoBackoff
from redis.exceptions import AskError, RedisError
from redis.retry import Retry
from redis.sentinel import Sentinel

from spantail.urls import split_url
from spantail_exporters.redis.addresses import SENTINEL_PORT, addresses_in, credentials_in
from spantail_exporters.redis.cluster_client import ClusterClient
from spantail_exporters.redis.request import Request, Silence, unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spantail_exporters.redis.request import Command

_CONNECT_TIMEOUT_S: Final = 2.0
_AT_ONCE_BYTES: Final = 1 << 20  # asked for; a system gives what it allows, often 208 KiB


class Client(Protocol):
    """Sends commands. Not thread-safe; connects on first use, and again when a connection was lost."""

    @property
    def silence(self) -> Silence:
        """How long the server has left a question unanswered; any thread may look."""

    def execute(self, commands: Sequence[Command], /) -> list[Any]:
        """Send commands and return their replies in order, an exception in the place of each that failed.

        Commands whose keys share a slot are sent in order, and one that failed does not hold up those behind it: what
        must not be overtaken is sent by itself. The first key says where a command belongs; one without a key
        (`SCRIPT LOAD`) goes to every primary of a cluster, before all others. Of one that failed with
        `ConnectionError` it is unknown whether it was carried out.

        Raises `redis.exceptions.ConnectionError` when that holds for all.
        """

    def begin(self, commands: Sequence[Command], /) -> Request | None:
        """Return a request that goes on without waiting; None where it would need waiting.

        Nothing else may be asked before it is over. Once it has failed the next one goes over a new connection.
        """

    def close(self) -> None:
        """Close the connections. The next command makes new ones, to wherever the address leads by then."""


def connect(url: str, timeout_s: float) -> Client:
    """Make a client for `url`; nothing is sent yet. ValueError when there is no such kind of URL.

    * `redis://`, `rediss://`, `unix://` as redis-py reads them. A server that turns out to be part of a cluster is
      used as one.
    * `redis+cluster://[user:password@]host:port[,host:port…]`, also `rediss+cluster://`
    * `redis+sentinel://[user:password@]host:port[,host:port…]/master[/db]`, also `rediss+sentinel://`; options
      `sentinel_username` and `sentinel_password` where the sentinels want their own.

    `timeout_s` bounds every wait on a socket.
    """
    parts = split_url(url)
    options: dict[str, Any] = {
        "socket_timeout": timeout_s,
        "socket_connect_timeout": min(timeout_s, _CONNECT_TIMEOUT_S),
    }
    open_node = partial(_server, options=options)
    match parts.scheme.split("+"):
        case ["unix"]:
            return _OneServer(_server(url, options))
        case ["redis" | "rediss"]:
            return _ServerOrCluster(_server(url, options), lambda: ClusterClient(url, open_node))
        case ["redis" | "rediss", "cluster"]:
            return ClusterClient(url, open_node)
        case ["redis" | "rediss" as scheme, "sentinel"]:
            return _OneServer(_master(parts, scheme, options))
        case _:
            raise ValueError(
                f"no Redis URL: {parts.scheme or '(no scheme)'}://…; known are redis, rediss, unix, redis+cluster and "
                "redis+sentinel"
            )


def _server(url: str, options: dict[str, Any]) -> redis.Redis:
    return redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0), max_connections=1, **options)


def _master(parts: SplitResult, scheme: str, options: dict[str, Any]) -> redis.Redis:
    name, _, database = parts.path.strip("/").partition("/")
    if not name:
        raise ValueError("a Sentinel URL names the master: redis+sentinel://host:26379/mymaster")
    query = dict(parse_qsl(parts.query))
    own = {key: query.pop(f"sentinel_{key}", None) for key in ("username", "password")}
    plain = parts._replace(
        scheme=scheme, netloc=f"{credentials_in(parts)}localhost", path=f"/{database}", query=urlencode(query)
    )
    of_master = redis.ConnectionPool.from_url(plain.geturl()).connection_kwargs
    common = {**options, "ssl": scheme == "rediss", "retry": Retry(NoBackoff(), 0)}
    sentinel = Sentinel(addresses_in(parts, SENTINEL_PORT), sentinel_kwargs={**common, **own})  # type: ignore[no-untyped-call]
    wanted = {key: value for key, value in of_master.items() if key not in {"host", "port"}}
    master: redis.Redis = sentinel.master_for(name, **common, **wanted)  # type: ignore[no-untyped-call]
    return master


def _widen(connection: Any) -> None:
    """Have the system take more at once over a UNIX socket; those of TCP grow by themselves."""
    connected = connection._sock
    if getattr(socket, "AF_UNIX", None) == connected.family:
        with contextlib.suppress(OSError):  # some refuse what is more than they allow
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _AT_ONCE_BYTES)


class _OneServer:
    """A server, or whichever server Sentinel says is the master when the connection is made.

    The one connection stays out of its pool: taking it out again costs a look at its socket, and would make it anew
    without a word where it was cut. That a server was away must be known: it may have come back with less data.
    """

    def __init__(self, server: redis.Redis) -> None:
        self._pool = server.connection_pool
        self._connection: Any = None
        self.silence = Silence()

    def execute(self, commands: Sequence[Command], /) -> list[Any]:
        try:
            if self._connection is None:
                self.silence.begins()
                self._connection = self._pool.get_connection()
                _widen(self._connection)
            return Request(self._connection, commands, self.silence).wait()
        except (RedisError, OSError) as error:
            self.close()
            raise unreachable(error) from error
        finally:
            self.silence.ends()

    def begin(self, commands: Sequence[Command], /) -> Request | None:
        connection = self._connection
        if connection is None or not Request.can_go_on(connection):
            return None
        return Request(connection, commands, self.silence, on_failure=self.close)

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.disconnect()
            self._pool.release(connection)
        self._pool.disconnect()  # also one that is just being made, by another thread


class _ServerOrCluster:
    """A server until one of its replies says that it is part of a cluster: asking first would need a permission."""

    def __init__(self, server: redis.Redis, open_cluster: Callable[[], Client]) -> None:
        self._client: Client = _OneServer(server)
        self._open_cluster: Callable[[], Client] | None = open_cluster

    @property
    def silence(self) -> Silence:
        return self._client.silence

    def execute(self, commands: Sequence[Command], /) -> list[Any]:
        replies = self._client.execute(commands)
        if self._open_cluster is not None and any(isinstance(reply, AskError) for reply in replies):
            self._client.close()
            self._client, self._open_cluster = self._open_cluster(), None
            elsewhere = [i for i, reply in enumerate(replies) if isinstance(reply, AskError)]
            for i, reply in zip(elsewhere, self._client.execute([commands[i] for i in elsewhere]), strict=True):
                replies[i] = reply
        return replies

    def begin(self, commands: Sequence[Command], /) -> Request | None:
        return self._client.begin(commands)

    def close(self) -> None:
        self._client.close()
