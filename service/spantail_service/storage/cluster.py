"""Whether a Redis is a cluster, which names of keys depend on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from redis.asyncio import Redis


async def is_cluster(redis: Redis) -> bool:
    """Ask the server whether it is a node of a cluster.

    Raises:
        RedisError: Redis cannot be reached.
    """
    about: Any = await redis.info("cluster")
    return bool(about.get("cluster_enabled"))
