"""A client from a URL: one server, a cluster, or the master that Sentinel names. Many commands at once, no retries.

What is worth another try is decided above, where it is known which commands may be sent twice. So a reply is given
back as it came, errors included, and only "I could not ask" is an exception.

redis-py's own cluster pipeline is not used: it repeats what failed by itself, out of order, and asks the server for
the keys of every EVALSHA (`COMMAND GETKEYS` with all its arguments). Its view of the cluster is.
"""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.exceptions import AskError, MovedError, RedisClusterException, RedisError
from redis.retry import Retry
from redis.sentinel import Sentinel

from spantail_exporters.redis.request import Request, Silence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from spantail_exporters.redis.request import Command

_CONNECT_TIMEOUT_S: Final = 2.0
_REDIRECTIONS: Final = 4  # more in a row means that the cluster is being rearranged: better to wait
_SENTINEL_PORT: Final = 26379
_REDIS_PORT: Final = 6379
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
    parts = urlsplit(url)
    options: dict[str, Any] = {
        "socket_timeout": timeout_s,
        "socket_connect_timeout": min(timeout_s, _CONNECT_TIMEOUT_S),
    }
    match parts.scheme.split("+"):
        case ["unix"]:
            return _OneServer(_server(url, options))
        case ["redis" | "rediss"]:
            return _ServerOrCluster(_server(url, options), lambda: _cluster(url, [], options))
        case ["redis" | "rediss", "cluster"]:
            first = server_urls(url)[0]
            return _Cluster(lambda: _cluster(first, _addresses(parts, _REDIS_PORT)[1:], options))
        case ["redis" | "rediss" as scheme, "sentinel"]:
            return _OneServer(_master(parts, scheme, options))
        case _:
            raise ValueError(
                f"no Redis URL: {parts.scheme or '(no scheme)'}://…; known are redis, rediss, unix, redis+cluster and "
                "redis+sentinel"
            )


def server_urls(url: str) -> list[str]:
    """Return the URL of each server that the URL of a cluster names; any other URL names one."""
    parts = urlsplit(url)
    if not parts.scheme.endswith("+cluster"):
        return [url]
    return [node_url(url, *address) for address in _addresses(parts, _REDIS_PORT)]


def node_url(url: str, host: str, port: int) -> str:
    """Return the URL of one node of the cluster that `url` leads to, with the same credentials and options."""
    parts = urlsplit(url)
    scheme = parts.scheme.removesuffix("+cluster")
    return parts._replace(scheme=scheme, netloc=f"{_credentials(parts)}{_joined(host, port)}", path="").geturl()


def _server(url: str, options: dict[str, Any]) -> redis.Redis:
    return redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0), max_connections=1, **options)


def _cluster(url: str, others: Iterable[tuple[str, int]], options: dict[str, Any]) -> RedisCluster:
    nodes = [ClusterNode(host, port) for host, port in others]  # type: ignore[no-untyped-call]
    # without full coverage: the runs of two shards need not wait for a third
    return RedisCluster.from_url(
        url, startup_nodes=nodes, retry=Retry(NoBackoff(), 0), require_full_coverage=False, **options
    )


def _master(parts: SplitResult, scheme: str, options: dict[str, Any]) -> redis.Redis:
    name, _, database = parts.path.strip("/").partition("/")
    if not name:
        raise ValueError("a Sentinel URL names the master: redis+sentinel://host:26379/mymaster")
    query = dict(parse_qsl(parts.query))
    own = {key: query.pop(f"sentinel_{key}", None) for key in ("username", "password")}
    plain = parts._replace(
        scheme=scheme, netloc=f"{_credentials(parts)}localhost", path=f"/{database}", query=urlencode(query)
    )
    of_master = redis.ConnectionPool.from_url(plain.geturl()).connection_kwargs
    common = {**options, "ssl": scheme == "rediss", "retry": Retry(NoBackoff(), 0)}
    sentinel = Sentinel(_addresses(parts, _SENTINEL_PORT), sentinel_kwargs={**common, **own})  # type: ignore[no-untyped-call]
    wanted = {key: value for key, value in of_master.items() if key not in {"host", "port"}}
    master: redis.Redis = sentinel.master_for(name, **common, **wanted)  # type: ignore[no-untyped-call]
    return master


