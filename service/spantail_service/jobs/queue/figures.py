"""How much the queue holds, and how long the first in line have waited: a few commands, whatever its length."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from spantail_exporters.model import keys

if TYPE_CHECKING:
    from redis.asyncio import Redis


class QueueFigures(NamedTuple):
    """The queue at one moment."""

    items: dict[str, int]
    """By state: `pending`, `delayed`, `running`, `failed`."""
    oldest_wait_s: float
    """For how long the first in line of any priority could have been claimed, in seconds; 0 where nothing waits."""


async def queue_figures(redis: Redis, *, is_cluster: bool) -> QueueFigures:
    """Read them. Raises redis-py's errors."""
    held = keys.queue_keys(is_cluster=is_cluster)
    pipe = redis.pipeline(transaction=False)
    for waiting in (held.high, held.normal, held.low):
        pipe.llen(waiting)
        pipe.lindex(waiting, 0)
    pipe.zcard(held.delayed)
    pipe.scard(held.running)
    pipe.zcard(held.failed)
    said: list[Any] = await pipe.execute()
    first = [item_id for item_id in said[1:6:2] if item_id is not None]
    items = {"pending": sum(said[0:6:2]), "delayed": said[6], "running": said[7], "failed": said[8]}
    return QueueFigures(items, await _oldest_wait_s(redis, first, is_cluster=is_cluster) if first else 0.0)


async def _oldest_wait_s(redis: Redis, item_ids: list[bytes], *, is_cluster: bool) -> float:
    pipe = redis.pipeline(transaction=False)
    for item_id in item_ids:
        pipe.hmget(keys.queue_item(item_id.decode(), is_cluster=is_cluster), "queued", "enqueued", "available")
    since = [max((int(time) for time in times if time), default=0) for times in await pipe.execute()]
    seconds, micros = await redis.time()
    now_us = seconds * 1_000_000 + micros
    return max(((now_us - at) / 1e6 for at in since if at), default=0.0)
