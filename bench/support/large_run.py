"""A run of many spans that goes on when it is told to: `with large_run(redis_url, 100_000) as run`.

A process of its own opens the run by the SDK and keeps it open. What is to be there already is encoded once by the
exporters' own code; each further span is a copy with ids and times of its own, and goes through the run script as any
other. So a million spans are here within half a minute. What arrives later is made by the SDK, span by span.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from opentelemetry import trace

import spantail
from bench.support.workload import ATTRIBUTES
from spantail.redaction import Redactor
from spantail_exporters.model.batch import Batch
from spantail_exporters.model.changes import Change, Changes
from spantail_exporters.model.event import dumps, encode_state
from spantail_exporters.model.record import SpanRecord
from spantail_exporters.redis.writer import RedisWriter

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_SPANS: Final = 1_200_000
"""Room for a million and for what arrives."""
EVENTS_PER_S: Final = 1_000
CALLS_PER_PHASE: Final = 9
PHASES_PER_LAYER: Final = 40

_PER_BATCH: Final = 256
_BATCHES_PER_TRIP: Final = 16
_OPEN_AT_A_TIME: Final = 100  # open for 0.2 s
_CALL_US: Final = 10  # so that a large run is not longer than filling it takes
_FLUSH_S: Final = 30.0


class LargeRun:
    """A run that is kept open."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.run_id = process.stdout.readline().strip() if process.stdout else ""
        if not self.run_id:
            raise RuntimeError("the run could not be filled")

    def go_on(self) -> None:
        """Let events arrive, at a steady rate, until it is left."""
        if self._process.stdin:
            self._process.stdin.write("go on\n")
            self._process.stdin.flush()


@contextlib.contextmanager
def large_run(redis_url: str, spans: int, seed: int = 1) -> Iterator[LargeRun]:
    """A run of so many spans, its root among them. Of two seeds one layer in ten has another name."""
    command = [sys.executable, "-m", "bench.support.large_run", str(spans), str(seed)]
    environment = {**os.environ, "SPANTAIL_REDIS_URL": redis_url, "SPANTAIL_RUN_MAX_SPANS": str(MAX_SPANS)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            yield LargeRun(process)
        finally:
            process.kill()


def _serve(spans: int, seed: int) -> None:
    """Fill a run, say its id, wait for the word, and go on."""
    handle = spantail.configure(service_name="bench", handle_sigterm=False)
    with spantail.operation("a large run") as root:
        handle.flush(_FLUSH_S)
        span_id = f"{trace.get_current_span().get_span_context().span_id:016x}"
        _fill(root.run_id, span_id, spans - 1, seed)
        print(root.run_id, flush=True)
        if sys.stdin.readline():
            _go_on()


def _fill(run_id: str, root_id: str, spans: int, seed: int) -> None:
    """Send so many ended spans: layers, phases in them, calls in those."""
    writer, under_way = RedisWriter(os.environ["SPANTAIL_REDIS_URL"]), None
    numbers = itertools.count(1)
    copies = _copies(run_id, root_id, seed)
    left = spans
    while left:
        batches: list[Batch] = []
        while left and len(batches) < _BATCHES_PER_TRIP:
            taken = min(left, _PER_BATCH)
            left -= taken
            changes = Changes(itertools.islice(copies, taken))
            batches.append(Batch(run_id, "bench", next(numbers), changes, {}))
        if under_way is not None:
            under_way.finish()
        under_way = writer.send(batches)
    if under_way is not None:
        under_way.finish()


class _Pattern(NamedTuple):
    """A span as it is stored, with gaps for its ids and times."""

    line: bytes
    account: str
    layers: bytes

    def copy(self, span_id: str, parent_id: str, start: int, end: int) -> Change:
        """The end of a span of its own."""
        line = self.line % (start, end, span_id.encode(), parent_id.encode(), end)
        return Change(span_id, parent_id, (line,), 0, self.account, self.layers)


def _pattern(run_id: str, name: str, attributes: dict[str, Any]) -> _Pattern:
    start, end, span_id, parent_id = 1_222_222_222_222_222, 1_333_333_333_333_333, "4" * 16, "5" * 16
    record = SpanRecord(run_id, span_id, parent_id, name, start, end, attributes, service="bench")
    state = encode_state(record, 1, Redactor())
    line = dumps(state.body).replace(b"%", b"%%")
    for value, gap in ((start, b"%d"), (end, b"%d"), (span_id, b"%b"), (parent_id, b"%b")):
        line = line.replace(str(value).encode(), gap)
    return _Pattern(line, state.account, state.layers)


def _copies(run_id: str, root_id: str, seed: int) -> Iterator[Change]:
    call = _pattern(run_id, "chat gpt-4o-mini", {**ATTRIBUTES})
    phase = _pattern(run_id, "score one job", {**ATTRIBUTES, "spantail.kind": "phase"})
    layer, other = (
        _pattern(run_id, name, {**ATTRIBUTES, "spantail.kind": "layer"}) for name in ("score jobs", f"try {seed}")
    )
    ids = (f"{number:016x}" for number in itertools.count(seed << 32))
    now = time.time_ns() // 1_000
    for number in itertools.count(1):
        layer_id = next(ids)
        # what holds others comes first, so that wherever the run is cut nothing is without its parent
        whole = PHASES_PER_LAYER * CALLS_PER_PHASE * _CALL_US
        yield (other if number % 10 == 0 else layer).copy(layer_id, root_id, now, now + whole)
        for _ in range(PHASES_PER_LAYER):
            phase_id = next(ids)
            yield phase.copy(phase_id, layer_id, now, now + CALLS_PER_PHASE * _CALL_US)
            for _ in range(CALLS_PER_PHASE):
                yield call.copy(next(ids), phase_id, now, now + _CALL_US)
                now += _CALL_US


def _go_on() -> None:
    """Calls without end, each two events: it is still open when it is first told of."""
    tracer = trace.get_tracer("bench")
    open_spans: list[trace.Span] = []
    begun = time.perf_counter()
    for number in itertools.count():
        if (ahead := begun + number * 2 / EVENTS_PER_S - time.perf_counter()) > 0:
            time.sleep(ahead)
        open_spans.append(tracer.start_span("chat gpt-4o-mini", attributes=ATTRIBUTES))
        if len(open_spans) > _OPEN_AT_A_TIME:
            open_spans.pop(0).end()


if __name__ == "__main__":
    _serve(int(sys.argv[1]), int(sys.argv[2]))
