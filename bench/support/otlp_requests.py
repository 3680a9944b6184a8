"""Requests of OTLP with many runs, as an exporter would send them."""

from __future__ import annotations

import random
import time

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench.support.workload import ATTRIBUTES, SPANS_PER_RUN


def make_requests(seed: int, spans: int, per_request: int, per_run: int = SPANS_PER_RUN) -> tuple[list[bytes], str]:
    """Make trace requests of runs of equal size, of spans with 12 attributes; returns them and the last run's id."""
    rng = random.Random(seed)
    now_ns = time.time_ns()
    bodies = []
    trace_id = root_id = b""
    for first in range(0, spans, per_request):
        request = ExportTraceServiceRequest()
        of_resource = request.resource_spans.add()
        of_resource.resource.attributes.add(key="service.name").value.string_value = "bench"
        added = of_resource.scope_spans.add().spans
        for number in range(first, min(first + per_request, spans)):
            if number % per_run == 0:
                trace_id, root_id = rng.randbytes(16), rng.randbytes(8)
            is_root = number % per_run == per_run - 1  # children end before their parent
            span = added.add(
                trace_id=trace_id,
                span_id=root_id if is_root else rng.randbytes(8),
                parent_span_id=b"" if is_root else root_id,
                name="run" if is_root else "chat gpt-4o-mini",
                start_time_unix_nano=now_ns + number * 1_000,
                end_time_unix_nano=now_ns + number * 1_000 + rng.randrange(10**9),
            )
            for key, value in ATTRIBUTES.items():
                held = span.attributes.add(key=key).value
                if key == "app.job.id":
                    held.string_value = f"himalayas-{rng.randrange(10**6)}"
                elif isinstance(value, str):
                    held.string_value = value
                elif isinstance(value, int):
                    held.int_value = value + rng.randrange(1_000)
                else:
                    held.double_value = rng.random() / 100
        bodies.append(request.SerializeToString())
    return bodies, trace_id.hex()