def _addresses(parts: SplitResult, default_port: int) -> list[tuple[str, int]]:
    found = []
    for text in parts.netloc.rpartition("@")[2].split(","):
        one = urlsplit(f"//{text}")
        found.append((one.hostname or "localhost", one.port or default_port))
    return found


def _credentials(parts: SplitResult) -> str:
    before, at, _ = parts.netloc.rpartition("@")
    return before + at


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _ask(client: redis.Redis, commands: Sequence[Command], silence: Silence) -> list[Any]:
    """Send commands over one connection, in one go."""
    pool = client.connection_pool
    silence.begins()
    try:
        connection = pool.get_connection()
        try:
            return Request(connection, commands, silence).wait()
        finally:
            pool.release(connection)
    except (RedisError, OSError) as error:
        pool.disconnect()  # a half-read reply must not meet the next command
        raise _unreachable(error) from error
    finally:
        silence.ends()


def _unreachable(error: Exception) -> redis.exceptions.ConnectionError:
    return redis.exceptions.ConnectionError(str(error) or type(error).__name__)


def _widen(connection: Any) -> None:
    """Have the system take more at once over a UNIX socket; those of TCP grow by themselves."""
    connected = connection._sock  # noqa: SLF001
    if getattr(socket, "AF_UNIX", None) == connected.family:
        with contextlib.suppress(OSError):  # some refuse what is more than they allow
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _AT_ONCE_BYTES)


