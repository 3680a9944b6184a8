"""Live runs, a new one each minute: a long beginning, then 20 spans a second; a process that says each one's id."""

from __future__ import annotations

import logging
import time
from typing import Final

from opentelemetry import trace

import spantail

HISTORY: Final = 3_000
"""Events that a run begins with; a page has them from the snapshot."""
_BUSY_RUN_S: Final = 60.0


def _produce() -> None:
    logging.getLogger("bench").addHandler(logging.NullHandler())  # or every line would be on the terminal too
    handle = spantail.configure(service_name="bench")
    tracer = trace.get_tracer("bench")
    while True:
        with spantail.operation("busy") as root:
            until = time.monotonic() + _BUSY_RUN_S
            for _ in range(HISTORY):
                tracer.start_span("history", attributes={"text": "x" * 2_000}).end()
            handle.flush(5)
            print(root.run_id, flush=True)
            while time.monotonic() < until:
                with tracer.start_as_current_span("work"):
                    logging.getLogger("bench").warning("a line")
                    time.sleep(0.05)


if __name__ == "__main__":
    _produce()
