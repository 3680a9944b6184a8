"""The service's connections to Redis: a bounded pool for each server, and one more try where that is harmless."""

from __future__ import annotations

from typing import TYPE_CHECKING

from redis.asyncio import BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError

from spantail_service.storage.quick_connections import make_quick
from spantail_service.storage.routing import RoutedRedis

if TYPE_CHECKING:
    from redis.asyncio import ConnectionPool

_CONNECT_S = 2.0  # a server that does not take a connection within that is away


def connect(url: str, *, max_connections: int, timeout_s: float) -> RoutedRedis:
    """A client for `url`; nothing is sent yet.

    Args:
        url: One server, or several of a cluster.
        max_connections: Most connections to each server; more callers than that wait.
        timeout_s: How long a command may take, and the wait for a connection.
    """

    def pool_of(server_url: str) -> ConnectionPool:
        pool = BlockingConnectionPool.from_url(
            server_url,
            max_connections=max_connections,
            timeout=timeout_s,
            socket_timeout=timeout_s,
            socket_connect_timeout=min(_CONNECT_S, timeout_s),
            # A connection that Redis closed while it was idle is worth one more try, a Redis that is away is not:
            # the caller gets an error at once and may come again. What was not answered in time may yet be carried out.
            retry=Retry(NoBackoff(), 1, (RedisConnectionError,)),
        )
        make_quick(pool)
        return pool

    return RoutedRedis(url, pool_of)
