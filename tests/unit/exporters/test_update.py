"""Updates of an open span lead to the state that is stored, also where something is gone that was said before."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from opentelemetry.sdk.trace import SpanLimits, TracerProvider

from spantail.live import LiveSpanProcessor, LogEvent
from spantail.redaction import Redactor
from spantail_exporters.delivery.assembler import Assembler
from spantail_exporters.model.update import with_what_was_said
from tests.support.runs.live_runs import fold

CALL: dict[str, Any] = {"spantail.kind": "llm_call", "spantail.backend": "openai", "gen_ai.usage.input_tokens": 7,
        "gen_ai.usage.output_tokens": 1, "spantail.cost_usd": 0.5, "spantail.attempt": 2}  # fmt: skip


class Live:
    """Spans of one process; `states` are those that would be stored, `events` what the tail would hold."""

    runner_id = "web-1:1:1"

    def __init__(self, limits: SpanLimits | None = None) -> None:
        self.assembler = Assembler("app", self.runner_id, Redactor())
        self.events: list[dict[str, Any]] = []
        self.states: dict[str, dict[str, Any]] = {}
        provider = TracerProvider(shutdown_on_exit=False, span_limits=limits)
        provider.add_span_processor(LiveSpanProcessor(self))
        self.tracer = provider.get_tracer("t")

    def started(self, span: Any, /) -> None:
        self.assembler.take([span])

    ended = started

    def logged(self, event: LogEvent, /) -> None:
        self.assembler.take([event])

    def flush(self, timeout_s: float) -> bool:
        return timeout_s >= 0

    shutdown = flush

    def look(self) -> None:
        self.assembler.scan(9)
        for batch in self.assembler.batches():
            for change in batch.changes:
                self.events += map(orjson.loads, change.events)
                self.states[change.span_id] = orjson.loads(change.state or change.events[-1])

    def assert_told(self) -> dict[str, Any]:
        """The tail leads to what is stored; returns that of the only span."""
        (state,) = self.states.values()
        (told,) = fold(self.events).values()
        assert told == state
        return state


@pytest.mark.parametrize(
    ("attribute", "value", "field"),
    [
        ("spantail.backend", "", "backend"),
        ("gen_ai.usage.input_tokens", -1, "tokens"),
        ("spantail.cost_usd", -1.0, "cost_nano"),
        ("spantail.attempt", [1], "attempt"),
        ("spantail.kind", "tool", "cost_usd"),
    ],
)
def test_a_field_whose_attribute_says_nothing_any_more_stays_until_the_end(
    attribute: str, value: Any, field: str
) -> None:
    live = Live()
    span = live.tracer.start_span("call", attributes=CALL)
    live.look()
    before = live.states[f"{span.get_span_context().span_id:016x}"]
    span.set_attribute(attribute, value)
    live.look()
    assert live.assert_told()[field] == before[field]
    span.set_attribute("a", 1)
    live.look()
    assert live.assert_told()[field] == before[field]
    span.end()
    live.look()
    assert live.assert_told().get(field) != before[field]


def test_so_does_an_attribute_that_the_sdk_has_dropped() -> None:
    live = Live(SpanLimits(max_span_attributes=2))
    span = live.tracer.start_span("s", attributes={"a": 1, "b": b"\x01"})
    live.look()
    span.set_attribute("c", 3)
    live.look()
    state = live.assert_told()
    assert state["attributes"] == {"a": 1, "b": "AQ==", "c": 3}
    assert state["types"] == {"b": "bytes"}
    assert list(state)[:4] == ["rev", "status", "start", "noted"], "the run script reads them as text"
    span.end()
    live.look()
    assert live.assert_told()["attributes"] == {"b": "AQ==", "c": 3}


def test_a_link_that_comes_later_is_told_with_the_span_event_beside_it() -> None:
    live = Live()
    span = live.tracer.start_span("s")
    other = live.tracer.start_span("other").get_span_context()
    live.look()
    del live.states[f"{other.span_id:016x}"]
    live.events = [event for event in live.events if event["span_id"] != f"{other.span_id:016x}"]
    span.add_event("e")
    span.add_link(other)
    live.look()
    assert live.assert_told()["links"][0]["span_id"] == f"{other.span_id:016x}"


def test_an_application_that_goes_through_many_names_has_no_state_without_bounds() -> None:
    attributes = {str(n): n for n in range(129)}
    assert with_what_was_said({"attributes": {}}, {"attributes": attributes}) is None
    del attributes["0"]
    assert with_what_was_said({"attributes": {"a": 1}}, {"attributes": attributes}) == {
        "attributes": {**attributes, "a": 1}
    }


def test_what_is_large_stays_last() -> None:
    made = with_what_was_said(
        {"rev": 2, "attributes": {"a": 1}, "derived": ["a"], "span_events": [{"name": "e"}]},
        {
            "rev": 1,
            "runner": "web",
            "backend": "b",
            "attributes": {"a": 0, "c": 1},
            "derived": ["a", "c"],
            "sent": {"c": 2},
        },
    )
    assert made == {
        "rev": 2, "runner": "web", "backend": "b", "attributes": {"c": 1, "a": 1}, "derived": ["a", "c"],
        "sent": {"c": 2}, "span_events": [{"name": "e"}],
    }  # fmt: skip
    assert list(made)[3:] == ["attributes", "derived", "sent", "span_events"]
