"""Spans whose ids and start are known before them."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TYPE_CHECKING

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from spantail import operation, phase
from spantail.scopes.prescription import prescribed, prescription
from spantail.setup.provider import new_provider

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.otel.conftest import Spans

RUN, ROOT, CHILD = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", "00f067aa0ba902b8"
START_NS = 1_795_308_986_084_596_000


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """What a provider of `configure()` has exported."""
    provider = new_provider({}, os.environ)
    made = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(made))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    yield made
    provider.shutdown()


def test_a_root_and_a_child_have_what_was_prescribed(exporter: InMemorySpanExporter) -> None:
    scope = operation("job search", root=True)
    with prescribed(RUN, ROOT, START_NS):
        scope.__enter__()
    with prescribed("f" * 32, CHILD, START_NS + 1), phase("waiting"):
        pass
    with phase("working") as other:
        assert other.span_id not in {ROOT, CHILD}
    scope.__exit__(None, None, None)
    waiting, working, root = exporter.get_finished_spans()
    assert (scope.run_id, scope.span_id, root.start_time) == (RUN, ROOT, START_NS)
    assert waiting.context is not None
    assert waiting.parent is not None
    assert trace.format_span_id(waiting.context.span_id) == CHILD
    assert trace.format_span_id(waiting.parent.span_id) == ROOT
    assert trace.format_trace_id(waiting.context.trace_id) == RUN, "a child is of its parent's trace"
    assert waiting.start_time == START_NS + 1
    assert working.start_time is not None
    assert working.start_time > START_NS


def test_after_the_block_and_in_other_contexts_ids_are_made_up(exporter: InMemorySpanExporter) -> None:
    def root_of_a_thread() -> str:
        with operation("other", root=True) as scope:
            return scope.run_id

    empty = copy_context()
    with prescribed(RUN, ROOT):
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(root_of_a_thread).result() != RUN
        assert empty.run(root_of_a_thread) != RUN
    assert prescription() is None
    assert root_of_a_thread() not in {RUN, "0" * 32}
    assert len(exporter.get_finished_spans()) == 3


def test_what_is_no_id_is_refused() -> None:
    with pytest.raises(ValueError, match="invalid literal"), prescribed("run", ROOT):
        pass
    assert prescription() is None


def test_the_block_ends_with_an_exception_too(exporter: InMemorySpanExporter) -> None:
    with pytest.raises(KeyError), prescribed(RUN, ROOT):
        raise KeyError
    assert prescription() is None
    assert not exporter.get_finished_spans()


def test_another_provider_makes_ids_of_its_own(spans: Spans) -> None:
    with prescribed(RUN, ROOT, START_NS), operation("job search", root=True) as scope:
        pass
    assert scope.run_id != RUN
    assert spans.one().start_time == START_NS


def test_a_generator_that_the_environment_names_makes_the_others() -> None:
    provider = new_provider({}, {"OTEL_PYTHON_ID_GENERATOR": "random"})
    assert provider.id_generator.generate_trace_id() != provider.id_generator.generate_trace_id()
    provider.shutdown()
