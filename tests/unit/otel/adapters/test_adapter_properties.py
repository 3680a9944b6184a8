"""Whatever events come in whatever order: spans that begin end, money is whole, and the caller's context comes back."""

from __future__ import annotations

import threading
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider

from spantail.adapters import text_lines
from spantail.adapters.output_lines import LONGEST_LINE, LineCutter
from spantail.adapters.writer import EventWriter


class Account(SpanProcessor):
    """Counts what began and what ended."""

    def __init__(self) -> None:
        self.open: set[int] = set()
        self.ended: list[ReadableSpan] = []

    def on_start(self, span: Span, parent_context: otel_context.Context | None = None) -> None:
        assert span.context is not None
        self.open.add(span.context.span_id)

    def on_end(self, span: ReadableSpan) -> None:
        assert span.context is not None
        self.open.remove(span.context.span_id)
        self.ended.append(span)


_KINDS = st.sampled_from(["pipeline", "layer", "phase", "subphase"])
_STEPS = st.tuples(
    st.builds("{}_{}".format, _KINDS, st.sampled_from(["start", "complete", "error", "skip"])),
    st.fixed_dictionaries({}, optional={"name": st.sampled_from("ab"), "layer": st.integers(1, 2)}),
)
_BACKENDS = st.sampled_from(["claude_cli", "langchain", ""])
_CALLS = st.tuples(
    st.sampled_from(["llm_call_start", "llm_call_complete", "llm_call_error", "llm_call_skip"]),
    st.fixed_dictionaries(
        {"backend": _BACKENDS},
        optional={"call_id": st.sampled_from("xy"), "step_name": st.sampled_from("st"), "model": st.just("m")},
    ),
)
_FALLBACKS = st.tuples(
    st.just("llm_call_fallback"), st.fixed_dictionaries({"from_backend": _BACKENDS, "to_backend": _BACKENDS})
)
_OTHERS: st.SearchStrategy[tuple[str, dict[str, Any]]] = st.tuples(
    st.sampled_from(["job_scored", "cache_hit", "decision_point"]), st.just({})
)
_EVENTS = st.lists(st.one_of(_STEPS, _CALLS, _FALLBACKS, _OTHERS), max_size=30)


def _priced(number: int, event: str, data: dict[str, Any]) -> dict[str, Any]:
    """Let each end of a call tell a cost of its own."""
    return {**data, "cost_usd": 2.0**-number} if event in {"llm_call_complete", "llm_call_error"} else data


def _nano(span: ReadableSpan) -> int:
    cost: Any = (span.attributes or {}).get("spantail.cost_usd", 0)
    return round(float(cost) * 1_000_000_000)


@settings(max_examples=150)
@given(_EVENTS, st.booleans(), st.booleans())
def test_any_events(events: list[tuple[str, dict[str, Any]]], is_current: bool, in_threads: bool) -> None:
    account = Account()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(account)
    before = trace._TRACER_PROVIDER
    trace._TRACER_PROVIDER = provider
    here = otel_context.get_current()
    try:
        root = provider.get_tracer("t").start_span("root")
        base = trace.set_span_in_context(root, here)
        if is_current:
            otel_context.attach(base)
        start = otel_context.get_current()
        writer = EventWriter(base)
        priced = [(event, _priced(number % 25, event, data)) for number, (event, data) in enumerate(events)]
        for number, one in enumerate(priced):
            if in_threads and number % 3 == 2:
                thread = threading.Thread(target=writer.write, args=one)
                thread.start()
                thread.join()
            else:
                writer.write(*one)
        writer.end_all("the test is over")
        root.end()
        assert trace.get_current_span() is trace.get_current_span(start)
        assert not account.open
        assert {span.context.trace_id for span in account.ended if span.context} == {root.get_span_context().trace_id}
        costs = [data["cost_usd"] for _, data in priced if "cost_usd" in data]
        assert sum(map(_nano, account.ended)) == sum(round(cost * 1_000_000_000) for cost in costs)
        names = {span.context.span_id: span for span in account.ended if span.context}
        for span in account.ended:
            parent = names.get(span.parent.span_id) if span.parent else None
            assert (parent is None) == (span.name == "root")
            assert parent is None or not parent.name.startswith("chat"), "a call has nothing inside of it here"
    finally:
        otel_context.attach(here)
        trace._TRACER_PROVIDER = before


@given(st.text(max_size=300))
def test_any_line(line: str) -> None:
    found = text_lines.parse_line(line)
    assert found is None or found[0] in line


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2 * LONGEST_LINE)), max_size=12))
def test_no_byte_is_lost_between_lines(parts: list[tuple[int, int]]) -> None:
    """Kept or counted: what is between two line ends is one of both."""
    data = b"".join(b"x" * size + b"\n" * ends for ends, size in parts)
    cutter = LineCutter()
    lines = [line for at in range(0, len(data), 65_536) for line in cutter.feed(data[at : at + 65_536])]
    rest = cutter.rest()
    lines += [rest] if rest else []
    assert sum(len(line.data) + line.left_out for line in lines) == data.count(b"x")
    assert all(len(line.data) <= LONGEST_LINE for line in lines)
