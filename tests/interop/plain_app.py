"""An application that knows nothing of Spantail: OpenTelemetry's API, and what the environment makes of it.

It tells the id of its trace, then waits at each step for a line on its standard input: within a call of a model, after
it, and at its end.
"""

from __future__ import annotations

import sys

from opentelemetry import trace

tracer = trace.get_tracer("shop", "2.1")


def tell(line: str) -> None:
    """To whoever started this program."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def wait(step: str) -> None:
    """Tell where the program is, and go on when it is told to."""
    tell(step)
    sys.stdin.readline()


with tracer.start_as_current_span("answer a customer", attributes={"shop.id": 7}) as root:
    tell(f"{root.get_span_context().trace_id:032x}")
    with tracer.start_as_current_span(
        "chat gpt-4o-mini",
        kind=trace.SpanKind.CLIENT,
        attributes={
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o-mini",
        },
    ) as call:
        wait("asking")
        call.set_attribute("gen_ai.response.model", "gpt-4o-mini-2024-07-18")
        call.set_attribute("gen_ai.usage.input_tokens", 1_000)
        call.set_attribute("gen_ai.usage.output_tokens", 200)
    root.add_event("answered", {"words": 140})
    wait("answered")
