"""The kept exports of real libraries (`python -m tests.exports make`), as requests to send or decode."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, TypeVar

from google.protobuf import json_format  # type: ignore[import-untyped]
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.otlp.requests import as_base64
from tests.support.tools import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FOLDER: Final = ROOT / "tests" / "fixtures" / "exports"

Request = TypeVar("Request", ExportTraceServiceRequest, ExportLogsServiceRequest)


def trace_requests(name: str) -> list[ExportTraceServiceRequest]:
    """The trace requests of one source, in the order in which it sent them."""
    return _read(FOLDER / f"{name}.jsonl", ExportTraceServiceRequest)


def log_requests(name: str) -> list[ExportLogsServiceRequest]:
    """Its log requests."""
    return _read(FOLDER / f"{name}.logs.jsonl", ExportLogsServiceRequest)


def in_runs_of_their_own(requests: Sequence[Request], number: int) -> list[str]:
    """Give the requests of one source trace ids that no other source has: all count theirs from 1. Returns the ids."""
    prefix = number.to_bytes(4, "big")
    spans = [span for request in requests for span in _items(request)]
    for span in spans:
        span.trace_id = prefix + span.trace_id[4:]
    return sorted({span.trace_id.hex() for span in spans})


def _items(request: ExportTraceServiceRequest | ExportLogsServiceRequest) -> list[Any]:
    """Its spans or log records, and the links of spans."""
    if isinstance(request, ExportLogsServiceRequest):
        logs = [scope.log_records for group in request.resource_logs for scope in group.scope_logs]
        return [record for records in logs for record in records if record.trace_id]
    spans = [span for group in request.resource_spans for scope in group.scope_spans for span in scope.spans]
    return spans + [link for span in spans for link in span.links]


def _read(path: Path, kind: type[Request]) -> list[Request]:
    with path.open(encoding="utf-8") as lines:
        return [json_format.ParseDict(as_base64(json.loads(line)), kind()) for line in lines]


def drawn(spans: list[dict[str, Any]]) -> str:
    """A run's spans as text: the tree, and what is known of each LLM call. A parent that is not here is a line too."""
    known = {span["span_id"] for span in spans}
    below: dict[str | None, list[dict[str, Any]]] = {}
    for span in sorted(spans, key=lambda span: (span["start"], span["span_id"])):
        below.setdefault(span["parent_id"], []).append(span)
    lines: list[str] = []

    def draw(parent: str | None, depth: int) -> None:
        for span in below.get(parent, ()):
            lines.append("  " * depth + _line(span))
            draw(span["span_id"], depth + 1)

    draw(None, 0)
    for parent in sorted(name for name in below if name is not None and name not in known):
        lines.append("(not received)")
        draw(parent, 1)
    return "".join(f"{line}\n" for line in lines)


def _line(span: dict[str, Any]) -> str:
    parts = [f"{span['kind']} {span['name']!r}"]
    if span["status"] != "ok":
        parts.append(span["status"])
    if span["kind"] == "llm_call":
        parts.append(f"{span.get('backend', '?')} {span.get('model', '?')}")
        parts += [f"{name} {count}" for name, count in span.get("tokens", {}).items()]
        if "cost_source" in span:
            parts.append(f"{span.get('cost_nano', '?')} nano-USD {span['cost_source']}")
    return ", ".join(parts)
