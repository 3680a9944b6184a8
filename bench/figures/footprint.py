"""What a run of everyday size takes in Redis, and how many events it is: what docs/scaling.md reckons with."""

from __future__ import annotations

import logging
import statistics
from typing import TYPE_CHECKING, Final

import redis
from opentelemetry import trace

import spantail
from bench.support.servers import private_redis
from bench.support.workload import ANSWERED, asked
from spantail_exporters.model.keys import run_keys

if TYPE_CHECKING:
    from spantail.setup.handle import Handle

RUNS: Final = 100
CALLS: Final = 10
OTHERS: Final = 29
LINES: Final = 20
SPANS: Final = CALLS + OTHERS + 1  # and the root
ROUNDS: Final = 3

_FLUSH_S: Final = 30.0

logger = logging.getLogger("bench.figures.footprint")


def run(rounds: int = ROUNDS) -> dict[str, float]:
    """Measure and print; returns the medians."""
    logger.setLevel(logging.INFO)
    with private_redis() as url:
        handle = spantail.configure("bench", redis_url=url, handle_sigterm=False)
        try:
            _one_run(handle, 0)  # connected, script loaded
            rows = [_measure(url, handle) for _ in range(rounds)]
        finally:
            handle.shutdown(_FLUSH_S)
    medians = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
    print(f"\nA run of {SPANS} spans, {CALLS} of them LLM calls, with {LINES} log lines (median of {rounds})")
    print(f"  {medians['events']:>10.0f} events: each start, each end, each line")
    print(f"  {medians['bytes']:>10,.0f} bytes in Redis")
    return medians


def _measure(url: str, handle: Handle) -> dict[str, float]:
    with redis.Redis.from_url(url, decode_responses=True) as client:
        empty = client.info("memory")["used_memory"]
        runs = [_one_run(handle, number) for number in range(RUNS)]
        memory = client.info("memory")["used_memory"] - empty
        events = [int(str(client.hget(run_keys(run_id).meta, "next"))) for run_id in runs]
    return {"bytes": memory / RUNS, "events": statistics.median(events)}


def _one_run(handle: Handle, number: int) -> str:
    """A run whose spans are all seen open first, as those are that take longer than a moment."""
    tracer = trace.get_tracer("bench")
    with spantail.operation(f"import jobs {number}", root=True) as operation:
        calls = [tracer.start_span("chat gpt-4o-mini", attributes=asked(call)) for call in range(CALLS)]
        others = [tracer.start_span(f"fetch page {page}", attributes={"app.page": page}) for page in range(OTHERS)]
        handle.flush(_FLUSH_S)
        for line in range(LINES):
            logger.info("scored job %d of %d: a good match for the profile", line, LINES)
        for span in calls:
            span.set_attributes(ANSWERED)
        for span in (*calls, *others):
            span.end()
        run_id = operation.run_id
    handle.flush(_FLUSH_S)
    return run_id
