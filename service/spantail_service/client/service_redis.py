"""The Redis of a running service, for a program beside it: can it be reached from here, and by which settings?"""

from __future__ import annotations

import re
import shlex
from typing import Any, Final

from redis.exceptions import RedisError

from spantail_exporters.redis import client as redis_client

_TIMEOUT_S: Final = 2.0
_RUN_ID: Final = re.compile(rb"^run_id:(\w+)", re.MULTILINE)


def redis_url_from_here(about: dict[str, Any] | None) -> str | None:
    """The URL that reaches the service's Redis from this process; None when nothing surely does.

    `about` is the answer of `GET /api/about`, whose URL has no user and no password: a Redis that wants them, one
    on another machine's socket, and another server at the same address are not taken for it. Blocks for some seconds
    at most.
    """
    redis = (about or {}).get("redis") or {}
    url, server_id = redis.get("url"), redis.get("id")
    if not isinstance(url, str) or not url:
        return None
    try:
        client = redis_client.connect(url, _TIMEOUT_S)
        try:
            pong, info = client.execute([("PING",), ("INFO", "server")])
        finally:
            client.close()
    except (RedisError, OSError, ValueError):
        return None
    if isinstance(pong, Exception):
        return None
    found = _RUN_ID.search(info) if isinstance(info, bytes) else None
    is_cluster = isinstance(info, bytes) and b"redis_mode:cluster" in info  # each node has an id of its own
    if not is_cluster and isinstance(server_id, str) and found and found.group(1).decode() != server_id:
        return None
    return url


def export_line(name: str, value: str) -> str:
    """The line that sets a variable in a POSIX shell, ready to paste."""
    return f"export {name}={shlex.quote(value)}"
