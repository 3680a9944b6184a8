"""`docs/coverage.md` is whole: every row is there, and every place and test that it names."""

from __future__ import annotations

import ast
import re
from typing import Final, NamedTuple

import pytest

from tests.support.tools import ROOT

ROWS: Final = {
    "Operations and how they are run": [
        "job import", "job ingestion", "job search", "annotation generation", "contact outreach", "pipeline execution",
        "streaming operations", "direct operations", "queue operations", "log polling",
    ],
    "Keys": [
        "pending, first in first out", "running", "failed", "history and items", "version", "events between runners",
        "buffer", "meta and expected count", "layers", "owner of a run", "run state",
    ],
    "Events": [
        "llm_call_start, _complete, _error, _fallback", "layer_*, phase_*, subphase_*, pipeline_*",
        "decision_point, validation_result", "cv_struct_*", "ingest_start, job_scored, ingest_complete",
        "search_start, source_*, cache_hit", "annotation_start, annotation_*", "outreach_*", "StructuredLogger",
        "JSON lines on stdout",
    ],
    "What the page shows": [
        "the poll waits for the expected count", "backend of each call", "cost of each call and in sum",
        "progress of layers",
    ],
    "Limits of the older system": [
        "lines missing at the end", "memory of long runs", "one writer for each run", "no replay after a restart",
        "the queue is scanned", "published events are lost while offline",
    ],
    "Checklist of every operation": [
        "a run is created", "callbacks get events", "events persist", "the poll returns them", "the page displays them",
        "cost is filled in", "tracebacks of errors", "the work does not block the answer", "expiry after the end",
    ],
    "Streaming the lines of a run": [
        "client of Redis", "logging handler", "channel of a run", "lines of an executor", "final status",
        "packaged dependencies", "WebSocket endpoint", "subscription", "messages are forwarded",
        "clean-up after a disconnect", "lines from before", "client: connect, receive, display",
        "client: state of the connection", "from start to viewer",
    ],
}  # fmt: skip
"""What was asked for, by the section of the page: none of it may be left out."""


class Row(NamedTuple):
    """A row of the page."""

    section: str
    name: str
    where: str
    test: str


def _rows() -> list[Row]:
    section, rows = "", []
    for line in (ROOT / "docs/coverage.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            section = line.removeprefix("## ")
        elif line.startswith("| ") and not line.startswith(("| row |", "| --- |")):
            name, where, test = line.strip("|").split(" | ")
            rows.append(Row(section, name.strip(), where.strip(), test.strip()))
    return rows


def test_no_row_is_left_out() -> None:
    found: dict[str, list[str]] = {}
    for row in _rows():
        found.setdefault(row.section, []).append(row.name)
    assert found == ROWS


@pytest.mark.parametrize("row", _rows(), ids=lambda row: row.name)
def test_what_a_row_names_is_there(row: Row) -> None:
    (where,) = re.findall(r"`([^`]+)`", row.where)
    assert (ROOT / where).exists(), where
    path, *names = re.findall(r"`([^`]+)`", row.test)
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    tests = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    assert set(names) <= tests, f"{path} has no {', '.join(set(names) - tests)}"
    assert any(name.startswith("test_") for name in tests)
