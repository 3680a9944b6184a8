"""The output of a process becomes events and log lines of its span: real processes, odd bytes, floods."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spantail import operation
from spantail.adapters import capture_output, create_operation_run, finish_operation_run, lines
from spantail.adapters.output_lines import LONGEST_LINE, LineCutter, RateLimit
from spantail.adapters.process_output import ProcessOutput, read_event

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

    from spantail.live import LogEvent
    from tests.unit.otel.conftest import Spans


class Sink:
    """Keeps log lines."""

    def __init__(self) -> None:
        self.lines: list[LogEvent] = []

    def logged(self, event: LogEvent) -> None:
        self.lines.append(event)


@pytest.fixture
def sink(monkeypatch: pytest.MonkeyPatch) -> Sink:
    made = Sink()
    monkeypatch.setattr(lines, "live_sink_in_use", lambda: made)
    return made


CHILD = """
import json, sys
def emit(event, **data):
    print(json.dumps({"event": event, "job_id": "j", "timestamp": "2026-01-14T00:00:00Z", **data}))
print("starting")
emit("layer_start", layer=1, layer_name="extract")
emit("llm_call_start", backend="claude_cli", model="claude-sonnet-4-5")
emit("llm_call_complete", backend="claude_cli", cost_usd=0.004, metadata={"input_tokens": 10, "output_tokens": 2})
emit("cv_struct_found", level="warning", count=3)
emit("layer_complete", layer=1, layer_name="extract")
print("to stderr", file=sys.stderr)
sys.stdout.write("no end of line")
sys.exit(int(sys.argv[1]))
"""


def popen(program: str, *arguments: str, **options: Any) -> subprocess.Popen[Any]:
    return subprocess.Popen([sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE, **options)


def said(span: ReadableSpan, name: str) -> Any:
    return (span.attributes or {}).get(name)


def check(spans: Spans, sink: Sink, name: str) -> None:
    """What the span of `CHILD` looks like."""
    assert spans.tree() == {"work": None, name: "work", "extract": name, "chat claude-sonnet-4-5": "extract"}
    call = spans.one("chat claude-sonnet-4-5")
    assert (said(call, "spantail.cost_usd"), said(call, "gen_ai.usage.input_tokens")) == (0.004, 10)
    (event,) = spans.one("extract").events
    assert (event.name, dict(event.attributes or {})) == (
        "cv_struct_found", {"count": 3, "job_id": "j", "level": "WARNING"},
    )  # fmt: skip
    assert sorted((line.logger, line.message) for line in sink.lines) == [
        ("stderr", "to stderr"), ("stdout", "no end of line"), ("stdout", "starting"),
    ]  # fmt: skip


@pytest.mark.parametrize("text", [False, True])
def test_a_process_of_subprocess(spans: Spans, sink: Sink, *, text: bool) -> None:
    with (
        operation("work"),
        popen(CHILD, "0", stderr=subprocess.PIPE, text=text) as process,
        capture_output(process, name="child"),
    ):
        pass
    check(spans, sink, "child")
    span = spans.one("child")
    assert (said(span, "process.exit.code"), said(span, "process.pid")) == (0, process.pid)
    assert said(span, "output.lines") == 8
    assert said(span, "output.lines_dropped") is None
    assert span.status.is_unset


async def test_a_process_of_asyncio(spans: Spans, sink: Sink) -> None:
    with operation("work"):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", CHILD, "3", stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        async with capture_output(process, name="child"):
            pass
    check(spans, sink, "child")
    assert spans.one("child").status.description == "the process ended with exit code 3"


def test_a_signal_is_an_error(spans: Spans, sink: Sink) -> None:
    with popen("import signal; print('up', flush=True); signal.pause()") as process:
        seen: list[bytes] = []

        def end_it(line: bytes) -> None:
            seen.append(line)
            process.kill()

        with capture_output(process, on_line=end_it):
            pass
    assert seen == [b"up"]
    assert spans.all()[0].status.description == "the process ended with signal 9"


def test_a_stream_alone_and_a_run_by_its_id(spans: Spans, sink: Sink) -> None:
    run_id = create_operation_run("j", "pipeline")
    lines_in = io.BytesIO(b'{"event": "job_scored", "score": 3}\nplain\r\n')
    assert capture_output(lines_in, name="remote", run_id=run_id).wait(10)
    finish_operation_run(run_id)
    assert spans.tree() == {"pipeline": None, "remote": "pipeline"}
    assert [event.name for event in spans.one("remote").events] == ["job_scored"]
    assert [line.message for line in sink.lines] == ["plain"]


def test_a_process_without_a_pipe_is_refused(spans: Spans) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process, pytest.raises(ValueError, match="stdout=PIPE"):
        capture_output(process)


def test_a_flood_holds_nobody_up_and_loses_no_call(spans: Spans, sink: Sink) -> None:
    """More than a pipe holds by far, with calls in between: the child comes to its end, and the money is whole."""
    flood = """
