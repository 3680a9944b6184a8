"""Reads finished spans as a tree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spantail import operation
from spantail_service.operations.catalogue import CATALOGUE

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    from spantail_service.operations.base import Tools


async def run(name: str, payload: dict[str, Any], tools: Tools) -> dict[str, Any]:
    """Run an operation as the launcher does: as the root of a trace of its own."""
    entry = CATALOGUE[name]
    with operation(entry.title, root=True, layers=entry.layers):
        return await entry.work(entry.input_model.model_validate(payload), tools)


class Traces:
    """The spans of a test."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    def clear(self) -> None:
        self._exporter.clear()

    @property
    def spans(self) -> list[ReadableSpan]:
        """In the order of their start."""
        return sorted(self._exporter.get_finished_spans(), key=lambda span: span.start_time or 0)

    def of_kind(self, kind: str) -> list[ReadableSpan]:
        return [span for span in self.spans if attributes(span)["spantail.kind"] == kind]

    def named(self, name: str) -> ReadableSpan:
        found = [span for span in self.spans if span.name == name]
        assert len(found) == 1, f"{len(found)} spans named {name}: {[span.name for span in self.spans]}"
        return found[0]

    def children(self, parent: ReadableSpan) -> list[ReadableSpan]:
        return [span for span in self.spans if span.parent and span.parent.span_id == parent.context.span_id]

    def tree(self) -> list[str]:
        """One line per span: depth, kind, name, status."""
        lines: list[str] = []

        def walk(span: ReadableSpan, depth: int) -> None:
            lines.append(f"{'  ' * depth}{attributes(span)['spantail.kind']} {span.name}: {status(span)}")
            for child in self.children(span):
                walk(child, depth + 1)

        for span in self.spans:
            if span.parent is None:
                walk(span, 0)
        return lines


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def status(span: ReadableSpan) -> str:
    """`error`, `skipped`, `cancelled` or `ok`."""
    if span.status.status_code.name == "ERROR":
        return "error"
    return str(attributes(span).get("spantail.status", "ok"))


def events(span: ReadableSpan) -> list[str]:
    return [event.name for event in span.events]


def event(span: ReadableSpan, name: str) -> dict[str, Any]:
    found = [dict(each.attributes or {}) for each in span.events if each.name == name]
    assert found, f"no {name} on {span.name}: {events(span)}"
    return found[0]
