"""The output of a process, written to its span: lines of JSON as events, all others as log lines."""

from __future__ import annotations

import json
import re
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import Status, StatusCode

from spantail.adapters.event_names import split_name
from spantail.adapters.lines import write_line
from spantail.adapters.output_lines import Line, LineCutter, RateLimit
from spantail.adapters.steps import NO_END
from spantail.adapters.writer import INFO, EventWriter
from spantail.attributes import KIND_SPAN
from spantail.scopes.operation import operation
from spantail.trouble import report_trouble

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.context import Context

    from spantail.scopes.scope import Scope

_STEP_LINE: Final = re.compile(rb'"(?:llm_call|pipeline|layer|phase|subphase)_')
_EVENT_NAMES: Final = ("event", "event_type", "event_name")
_NOT_DATA: Final = frozenset({*_EVENT_NAMES, "timestamp", "level", "run_id"})
_LEVELS: Final = frozenset({"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"})
_ALIASES: Final = {"WARN": "WARNING", "FATAL": "CRITICAL"}


class ProcessOutput:
    """Takes what a process prints, chunk by chunk, and writes it to a span. No method raises.

    At most 1,000 lines a second pass, and 2,000 at once; those that begin or end a step or tell of an LLM call always
    do. What does not pass, and what is longer than 64 KB, is counted on the span: `output.lines`,
    `output.lines_dropped`, `output.bytes`, `output.bytes_cut`, `output.lines_not_utf8`.

    Args:
        name: The name of the span.
        attributes: Its attributes.
        place: The context that it stands in; None is the current one.
        on_line: Called with each line, also with those that do not pass.
        clock_s: The time in seconds, of a clock that never runs back.
    """

    def __init__(
        self,
        name: str,
        attributes: dict[str, object],
        *,
        place: Context | None = None,
        on_line: Callable[[bytes], object] | None = None,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._scope: Scope = operation(name, kind=KIND_SPAN, attributes=attributes)
        self._context = _begin(self._scope, place)
        self._writer = EventWriter(self._context)
        self._lock = threading.Lock()  # the streams of a process are read by several threads
        self._cutters: dict[str, LineCutter] = {}
        self._limit = RateLimit()
        self._on_line = on_line
        self._clock_s = clock_s
        self._counts = dict.fromkeys(("lines", "lines_dropped", "bytes", "bytes_cut", "lines_not_utf8"), 0)

    @property
    def counts(self) -> dict[str, int]:
        """How many lines and bytes there were, were dropped and were cut."""
        return dict(self._counts)

    def enter(self) -> None:
        """Make the span current in the thread or task that reads."""
        otel_context.attach(self._context)

    def feed(self, stream: str, chunk: bytes) -> None:
        """Take a chunk of a stream.

        Args:
            stream: `stdout` or `stderr`.
            chunk: Its bytes.
        """
        with self._lock:
            self._counts["bytes"] += len(chunk)
            for line in self._cutters.setdefault(stream, LineCutter()).feed(chunk):
                self._line(stream, line)

    def end_of(self, stream: str) -> None:
        """Take the end of a stream: a last line without an end counts too."""
        with self._lock:
            rest = self._cutters.setdefault(stream, LineCutter()).rest()
            if rest is not None:
                self._line(stream, rest)

    def finish(self, exit_code: int | None, error: BaseException | None = None) -> None:
        """End the span.

        Args:
            exit_code: That of the process, negative for a signal; None where it is not known.
            error: What kept its output from being read.
        """
        self._writer.end_all(f"{NO_END} before the process ended")
        for name, count in self._counts.items():
            if count or name in {"lines", "bytes"}:
                self._scope.set(f"output.{name}", count)
        if exit_code is not None:
            self._scope.set("process.exit.code", exit_code)
            if exit_code:
                said = f"signal {-exit_code}" if exit_code < 0 else f"exit code {exit_code}"
                self._scope.span.set_status(Status(StatusCode.ERROR, f"the process ended with {said}"))
        self._scope.finish(error)

    def _line(self, stream: str, line: Line) -> None:
        try:
            self._counts["lines"] += 1
            self._counts["bytes_cut"] += line.left_out
            if self._on_line is not None:
                self._on_line(line.data)
            if not line.data.strip():
                return
            if not self._limit.allow(self._clock_s()) and not _STEP_LINE.search(line.data):
                self._counts["lines_dropped"] += 1
                return
            self._write(stream, line)
        except Exception:
            report_trouble("a line of a process could not be written")

    def _write(self, stream: str, line: Line) -> None:
        found = None if line.left_out else read_event(line.data)
        if found is not None:
            self._writer.write(*found)
            return
        try:
            text = line.data.decode()
        except UnicodeDecodeError:
            self._counts["lines_not_utf8"] += 1
            text = line.data.decode(errors="replace")
        if line.left_out:
            text += f"…[{line.left_out:,} bytes cut]"
        span = trace.get_current_span(self._writer.parent())
        write_line(span.get_span_context(), text, logger=stream)


def _begin(scope: Scope, place: Context | None) -> Context:
    before = otel_context.get_current()
    if place is not None:
        otel_context.attach(place)
    try:
        return scope.begin()
    finally:
        otel_context.attach(before)


def read_event(line: bytes) -> tuple[str, dict[str, Any], str] | None:
    """Read a line of JSON as an event: its name, its data and its level; None for any other line."""
    if not line.lstrip().startswith(b"{"):
        return None
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    event = next((found[name] for name in _EVENT_NAMES if isinstance(found.get(name), str) and found[name]), None)
    if event is None or (" " in event and not split_name(event).action):
        return None
    level = str(found.get("level", INFO)).upper()
    level = _ALIASES.get(level, level)
    data = {name: value for name, value in found.items() if name not in _NOT_DATA}
    return event, data, level if level in _LEVELS else INFO
