"""What it costs the service to read a large run: index, window, time, the run in small, search, comparison of two.

All is asked for over HTTP, as the page asks. CPU is that of the service's process and of Redis, each for itself, in
user and system mode together; memory is by how much the service's process has grown. An index is built once for each
run, so its figures are those of the two runs that are compared; of a larger run they are of one.
"""

from __future__ import annotations

import contextlib
import functools
import statistics
from typing import TYPE_CHECKING, Final, NamedTuple

import httpx

from bench.figures.ingest import listening_on
from bench.support.browser import spread
from bench.support.large_run import MAX_SPANS, large_run
from bench.support.processes import cpu_s, memory_mb, redis_process
from bench.support.servers import private_redis, running_service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import psutil

SPANS: Final = 100_000
WINDOW_SPANS: Final = 1_000
MINIMAP_PX: Final = 960
MOST_ROUNDS: Final = 4
"""What is kept is not worked out again: so often the time of a run can be asked for in another way."""
WINDOWS: Final = 20
"""In one figure: the clock of CPU ticks every 10 ms."""
SEARCHES: Final = {
    "zanzibar": "a word that is nowhere",
    "kind:layer": "what one span in 400 is",
    "himalayas-48211": "a word that is in each span, until there is enough for an answer",
}
_TIMEOUT_S: Final = 120.0
_ENVIRONMENT: Final = {"SPANTAIL_MAX_HEAVY_PER_MINUTE": "0", "SPANTAIL_RUN_MAX_SPANS": str(MAX_SPANS)}


class Spent(NamedTuple):
    """CPU in milliseconds, and megabytes by which the service has grown."""

    service: float
    redis: float
    grown_mb: float


class Reader:
    """Asks the service, and looks what that takes."""

    def __init__(self, address: str) -> None:
        self._client = httpx.Client(base_url=f"http://{address}", timeout=_TIMEOUT_S)
        self._service: list[psutil.Process] = [listening_on(address)]
        self._redis = [redis_process()]

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def spent(self, work: Callable[[], object]) -> Spent:
        """Do it, and answer what it took."""
        before = cpu_s(self._service), cpu_s(self._redis), memory_mb(self._service)
        work()
        after = cpu_s(self._service), cpu_s(self._redis), memory_mb(self._service)
        return Spent((after[0] - before[0]) * 1e3, (after[1] - before[1]) * 1e3, after[2] - before[2])

    def index(self, run_id: str) -> None:
        """Ask for the first window until it is one of the whole run."""
        while not self.window(run_id)["complete"]:
            pass

    def windows(self, run_id: str) -> None:
        """Ask for several windows."""
        for _ in range(WINDOWS):
            self.window(run_id)

    def window(self, run_id: str) -> dict[str, object]:
        """The first window of a run."""
        return self._get(f"/api/traces/{run_id}/window", {"limit": WINDOW_SPANS})

    def times(self, run_id: str, number: int) -> None:
        """The time that a run takes and its waits; of each number it is worked out anew."""
        self._get(f"/api/traces/{run_id}/times", {"adjust": number % 2, "all": number // 2 % 2})

    def minimap(self, run_id: str, number: int) -> None:
        """A run in small; of each number it is made anew."""
        self._get(f"/api/traces/{run_id}/minimap", {"width": MINIMAP_PX + number})

    def search(self, run_id: str, query: str) -> None:
        """Ask for the first hits."""
        self._get(f"/api/runs/{run_id}/search", {"q": query})

    def compare(self, run_id: str, other_id: str) -> None:
        """Compare two runs."""
        self._get(f"/api/runs/{run_id}/compare/{other_id}", {})

    def _get(self, path: str, parameters: dict[str, str | int]) -> dict[str, object]:
        answer = self._client.get(path, params=parameters)
        answer.raise_for_status()
        read: dict[str, object] = answer.json()
        return read


def run(rounds: int = 3, largest: int = SPANS) -> dict[str, float]:
    """Measure and print, windows also of a run of `largest` spans; returns the medians."""
    figures: dict[str, float] = {}
    print(f"\nReading large runs, median of {rounds} (range)")
    with private_redis() as redis_url:
        with (
            _reader(redis_url) as reader,
            large_run(redis_url, SPANS, 1) as one,
            large_run(redis_url, SPANS, 2) as other,
        ):
            figures |= _windows(reader, SPANS, [one.run_id, other.run_id], rounds)
            for query, words in SEARCHES.items():
                found = [reader.spent(functools.partial(reader.search, one.run_id, query)) for _ in range(rounds)]
                figures |= _line(f"search of {SPANS:,} spans for {words}", f"search.{query}", found)
            compared = [
                reader.spent(functools.partial(reader.compare, one.run_id, other.run_id)) for _ in range(rounds)
            ]
            figures |= _line(f"comparison of two runs of {SPANS:,}", "compare", compared)
        if largest > SPANS:
            # another service: its memory has not grown yet
            with _reader(redis_url) as reader, large_run(redis_url, largest) as large:
                figures |= _windows(reader, largest, [large.run_id], rounds)
    return figures


@contextlib.contextmanager
def _reader(redis_url: str) -> Iterator[Reader]:
    with running_service(redis_url, _ENVIRONMENT) as address, contextlib.closing(Reader(address)) as reader:
        yield reader


def _windows(reader: Reader, spans: int, run_ids: Sequence[str], rounds: int) -> dict[str, float]:
    """The index of each run, then windows of the first."""
    built = [reader.spent(functools.partial(reader.index, run_id)) for run_id in run_ids]
    figures = {
        f"{spans}.index.service": statistics.median(each.service for each in built) / spans * 1e3,
        f"{spans}.index.redis": statistics.median(each.redis for each in built) / spans * 1e3,
        f"{spans}.index.bytes": statistics.median(each.grown_mb for each in built) / spans * 1e6,
    }
    print(
        f"  index of {spans:,} spans: {spread([each.service / spans * 1e3 for each in built])} us of the service,"
        f" {spread([each.redis / spans * 1e3 for each in built])} us of Redis,"
        f" {spread([each.grown_mb / spans * 1e6 for each in built], '.0f')} bytes a span"
    )
    windows = [reader.spent(functools.partial(reader.windows, run_ids[0])) for _ in range(rounds)]
    each = [Spent(one.service / WINDOWS, one.redis / WINDOWS, one.grown_mb) for one in windows]
    figures |= _line(f"window of {WINDOW_SPANS:,} rows of {spans:,}", f"{spans}.window", each)
    for words, name, ask in (
        ("time and waits", "times", reader.times),
        ("the run in small", "minimap", reader.minimap),
    ):
        found = [reader.spent(functools.partial(ask, run_ids[0], at)) for at in range(min(rounds, MOST_ROUNDS))]
        figures |= _line(f"{words} of {spans:,} spans", f"{spans}.{name}", found)
    return figures


def _line(words: str, name: str, spent: Sequence[Spent]) -> dict[str, float]:
    print(
        f"  {words}: {spread([each.service for each in spent], '.0f')} ms of the service,"
        f" {spread([each.redis for each in spent], '.0f')} ms of Redis"
    )
    return {
        f"{name}.service": statistics.median(each.service for each in spent),
        f"{name}.redis": statistics.median(each.redis for each in spent),
    }
