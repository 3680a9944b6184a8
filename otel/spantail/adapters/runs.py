"""Runs that events report: how they begin, how they are found again, and how they end."""

from __future__ import annotations

import atexit
import os
import threading
import uuid
from typing import TYPE_CHECKING, Final

from opentelemetry import context as otel_context
from opentelemetry import trace

from spantail.adapters.event_names import COMPLETE, ERROR, START, split_name
from spantail.adapters.failures import fail
from spantail.adapters.fields import cost_in, plain, take_failure
from spantail.adapters.lines import write_line
from spantail.adapters.steps import NO_END
from spantail.adapters.text_lines import parse_line
from spantail.adapters.writer import INFO, EventWriter, inherit, write_sum
from spantail.attributes import KIND_PIPELINE, KINDS
from spantail.scopes.operation import operation

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from spantail.scopes.scope import Scope

_MOST_OPEN: Final = 10_000
_MOST_JOINED: Final = 1_000  # spans of other code that events were written to, and which may still be open


class OperationRun:
    """One run, from `create_operation_run` to its end. No method raises.

    It ends by the event that ends what its first event began: `ingest_start` … `ingest_complete` or `ingest_error`;
    by `pipeline_complete` or `pipeline_error` where no other event of that kind came first; by `finish`; and, as
    cancelled, when nobody can report its end any more.

    Attributes:
        run_id: Its id.
        name: The name of the operation.
    """

    def __init__(self, job_id: str, name: str, *, event_costs: bool = True) -> None:
        self.name = name
        self._scope: Scope = operation(name, root=True, links=_current_span(), attributes={"job_id": job_id})
        self.context: Context = self._scope.begin()
        made = self._scope.span.get_span_context().is_valid
        self.run_id = self._scope.run_id if made else uuid.uuid4().hex
        self._pid = os.getpid()
        self._writer = EventWriter(self.context, event_costs=event_costs)
        self._lock = threading.Lock()
        self._subject = ""  # what its first event began
        self._depth = 0  # how often it was begun and not ended
        self._held = 0  # by how many `operation_run` blocks it is kept open
        self._is_over = False

    @property
    def is_over(self) -> bool:
        """Whether it has ended; also in a process that was forked from the one that it belongs to."""
        return self._is_over or os.getpid() != self._pid

    def write(self, event: str, data: object = None, level: str = INFO) -> None:
        """Write an event, and end the run where it says so."""
        ends = self._follow(event)
        self._writer.write(event, data, level, is_sum=ends)
        if not ends:
            return
        fields = plain(data)
        write_sum(self._scope, cost_in(fields, total=True), str(fields.get("backend") or ""))
        if split_name(event).action == ERROR:
            fail(self._scope, take_failure(fields))
        if not self._held:
            self.finish()

    def write_line(self, line: str, level: str = INFO) -> None:
        """Write a plain text line: an event where it names one, else a log line."""
        found = parse_line(line)
        if found is not None:
            self.write(*found, level)
            return
        write_line(self.span_context(), line, level=level, logger=self.name)

    def span_context(self) -> trace.SpanContext:
        """Return the span that is current in the run."""
        return trace.get_current_span(self.place()).get_span_context()

    def place(self) -> Context:
        """Return the context in which further spans of the run belong."""
        return self._writer.parent()

    def finish(self, error: BaseException | str | None = None) -> None:
        """End the run; a second call does nothing.

        Args:
            error: Why it failed: an exception, or a text; None when it went well.
        """
        self._end(error if isinstance(error, BaseException) else None, "" if error is None else str(error), NO_END)

    def abandon(self, reason: str, *, even_if_held: bool = False) -> None:
        """End the run as cancelled: its own end was not reported."""
        if even_if_held or not self._held:
            self._scope.cancel(reason)
            self._end(None, "", reason)

    def after_fork(self) -> None:
        """Begin anew in a forked child; see `EventWriter.after_fork`."""
        self._lock = threading.Lock()
        self._writer.after_fork()

    def hold(self) -> None:
        """Keep it open, whatever the events say, until `release`."""
        with self._lock:
            self._held += 1

    def release(self, error: BaseException | None) -> None:
        """End it; within another block that holds it, only when that ends."""
        with self._lock:
            self._held -= 1
            is_last = not self._held
        if is_last or error is not None:
            self.finish(error)

    def _end(self, error: BaseException | None, message: str, reason: str) -> None:
        with self._lock:
            if self.is_over:
                return
            self._is_over = True
        runs.forget(self)
        self._writer.end_all(reason)
        if error is None and message:
            fail(self._scope, take_failure({"error": message}))
        self._scope.finish(error)

    def _follow(self, event: str) -> bool:
        """Take note of what begins and ends; tells whether the event ends the run."""
        subject, action = split_name(event)
        with self._lock:
            if action == START and not self._subject and (subject == KIND_PIPELINE or subject not in KINDS):
                self._subject = subject
            if subject != (self._subject or KIND_PIPELINE):
                return False
            self._depth += (action == START) - (action in {COMPLETE, ERROR})
            return action in {COMPLETE, ERROR} and self._depth <= 0


