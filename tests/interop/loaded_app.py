"""An application under load: the SDK with its own exporter, and `spantail.configure()` beside it.

A line on its standard input is a phase and a number of spans: it makes so many, as one run, and says so. `flush` hands
over what is held. Where there are no more lines it ends, and tells of each phase what was made, what the OTLP
endpoint has said that it took, and what a span cost this thread. What raises here ends it with another code than 0.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult

import spantail

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan

_FLUSH_S: Final = 60.0


class NotingExporter(OTLPSpanExporter):
    """The stock one, which remembers the spans whose request was answered with success."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: set[str] = set()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send them."""
        result = super().export(spans)
        if result is SpanExportResult.SUCCESS:
            self.taken.update(f"{span.context.span_id:016x}" for span in spans if span.context is not None)
        return result


def tell(line: str) -> None:
    """To whoever started this program."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def work(tracer: trace.Tracer, phase: str, count: int) -> dict[str, Any]:
    """So many spans, a thousand a second at most; of each, the time of this thread."""
    made, costs_ns = [], []
    with tracer.start_as_current_span(phase, attributes={"spantail.kind": "operation"}) as root:
        run_id = f"{root.get_span_context().trace_id:032x}"
        for number in range(count - 1):
            begun_ns = time.thread_time_ns()
            with tracer.start_as_current_span(f"item {number}", attributes={"n": number, "text": "x" * 100}) as span:
                span.add_event("looked at", {"n": number})
            costs_ns.append(time.thread_time_ns() - begun_ns)
            made.append(f"{span.get_span_context().span_id:016x}")
            time.sleep(0.001)
        made.append(f"{root.get_span_context().span_id:016x}")
    return {"run_id": run_id, "made": made, "cost_us": statistics.median(costs_ns) / 1_000}


def main() -> None:
    """Do what is asked for."""
    exporter = NotingExporter()
    provider = TracerProvider(resource=Resource.create({"service.name": "loaded"}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    handle = spantail.configure()
    tracer = trace.get_tracer("loaded")
    phases = {}
    tell("ready")
    for line in sys.stdin:
        phase, _, count = line.strip().partition(" ")
        if phase == "flush":
            handle.flush(_FLUSH_S)
            provider.force_flush()
        else:
            phases[phase] = work(tracer, phase, int(count))
        tell(f"done {phase}")
    provider.shutdown()
    for done in phases.values():
        done["taken"] = [span_id for span_id in done["made"] if span_id in exporter.taken]
    tell(json.dumps(phases))


if __name__ == "__main__":
    main()
