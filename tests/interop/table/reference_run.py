"""The run that is sent to each program: an application with Spantail's SDK that has nothing but an OTLP endpoint.

It prints, as one line of JSON, the trace id and the spans as they were sent.
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import spantail


def main() -> None:
    """Make the run, send it and print it."""
    handle = spantail.configure(service_name="interop")
    provider, sent = trace.get_tracer_provider(), InMemorySpanExporter()
    assert isinstance(provider, TracerProvider)
    provider.add_span_processor(SimpleSpanProcessor(sent))
    with spantail.operation("answer a question", root=True, layers=["read", "ask"], session_id="conversation-7") as run:
        with spantail.layer("read"), spantail.tool("search the notes") as tool:
            tool.set("notes.found", 3)
        with spantail.layer("ask"), spantail.llm_group("answer") as group:
            _refused()
            group.fallback("claude_cli", "langchain", "rate_limit")
            with spantail.llm_call(
                backend="langchain", model="gpt-4o-mini", provider="openai", attempt=2, fallback_from="claude_cli",
                fallback_reason="rate_limit", tier="low",
            ) as call:  # fmt: skip
                call.chunk("An ")
                call.chunk("answer.")
                call.usage(input_tokens=1200, output_tokens=340, cache_read_tokens=200)
            with spantail.llm_call(backend="langchain", model="a-model-of-our-own") as unpriced:
                unpriced.usage(input_tokens=10, output_tokens=5)
    handle.shutdown()
    json.dump({"run_id": run.run_id, "spans": [_as_sent(span) for span in sent.get_finished_spans()]}, sys.stdout)


def _refused() -> None:
    with (
        suppress(ConnectionError),
        spantail.llm_call(backend="claude_cli", model="claude-sonnet-4-5", provider="anthropic"),
    ):
        _come_again()


def _come_again() -> None:
    raise ConnectionError("come again in 30 s")


def _as_sent(span: ReadableSpan) -> dict[str, object]:
    context = span.get_span_context()
    assert context is not None
    assert span.start_time is not None
    assert span.end_time is not None
    return {
        "span_id": f"{context.span_id:016x}",
        "parent_id": f"{span.parent.span_id:016x}" if span.parent else None,
        "name": span.name,
        "start_us": span.start_time // 1_000,
        "end_us": span.end_time // 1_000,
        "is_error": not span.status.is_ok,
        "attributes": dict(span.attributes or {}),
        "events": [event.name for event in span.events],
    }


if __name__ == "__main__":
    main()
