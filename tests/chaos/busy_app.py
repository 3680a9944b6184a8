"""An instrumented application that works until it is stopped. Run as a process: URL; lease, beat and step in seconds.

It tells its runner and the run of each of its threads in one line, then "busy" once spans have begun to end. A line
on its standard input lets it end what is open, and itself.
"""

from __future__ import annotations

import itertools
import sys
import threading
import time
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from spantail.live import LiveSpanProcessor, LogEvent
from spantail_exporters.delivery import sender
from spantail_exporters.livetail import create_sink
from spantail_exporters.model import heartbeat

THREADS = 3
WARM = 10  # items, after which a thread is in full swing
STEP_S = 0.02  # in half a minute a run stays below the events that are kept


def work(
    tracer: trace.Tracer, sink: Any, tell: Any, *, warm: threading.Semaphore, stop: threading.Event, step_s: float
) -> None:
    """Spans within spans, each with what spans have: events, changing attributes, log lines, errors."""
    with tracer.start_as_current_span("busy", attributes={"spantail.kind": "operation"}) as root:
        run = root.get_span_context()
        tell(f"{run.trace_id:032x}")
        with tracer.start_as_current_span("step", attributes={"spantail.kind": "layer"}) as layer:
            for n in itertools.count():
                if stop.is_set():
                    return
                if n == WARM:
                    warm.release()
                layer.set_attribute("spantail.progress.done", n)
                with tracer.start_as_current_span(f"item {n}", attributes={"n": n, "text": "x" * (n % 200)}) as item:
                    sink.logged(
                        LogEvent(time.time_ns(), run.trace_id, item.get_span_context().span_id, "INFO", "a", f"{n}")
                    )
                    with tracer.start_as_current_span("call", attributes={"spantail.kind": "llm_call"}) as call:
                        call.add_event("chunk", {"n": n})
                        time.sleep(step_s)
                        if n % 7 == 0:
                            call.set_status(trace.StatusCode.ERROR, "no answer")


def main(url: str, lease_s: str, beat_s: str, step_s: str) -> None:
    """Work in several threads at once."""
    # Constants, which no assignment may change in the product.
    vars(heartbeat)["LEASE_S"] = int(lease_s)
    vars(sender)["BEAT_S"] = float(beat_s)
    sink = create_sink(url)
    provider = TracerProvider(resource=Resource({"service.name": "busy"}))
    provider.add_span_processor(LiveSpanProcessor(sink))
    tracer = provider.get_tracer("busy")
    lock, warm, stop = threading.Lock(), threading.Semaphore(0), threading.Event()

    def tell(text: str) -> None:
        with lock:
            print(text, flush=True)

    tell(sink.runner_id)
    given = {"warm": warm, "stop": stop, "step_s": float(step_s)}
    threads = [threading.Thread(target=work, args=(tracer, sink, tell), kwargs=given) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for _ in threads:
        warm.acquire()
    sink.flush(10)
    tell("busy")
    sys.stdin.readline()
    stop.set()
    for thread in threads:
        thread.join()
    provider.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
