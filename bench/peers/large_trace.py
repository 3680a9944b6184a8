"""One large trace as OTLP requests, shaped as an agent's work is: a root, workers, their calls of models and tools."""

from __future__ import annotations

import random
from typing import Final, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

ROOT_NAME: Final = "workflow root"
_PER_REQUEST: Final = 1_000
_PER_WORKER: Final = 50
_EVERY_TOOL: Final = 5
_STEP_NS: Final = 1_000_000
_QUESTION: Final = "What is the capital of France? Please answer in one word."
_ANSWER: Final = "The capital of France is Paris."


class LargeTrace(NamedTuple):
    """A trace, and the requests that it comes in."""

    trace_id: str
    root_id: str
    spans: int
    bodies: list[bytes]


def make_trace(spans: int, day: int) -> LargeTrace:
    """Make the trace of a day (since 1970), of so many spans; what holds others comes before them."""
    rng = random.Random(f"{spans} {day}")
    trace_id, root_id = rng.randbytes(16), rng.randbytes(8)
    begun_ns = day * 86_400 * 10**9
    made = [_span(ROOT_NAME, trace_id, root_id, b"", begun_ns, spans, {})]
    worker_id = root_id
    for number in range(spans - 1):
        at_ns = begun_ns + number * _STEP_NS
        own_id = rng.randbytes(8)
        if number % _PER_WORKER == 0:
            worker_id = own_id
            name = f"invoke_agent worker-{number // _PER_WORKER}"
            about: dict[str, str | int] = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "worker"}
            made.append(_span(name, trace_id, own_id, root_id, at_ns, _PER_WORKER, about))
        elif number % _EVERY_TOOL == 0:
            about = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"}
            made.append(_span("execute_tool search", trace_id, own_id, worker_id, at_ns, 1, about))
        else:
            made.append(_span("chat gpt-4o-mini", trace_id, own_id, worker_id, at_ns, 1, _call(number, rng)))
    return LargeTrace(
        trace_id.hex(),
        root_id.hex(),
        spans,
        [_request(made[at : at + _PER_REQUEST]) for at in range(0, spans, _PER_REQUEST)],
    )


def _call(number: int, rng: random.Random) -> dict[str, str | int]:
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
        "gen_ai.usage.input_tokens": rng.randrange(100, 2_000),
        "gen_ai.usage.output_tokens": rng.randrange(10, 200),
        "input.value": f"{_QUESTION} #{number}",
        "output.value": _ANSWER,
    }


def _span(  # noqa: PLR0917 - the fields of a span, in OTLP's order
    name: str, trace_id: bytes, span_id: bytes, parent_id: bytes, at_ns: int, steps: int, about: dict[str, str | int]
) -> Span:
    span = Span(
        trace_id=trace_id, span_id=span_id, parent_span_id=parent_id, name=name,
        start_time_unix_nano=at_ns, end_time_unix_nano=at_ns + steps * _STEP_NS,
    )  # fmt: skip
    for key, value in about.items():
        held = span.attributes.add(key=key).value
        if isinstance(value, str):
            held.string_value = value
        else:
            held.int_value = value
    return span


def _request(spans: list[Span]) -> bytes:
    request = ExportTraceServiceRequest()
    of_resource = request.resource_spans.add()
    of_resource.resource.attributes.add(key="service.name").value.string_value = "bench"
    of_resource.scope_spans.add().spans.extend(spans)
    body: bytes = request.SerializeToString()
    return body