class Runs:
    """The runs of this process that are open, and the spans of other code that events were written to."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._open: dict[str, OperationRun] = {}
        self._joined: dict[int, tuple[trace.Span, EventWriter]] = {}
        self._watches_exit = False

    def create(self, job_id: str, name: str, *, event_costs: bool = True) -> OperationRun:
        """Begin a run; the first one registers a hook for the end of the process."""
        run = OperationRun(job_id, name, event_costs=event_costs)
        with self._lock:
            oldest = next(iter(self._open.values())) if len(self._open) >= _MOST_OPEN else None
            self._open[run.run_id] = run
            if not self._watches_exit:
                self._watches_exit = True
                atexit.register(self.end_all, "the process ended, and no end was reported")
        if oldest is not None:
            oldest.abandon("ten thousand other runs were begun and not ended", even_if_held=True)
        return run

    def get(self, run_id: object) -> OperationRun | None:
        """Return the run with this id, also as a dashed UUID; None when it is not open in this process, or is no id."""
        if not isinstance(run_id, str):
            return None
        with self._lock:
            run = self._open.get(run_id) or self._open.get(run_id.replace("-", "").lower())
        return None if run is None or run.is_over else run

    def forget(self, run: OperationRun) -> None:
        """Let go of a run that has ended."""
        with self._lock:
            self._open.pop(run.run_id, None)

    def writer_here(self, *, event_costs: bool = True) -> OperationRun | EventWriter | None:
        """Return what writes to the run of the current span; None where no span is current."""
        span = trace.get_current_span()
        context = span.get_span_context()
        if not context.is_valid:
            return None
        run = self.get(trace.format_trace_id(context.trace_id))
        return run if run is not None else self._join(span, event_costs=event_costs)

    def _join(self, span: trace.Span, *, event_costs: bool) -> EventWriter:
        """Return the writer of a run that other code began: one for each trace, so that its parts share the steps."""
        key = span.get_span_context().trace_id
        with self._lock:
            known = self._joined.get(key)
            if known is not None and (known[0].is_recording() or not span.is_recording()):
                return known[1]
            if known is not None:  # the span that was joined first is over, and the run goes on in another one
                known[1].end_all(NO_END)
            if len(self._joined) >= _MOST_JOINED:
                self._let_go()
            writer = EventWriter(otel_context.get_current(), event_costs=event_costs)
            self._joined[key] = span, writer
            return writer

    def _let_go(self) -> None:
        for key, (span, writer) in list(self._joined.items()):
            if not span.is_recording():
                writer.end_all(NO_END)
                del self._joined[key]
        if len(self._joined) >= _MOST_JOINED:
            _, writer = self._joined.pop(next(iter(self._joined)))
            writer.end_all(NO_END)

    def end_all(self, reason: str) -> None:
        """End all that is open, as cancelled, with the reason."""
        for run in list(self._open.values()):
            run.abandon(reason, even_if_held=True)
        for _, writer in list(self._joined.values()):
            writer.end_all(reason)
        self._joined.clear()

    def after_fork(self) -> None:
        """Begin anew in a forked child: what is open is the parent's, and another thread may have held a lock."""
        self._lock = threading.RLock()
        inherit(trace.get_current_span())
        for run in self._open.values():
            run.after_fork()
        for _, writer in self._joined.values():
            writer.after_fork()


runs: Final = Runs()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=runs.after_fork)


def _current_span() -> list[trace.Span]:
    span = trace.get_current_span()
    return [span] if span.get_span_context().is_valid else []