class _OneServer:
    """A server, or whichever server Sentinel says is the master when the connection is made.

    The one connection stays out of its pool: taking it out again costs a look at its socket, and would make it anew
    without a word where it was cut. That a server was away is worth knowing: it may have come back with less.
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
            raise _unreachable(error) from error
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

    def __init__(self, server: redis.Redis, topology: Callable[[], RedisCluster]) -> None:
        self._client: Client = _OneServer(server)
        self._topology: Callable[[], RedisCluster] | None = topology

    @property
    def silence(self) -> Silence:
        return self._client.silence

    def execute(self, commands: Sequence[Command], /) -> list[Any]:
        replies = self._client.execute(commands)
        if self._topology is not None and any(isinstance(reply, AskError) for reply in replies):
            self._client.close()
            self._client, self._topology = _Cluster(self._topology), None
            elsewhere = [i for i, reply in enumerate(replies) if isinstance(reply, AskError)]
            for i, reply in zip(elsewhere, self._client.execute([commands[i] for i in elsewhere]), strict=True):
                replies[i] = reply
        return replies

    def begin(self, commands: Sequence[Command], /) -> Request | None:
        return self._client.begin(commands)

    def close(self) -> None:
        self._client.close()


class _Cluster:
    """The nodes of a cluster, each asked in one go for the slots it holds."""

    def __init__(self, topology: Callable[[], RedisCluster]) -> None:
        self._topology = topology
        self._cluster: RedisCluster | None = None
        self._stale = False
        self.silence = Silence()

    def execute(self, commands: Sequence[Command], /) -> list[Any]:
        cluster = self._known()
        replies: list[Any] = [None] * len(commands)
        self._everywhere(cluster, commands, replies)
        left = [i for i, command in enumerate(commands) if key_of(command) is not None]
        for _ in range(_REDIRECTIONS):
            self._by_slot(cluster, commands, left, replies)
            for i in left:
                if isinstance(replies[i], AskError) and not isinstance(replies[i], MovedError):
                    replies[i] = self._asking(cluster, commands[i], replies[i])
            left = [i for i in left if isinstance(replies[i], MovedError)]
            if not left:
                break
            self._follow(cluster, [replies[i] for i in left])
        else:
            for i in left:
                replies[i] = redis.exceptions.ConnectionError(f"the cluster is being rearranged: MOVED {replies[i]}")
        if replies and all(isinstance(reply, redis.exceptions.ConnectionError) for reply in replies):
            raise replies[0]
        return replies

    def begin(self, commands: Sequence[Command], /) -> Request | None:  # noqa: ARG002 - several nodes, one by one
        return None

    def close(self) -> None:
        if self._cluster is not None:
            self._cluster.close()
            self._stale = True  # all its nodes are known still, and asked: that of the URL may be gone

    def _known(self) -> RedisCluster:
        """Return the topology, read anew when a node could not be reached: a replica may stand in for it now."""
        self.silence.begins()
        try:
            if self._cluster is None:
                self._cluster = self._topology()
            elif self._stale:
                self._cluster.nodes_manager.initialize()
        except (RedisClusterException, RedisError, OSError) as error:
            self.close()
            self._cluster = None  # the next try begins at the URL's own addresses: all nodes may have moved
            raise _unreachable(error) from error
        finally:
            self.silence.ends()
        self._stale = False
        return self._cluster

    def _everywhere(self, cluster: RedisCluster, commands: Sequence[Command], replies: list[Any]) -> None:
        keyless = [i for i, command in enumerate(commands) if key_of(command) is None]
        if keyless:
            for node in cluster.get_primaries():  # type: ignore[no-untyped-call]
                answers = self._of_node(cluster, node, [commands[i] for i in keyless])
                for i, answer in zip(keyless, answers, strict=True):
                    if not isinstance(replies[i], Exception):
                        replies[i] = answer

    def _by_slot(
        self, cluster: RedisCluster, commands: Sequence[Command], left: Iterable[int], replies: list[Any]
    ) -> None:
        by_node: dict[ClusterNode, list[int]] = {}
        for i in left:
            try:
                node = cluster.get_node_from_key(key_of(commands[i]))  # type: ignore[no-untyped-call]
                by_node.setdefault(node, []).append(i)
            except RedisClusterException as error:  # nobody holds this slot just now
                self._stale = True
                replies[i] = _unreachable(error)
        for node, indices in by_node.items():
            answers = self._of_node(cluster, node, [commands[i] for i in indices])
            for i, answer in zip(indices, answers, strict=True):
                replies[i] = answer

    def _of_node(self, cluster: RedisCluster, node: ClusterNode, commands: Sequence[Command]) -> list[Any]:
        try:
            return _ask(cluster.get_redis_connection(node), commands, self.silence)
        except redis.exceptions.ConnectionError as error:
            self._stale = True
            return [error] * len(commands)

    def _asking(self, cluster: RedisCluster, command: Command, redirection: AskError) -> Any:
        """Ask the node that a slot is moving to for a key that has arrived there."""
        node = cluster.get_node(redirection.host, redirection.port)  # type: ignore[no-untyped-call]
        if node is None:
            self._stale = True
            return redis.exceptions.ConnectionError(f"a node that is not known yet: ASK {redirection}")
        return self._of_node(cluster, node, [("ASKING",), command])[-1]

    def _follow(self, cluster: RedisCluster, redirections: Iterable[MovedError]) -> None:
        for redirection in redirections:
            if redirection.host:
                cluster.nodes_manager.move_slot(redirection)
            else:  # a node that does not know its own address
                self._stale = True


def key_of(command: Command) -> Any:
    """Return the first key of a command; None when it has none."""
    match command:
        case ("EVALSHA" | "EVAL", _, count, *rest):
            return rest[0] if count else None
        case (name, key, *_) if name not in _WITHOUT_KEY:
            return key
        case _:
            return None


_WITHOUT_KEY: Final = frozenset({"SCRIPT LOAD", "SCRIPT FLUSH", "PING", "INFO", "TIME"})
