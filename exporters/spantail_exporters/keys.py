"""Every Redis key and channel of the live tier, in one place.

The braces are literal: they are a Redis Cluster hash tag, so that all keys of one run share a slot and one
script may change them together.
"""

from __future__ import annotations

from typing import Final, NamedTuple

RUNS_RECENT: Final = "runs:recent"
RUNS_OPEN: Final = "runs:open"  # runs that have not settled: what a reaper has to look at
REAPER_LEASE: Final = "reaper:lease"  # STRING: which reaper acts
RUNNERS_SEEN: Final = "runners:seen"  # ZSET: the last heartbeat of every process of the last day
RUNS_RECENT_CAP: Final = 100_000


class RunKeys(NamedTuple):
    """The keys of one run, in the order in which `append.lua` takes them."""

    buffer: str
    spans: str
    meta: str
    layers: str
    costs: str
    state: str


def run_keys(run_id: str) -> RunKeys:
    """Name the keys of a run; `run_id` is 32 lower-case hex digits (not checked here)."""
    base = f"logs:{{{run_id}}}:"
    return RunKeys(
        buffer=base + "buffer",
        spans=base + "spans",
        meta=base + "meta",
        layers=base + "layers",
        costs=base + "costs",
        state=f"run:{{{run_id}}}",
    )


def channel(run_id: str) -> str:
    """Name the channel that is published to on every change of a run."""
    return f"run_logs:{{{run_id}}}"


def runner(runner_id: str) -> str:
    """Name the heartbeat of a process."""
    return f"runner:{runner_id}"
