"""One instrumented process under load: runs of random trees, logged lines, errors, short and long spans.

Every call is in the ledger before it is made. SIGTERM lets the runs at hand end, flushes and exits.
"""

from __future__ import annotations

import argparse
import logging
import random
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import Status, StatusCode

import spantail
from tests.soak.ledger import END, EXIT, LOG, PULSE, PULSE_S, START, Ledger

if TYPE_CHECKING:
    from opentelemetry.trace import Span

_PAUSES_S: Final = (0.0, 0.0, 0.0, 0.001, 0.005, 0.02, 0.1)
_LONG_S: Final = (0.5, 3.0)
_log: Final = logging.getLogger("soak")


class ChosenIds(IdGenerator):
    """Gives out ids that were chosen, and ledgered, before the span is started. Per thread."""

    def __init__(self) -> None:
        self._next = threading.local()

    def choose(self, trace_id: int, span_id: int) -> None:
        self._next.trace_id, self._next.span_id = trace_id, span_id

    def generate_trace_id(self) -> int:
        chosen: int = self._next.trace_id
        return chosen

    def generate_span_id(self) -> int:
        chosen: int = self._next.span_id
        return chosen


class Thread:
    """One thread of the application: one run after the other."""

    def __init__(self, number: int, seed: str, ledger: Ledger, ids: ChosenIds, stop: threading.Event) -> None:
        self._number = number
        self._dice = random.Random(f"{seed}/{number}")
        self._unique = random.SystemRandom()
        self._ledger = ledger
        self._ids = ids
        self._stop = stop
        self._tracer = trace.get_tracer("soak")
        self._lines = 0

    def work(self) -> None:
        while not self._stop.is_set():
            self._run()
            self._stop.wait(self._dice.choice((0.0, 0.01, 0.1)))

    def _run(self) -> None:
        trace_id = self._unique.getrandbits(128) | 1
        self._left = self._dice.choice((1, 5, 20, 60))
        self._node(trace_id, None, 0)

    def _node(self, trace_id: int, parent: Span | None, depth: int) -> None:
        dice, run_id = self._dice, f"{trace_id:032x}"
        span_id = self._unique.getrandbits(64) | 1
        name = f"{span_id:016x}"
        above = f"{parent.get_span_context().span_id:016x}" if parent is not None else "-"
        self._left -= 1
        self._ids.choose(trace_id, span_id)
        self._ledger.write(self._number, START, run_id, name, above)
        span = self._tracer.start_span(f"work {depth}", attributes={"depth": depth})
        with trace.use_span(span, end_on_exit=False):
            for _ in range(dice.choice((0, 0, 1, 3))):
                self._lines += 1
                self._ledger.write(self._number, LOG, run_id, name, str(self._lines))
                _log.info("line %d", self._lines)
            while self._left > 0 and depth < 6 and dice.random() < 0.75:
                self._node(trace_id, span, depth + 1)
                if dice.random() < 0.2:
                    span.set_attribute("progress", self._left)
            self._stop.wait(dice.uniform(*_LONG_S) if dice.random() < 0.02 else dice.choice(_PAUSES_S))
        failed = dice.random() < 0.1
        if failed:
            span.set_status(Status(StatusCode.ERROR, "as the dice fell"))
        self._ledger.write(self._number, END, run_id, name, "error" if failed else "ok")
        span.end()


def main() -> None:
    """Work until SIGTERM, or for `--seconds`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ledger", type=Path, required=True)
    parser.add_argument("--seed", required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=3600.0)
    options = parser.parse_args()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    logging.basicConfig(level=logging.INFO, handlers=[logging.StreamHandler()])
    _log.handlers = [logging.NullHandler()]

    ids = ChosenIds()
    trace.set_tracer_provider(TracerProvider(id_generator=ids, shutdown_on_exit=False))
    handle = spantail.configure("soak")
    ledger = Ledger(options.ledger)
    workers = [Thread(n, options.seed, ledger, ids, stop) for n in range(options.threads)]
    threads = [threading.Thread(target=worker.work) for worker in workers]
    for thread in threads:
        thread.start()
    ends_at = time.monotonic() + options.seconds
    while not stop.wait(PULSE_S) and time.monotonic() < ends_at:
        ledger.write(0, PULSE)
    stop.set()
    for thread in threads:
        thread.join()
    answer = handle.shutdown(10)
    ledger.write(0, EXIT, detail=str(answer))


if __name__ == "__main__":
    main()
