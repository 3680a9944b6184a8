"""How large a deployment has to be, reckoned from what was measured: `python -m bench.sizing --runs-a-day 50000`.

The figures are those of `python -m bench`, on the machine that docs/explanation/overhead.md names; docs/scaling.md has
what this prints, and a test holds it to that.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from math import ceil
from typing import Final

from spantail_exporters.model.limits import SETTLED_EXPIRY_S

DAY_S: Final = 86_400

EVENT_CLIENT_US: Final = 33
EVENT_REDIS_US: Final = 15
EVENT_BYTES: Final = 960
"""CPU of an event in the application and in Redis, and its bytes on the way: `throughput`."""

OTLP_SPAN_US: Final = 61
"""CPU of a span that comes by OTLP, service and Redis: `ingest`."""

RUN_BYTES: Final = 77_600
RUN_SPANS: Final = 40
RUN_EVENTS: Final = 100
"""What a run of everyday size takes in Redis; its spans, ten of them LLM calls; what is told of it: `footprint`."""

SPAN_JSON_BYTES: Final = 962
"""A finished LLM call as JSON: `throughput`."""

VIEWERS: Final = 1_000
"""WebSockets on one process, no event lost: `viewers`."""

REDIS_BYTES: Final = 16_000_000_000
"""What one Redis is given here, on a machine with half as much again: writing its file anew needs room."""


@dataclass(frozen=True)
class Load:
    """What is to be carried.

    Attributes:
        runs_a_day: Runs that begin on a day.
        run_s: How long one works, in seconds.
        busiest: How much more than the mean of the day begins while most does.
        viewers: Pages that are open at a time.
    """

    runs_a_day: int
    run_s: float = 60.0
    busiest: float = 3.0
    viewers: int = 100

    @property
    def runs_a_second(self) -> float:
        """While most begin."""
        return self.runs_a_day / DAY_S * self.busiest

    @property
    def runs_kept(self) -> float:
        """At most: those at work, and those that have ended in the last hours."""
        return self.runs_a_second * (self.run_s + SETTLED_EXPIRY_S)


def rows(load: Load) -> list[tuple[str, str]]:
    """What is needed for a load, in words and in figures."""
    events, spans = load.runs_a_second * RUN_EVENTS, load.runs_a_second * RUN_SPANS
    kept_bytes = load.runs_kept * RUN_BYTES
    return [
        ("runs that begin in a second", _figure(load.runs_a_second)),
        ("runs at work at a time, and so places in runners", f"{ceil(load.runs_a_second * load.run_s):,}"),
        ("events a second", _figure(events)),
        ("of one core: Redis", _share(events * EVENT_REDIS_US)),
        ("of one core: all applications together, where they write to Redis", _share(events * EVENT_CLIENT_US)),
        ("of one core: service and Redis, where all comes by OTLP", _share(spans * OTLP_SPAN_US)),
        ("to Redis, in a second", _size(events * EVENT_BYTES)),
        ("runs kept in Redis", f"{ceil(load.runs_kept):,}"),
        ("memory of Redis", _size(kept_bytes)),
        ("primaries of 16 GB", f"{ceil(kept_bytes / REDIS_BYTES):,}"),
        ("processes of the service, for viewers", f"{ceil(load.viewers / VIEWERS):,}"),
        ("finished spans a day, for Jaeger or Tempo", f"{load.runs_a_day * RUN_SPANS:,}"),
        ("the same as JSON, before it is packed", _size(load.runs_a_day * RUN_SPANS * SPAN_JSON_BYTES)),
    ]


def most_runs_a_day(load: Load) -> int:
    """What one Redis holds, of runs that come as in `load`."""
    kept = REDIS_BYTES / RUN_BYTES
    return int(kept / (load.runs_kept / load.runs_a_day))


def table(loads: list[Load]) -> str:
    """The rows of several loads side by side, in Markdown."""
    columns = [rows(load) for load in loads]
    lines = [f"| what | {' | '.join(f'{load.runs_a_day:,} runs a day' for load in loads)} |"]
    lines.append(f"| --- |{' ---: |' * len(loads)}")
    for number, (what, _) in enumerate(columns[0]):
        lines.append(f"| {what} | {' | '.join(column[number][1] for column in columns)} |")
    return "\n".join(lines)


def _share(us: float) -> str:
    """A share of a second, of so many microseconds in each."""
    percent = us / 1e4
    return f"{percent:.0f} %" if percent >= 1 else f"{percent:.1g} %"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"


def _size(value: float) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= size:
            return f"{value / size:.2g} {unit}"
    return f"{value:.0f} bytes"


def main() -> None:
    """Print what is needed."""
    parser = argparse.ArgumentParser(prog="python -m bench.sizing", description=__doc__)
    parser.add_argument("--runs-a-day", type=int, nargs="+", default=[1_000, 1_000_000])
    parser.add_argument("--run-s", type=float, default=60.0, help="how long a run works, in seconds")
    parser.add_argument("--busiest", type=float, default=3.0, help="the busiest hours over the mean of the day")
    parser.add_argument("--viewers", type=int, default=100, help="pages that are open at a time")
    given = parser.parse_args()
    loads = [Load(count, given.run_s, given.busiest, given.viewers) for count in given.runs_a_day]
    print(table(loads))
    print(f"\nOne Redis of 16 GB holds {most_runs_a_day(loads[0]):,} runs a day of this kind.")


if __name__ == "__main__":
    main()
