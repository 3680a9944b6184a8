"""A tracer provider of its own for each test, the spans that went through it, and a fresh interpreter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from spantail import trouble
from tests.unit.otel.fresh_python import SINK, Python

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Spans:
    """The finished spans of a test."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))

    def all(self) -> list[ReadableSpan]:
        return list(self._exporter.get_finished_spans())

    def one(self, name: str | None = None) -> ReadableSpan:
        found = [span for span in self.all() if name is None or span.name == name]
        assert len(found) == 1, f"{len(found)} spans named {name!r} in {[span.name for span in self.all()]}"
        return found[0]

    def tree(self) -> dict[str, str | None]:
        """Each span's name with its parent's; None for a root, `?` for a parent that has not ended."""
        names = {_id(span.context): span.name for span in self.all()}
        return {span.name: names.get(span.parent.span_id, "?") if span.parent else None for span in self.all()}


def _id(context: trace.SpanContext | None) -> int:
    assert context is not None
    return context.span_id


@pytest.fixture(autouse=True)
def _trouble_is_said_again() -> None:
    """Trouble is logged once per process; here once per test."""
    trouble._reported.clear()


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[Spans]:
    recorded = Spans()
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", recorded.provider)
    yield recorded
    recorded.provider.shutdown()


@pytest.fixture(scope="module")
def sink_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for sys.path that holds an installed distribution with a live sink of its own."""
    folder = tmp_path_factory.mktemp("sink")
    (folder / "recording_sink.py").write_text(SINK)
    info = folder / "recording_sink-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: recording-sink\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[spantail_live_sink]\nredis = recording_sink:Sink\n")
    return folder


@pytest.fixture(scope="module")
def python(sink_package: Path) -> Python:
    return Python(sink_package)