import json
line = "x" * 100
for number in range(200):
    print("\\n".join([line] * 1000))
    print(json.dumps({"event": "llm_call_complete", "backend": "b", "cost_usd": 0.001}))
"""
    with popen(flood) as process, capture_output(process, name="flood") as capture:
        assert capture.wait(60)
    counts = capture.counts
    assert counts["lines"] == 200_200
    assert counts["lines_dropped"] + len(sink.lines) == 200_000
    calls = [span for span in spans.all() if span.name == "chat"]
    assert round(sum(said(call, "spantail.cost_usd") for call in calls), 9) == 0.2
    assert said(spans.one("flood"), "output.lines_dropped") == counts["lines_dropped"]


def test_odd_bytes(spans: Spans, sink: Sink) -> None:
    output = ProcessOutput("odd", {}, clock_s=lambda: 0.0)
    for chunk in (b"\xff\xfe bad\n", b"\xc3", b"\xa9 cut in two\n", b"\x00\n\n  \n", b"y" * (3 * LONGEST_LINE), b"\n"):
        output.feed("stdout", chunk)
    output.feed("stdout", b'{"event": "layer_start", "layer": "' + b"z" * LONGEST_LINE + b'"}\n')
    output.feed("stderr", b'{"event": {"a": 1}}\n{"event": "x_y", "a": \n' + b"[" * 100_000 + b"\n")
    output.end_of("stdout")
    output.finish(None)
    assert [line.message[:12] for line in sink.lines[:3]] == ["\ufffd\ufffd bad", "é cut in two", "\x00"]
    assert [len(line.message) <= 33_000 for line in sink.lines] == [True] * len(sink.lines)
    counts = output.counts
    assert counts["lines_not_utf8"] == 1
    assert counts["bytes_cut"] >= 2 * LONGEST_LINE
    assert spans.tree() == {"odd": None}


def test_lines_beyond_the_limit_are_counted(spans: Spans, sink: Sink) -> None:
    now_s = [0.0]
    output = ProcessOutput("p", {}, clock_s=lambda: now_s[0])
    output.feed("stdout", b"a\n" * 2500)
    now_s[0] = 0.1
    output.feed("stdout", b"b\n" * 200)
    output.finish(0)
    assert (len(sink.lines), output.counts["lines_dropped"]) == (2100, 600)


@given(st.binary(max_size=400).map(lambda data: data.replace(b"\r", b"")), st.lists(st.integers(0, 50), max_size=30))
def test_chunks_of_any_size_are_the_same_lines(data: bytes, sizes: list[int]) -> None:
    cutter = LineCutter()
    found = []
    for size in [*sizes, len(data)]:
        chunk, data = data[:size], data[size:]
        found += list(cutter.feed(chunk))
    rest = cutter.rest()
    whole = b"\n".join(line.data for line in found)
    assert all(b"\n" not in line.data for line in found)
    assert cutter.rest() is None
    assert whole.count(b"\n") == max(len(found) - 1, 0)
    assert rest is None or rest.data


def test_a_rate_limit_recovers() -> None:
    limit = RateLimit(per_s=10, burst=2)
    assert [limit.allow(0.0) for _ in range(3)] == [True, True, False]
    assert [limit.allow(0.1), limit.allow(0.1)] == [True, False]
    assert [limit.allow(100.0) for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize("line", [b"", b"plain", b"[1]", b'{"a": 1}', b'{"event": 3}', b'{"event": "two words"}', b"{"])
def test_lines_that_are_no_events(line: bytes) -> None:
    assert read_event(line) is None


def test_the_logger_in_a_child_without_a_set_up_prints_what_the_parent_reads(spans: Spans, sink: Sink) -> None:
    program = """
from spantail.adapters import StructuredLogger
structured = StructuredLogger(job_id="cv")
structured.layer_start(2, "extract")
structured.layer_complete(2, "extract", metadata={"points": 5})
"""
    with popen(program) as process, capture_output(process, name="child"):
        pass
    assert spans.tree() == {"child": None, "extract": "child"}
    assert (said(spans.one("extract"), "points"), said(spans.one("extract"), "job_id")) == (5, "cv")
    assert sink.lines == []
