"""Fixtures, and what holds for every test: a clean environment, loopback only, nothing left behind."""

from __future__ import annotations

import functools
import gc
import hashlib
import ipaddress
import os
import socket
import sys
import tempfile
from contextlib import ExitStack
from typing import TYPE_CHECKING

import hypothesis
import pytest
import redis.utils

from tests.support import leaks, tools, workers
from tests.support.redis.servers import NEW, OLD, VALKEY, RedisServer, running_redis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_FOREIGN_SETTINGS = ("OTEL_", "SPANTAIL_", "ANTHROPIC_", "OPENAI_", "CLAUDE", "LANGSMITH_", "LANGCHAIN_")


def pytest_configure(config: pytest.Config) -> None:
    """Take the caller's settings and keys out of the environment before anything is imported.

    Hypothesis tries the same examples each time, so that what fails is due to the change that is tested;
    SPANTAIL_TEST_RANDOM=1 has it look for new ones.
    """
    for name in list(os.environ):
        if name.startswith(_FOREIGN_SETTINGS) and not name.startswith("SPANTAIL_TEST_"):
            del os.environ[name]
    # Tests start hundreds of processes: without bytecode each would compile all of our modules anew.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # Logfire, one of the libraries whose spans are tested, has each process that imports pydantic load it as a plugin.
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"
    redis.utils.get_lib_version = functools.cache(redis.utils.get_lib_version)  # else read for each connection
    # Slow on purpose, once for each service; the tests have the same token again and again.
    hashlib.scrypt = functools.cache(hashlib.scrypt)  # type: ignore[assignment]
    workers.register(config)
    sys.addaudithook(_loopback_only)
    hypothesis.settings.register_profile(
        "tests",
        derandomize=os.environ.get("SPANTAIL_TEST_RANDOM", "") in {"", "0"},
        database=None,
        deadline=None,  # a shared machine pauses when it likes, …
        suppress_health_check=[hypothesis.HealthCheck.too_slow],  # … and may be slow
    )
    hypothesis.settings.load_profile("tests")


def pytest_collection_finish() -> None:
    """Spare the garbage collector what stays to the end: modules and thousands of tests, again and again."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)  # pytest-xdist's
def pytest_xdist_auto_num_workers() -> int:
    """Twice as many workers as cores: most tests wait for other processes. Those that measure are marked `alone`."""
    return 2 * (os.cpu_count() or 1)


def _loopback_only(event: str, arguments: tuple[object, ...]) -> None:
    """Refuse every connection of this process that would leave the machine."""
    if event != "socket.connect":
        return
    connecting, address = arguments
    if isinstance(connecting, socket.socket) and connecting.family in {socket.AF_INET, socket.AF_INET6}:
        host = address[0] if isinstance(address, tuple) else None
        if isinstance(host, str) and host != "localhost" and not ipaddress.ip_address(host).is_loopback:
            raise ConnectionRefusedError(f"a test tried to connect to {host}: tests stay on this machine")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests run on asyncio."""
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def _own_data_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing is written to the user's data directory."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data-home")))
        yield


@pytest.fixture(scope="session")
def _cache_homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for thousands of folders: pytest's own would look through all of them for the next number."""
    return tmp_path_factory.mktemp("cache-homes")


@pytest.fixture(autouse=True)
def _own_cache_home(_cache_homes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The spool is in it: what one test left there would be delivered in the next."""
    monkeypatch.setenv("XDG_CACHE_HOME", tempfile.mkdtemp(dir=_cache_homes))


@pytest.fixture(autouse=True)
def _nothing_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test ends the threads and the processes that it started."""
    before = leaks.Inventory.take()
    yield
    if request.node.get_closest_marker("allow_leaks") is None:
        left = before.left_behind()
        assert not left, f"left behind: {', '.join(left)}"


@pytest.fixture(scope="session")
def redis_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], RedisServer]]:
    """A function from OLD, NEW or VALKEY to a running server; each is started once, when it is first wanted."""
    running: dict[str, RedisServer] = {}
    with ExitStack() as servers:

        def server(name: str) -> RedisServer:
            if name not in running:
                running[name] = servers.enter_context(running_redis(name, tmp_path_factory.mktemp(name)))
                leaks.keep(running[name].pid)
            return running[name]

        yield server


@pytest.fixture(params=[OLD, NEW, VALKEY])
def redis_server(request: pytest.FixtureRequest, redis_servers: Callable[[str], RedisServer]) -> RedisServer:
    """An empty Redis of the oldest supported version, a current one, and the bundled Valkey: the test runs on each."""
    server = redis_servers(request.param)
    server.empty()
    return server


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """URL (unix socket) of `redis_server`; the test runs once per version."""
    return redis_server.url


@pytest.fixture
def new_redis_url(redis_servers: Callable[[str], RedisServer]) -> str:
    """URL of an empty current Redis, for tests in which the version changes nothing (a page, a journey)."""
    server = redis_servers(NEW)
    server.empty()
    return server.url


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Path of the Chromium that Playwright drives."""
    return tools.chromium()


@pytest.fixture(scope="session")
def claude_path() -> str:
    """Path of the real Claude CLI."""
    return tools.claude_cli()
