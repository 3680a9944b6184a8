"""Everything that a Redis holds, as bytes that can be searched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import redis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def dump(url: str) -> Iterator[tuple[str, bytes]]:
    """Every key and everything in it, as text."""
    with redis.Redis.from_url(url) as client:
        readers: dict[bytes, Callable[[bytes], Any]] = {
            b"string": client.get,
            b"hash": client.hgetall,
            b"list": lambda key: client.lrange(key, 0, -1),
            b"set": client.smembers,
            b"zset": lambda key: client.zrange(key, 0, -1, withscores=True),
            b"stream": client.xrange,
        }
        for key in client.scan_iter():
            yield f"redis {key!r}", key + b" " + repr(readers[client.type(key)](key)).encode()
