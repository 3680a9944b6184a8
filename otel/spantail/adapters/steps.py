"""Steps that events report, as spans: one event begins a step, another one ends it.

A step is current between its two events in the context in which it began, so that log lines and spans of other
instrumentations stand inside it. Steps of the same or a higher rank stand beside each other: `layer_start` within an
open phase begins a layer beside the phase's own.
"""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context as otel_context
from opentelemetry import trace

from spantail.adapters.event_names import RANKS
from spantail.attributes import KIND_LLM_CALL
from spantail.scopes.use import USE_KEY
from spantail.trouble import report_trouble

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.context import Context

    from spantail.scopes.scope import Scope

_MOST_OPEN: Final = 1_000
NO_END: Final = "no end was reported"
_STEP_KEY: Final = otel_context.create_key("spantail-step")


def where_now() -> object:
    """Name the task, or else the thread, that runs now."""
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no event loop runs in this thread
        task = None
    return threading.get_ident() if task is None else (threading.get_ident(), id(task))


class OpenStep:
    """A step that has begun and not ended; `Steps.begin` makes it.

    Attributes:
        kind: `layer`, `llm_call`, …
        labels: What its events call it.
        scope: Its span.
        where: The task or thread that began it.
        fields: What its first event said, for those that read it again at the end.
    """

    def __init__(self, kind: str, labels: tuple[str, ...], scope: Scope, fields: dict[str, Any]) -> None:
        self.kind = kind
        self.labels = labels
        self.scope = scope
        self.fields = fields
        self.where = where_now()
        self.is_open = True
        self.here = otel_context.get_current()  # where it began, which is current again afterwards
        self.inside: Context = self.here
        self.outer: Context = self.here
        self.outer_step: OpenStep | None = None
        self.before: OpenStep | None = None

    @property
    def rank(self) -> int:
        """How deep its kind is nested: a step stands inside one of a lower rank."""
        return RANKS[self.kind]

    def is_within(self, other: OpenStep) -> bool:
        """Whether it began inside of another step."""
        step = self.outer_step
        while step is not None and step is not other:
            step = step.outer_step
        return step is other


class Steps:
    """The open steps of one run. Not safe to be used by several threads at once.

    Args:
        base: The context in which those stand that are inside of no other.
    """

    def __init__(self, base: Context) -> None:
        self._base = base
        self._base_span = trace.get_current_span(base)
        self._open: list[OpenStep] = []

    def parent(self) -> Context:
        """Return the context for what happens now: the current one when it is in the run, else the innermost step's."""
        here = otel_context.get_current()
        if self._is_in_run(trace.get_current_span(here)):
            return here
        return _moved(here, self._open[-1].inside if self._open else self._base)

    def begin(
        self,
        kind: str,
        labels: tuple[str, ...],
        scope: Scope,
        fields: dict[str, Any],
        *,
        start_ns: int | None = None,
    ) -> OpenStep:
        """Begin a step and make it current.

        Args:
            kind: A kind that has a rank.
            labels: What its events call it.
            scope: Its span, not yet begun.
            fields: What is kept beside it.
            start_ns: When it began, in nanoseconds since 1970; None is now.
        """
        if len(self._open) >= _MOST_OPEN:
            report_trouble("a thousand steps were begun and not ended: the first of them is ended")
            self.end(self._open[0], lambda scope: scope.cancel(NO_END))
        step = OpenStep(kind, labels, scope, fields)
        step.before = next((one for one in reversed(self._open) if one.scope.is_current()), None)
        step.outer, step.outer_step = self._around(step)
        otel_context.attach(step.outer)
        try:
            step.inside = otel_context.set_value(_STEP_KEY, step, scope.begin(start_ns))
        finally:
            otel_context.attach(step.inside)
        self._open.append(step)
        return step

    def end(self, step: OpenStep, say: Callable[[Scope], None] | None = None, *, end_ns: int | None = None) -> None:
        """End a step, and before it those inside of it that were not ended; LLM calls among them go on.

        Args:
            step: An open step.
            say: Called with its scope before it ends.
            end_ns: When it ended, in nanoseconds since 1970; None is now.
        """
        for inner in [one for one in reversed(self._open) if one.kind != KIND_LLM_CALL and one.is_within(step)]:
            self._end(inner, lambda scope: scope.cancel(f"{NO_END} before {step.kind} ended"), None)
        self._end(step, say, end_ns)

    def end_all(self, reason: str) -> None:
        """End what is open, the innermost first, with the reason why its end is not known."""
        for step in list(reversed(self._open)):
            self._end(step, lambda scope: scope.cancel(reason), None)

    def forget(self) -> list[trace.Span]:
        """Let go of all open steps without ending them; their spans."""
        spans = [step.scope.span for step in self._open]
        self._open.clear()
        return spans

    def find(self, accept: Callable[[OpenStep], bool]) -> OpenStep | None:
        """Return the open step that is accepted: of this task or thread before others, the latest first."""
        found = [step for step in reversed(self._open) if accept(step)]
        here = where_now()
        return next((step for step in found if step.where == here), found[0] if found else None)

    def _end(self, step: OpenStep, say: Callable[[Scope], None] | None, end_ns: int | None) -> None:
        self._open.remove(step)
        step.is_open = False
        if step.scope.is_current():
            otel_context.attach(_context_before(step))
        if say is not None:
            say(step.scope)
        step.scope.finish(end_ns=end_ns)

    def _around(self, step: OpenStep) -> tuple[Context, OpenStep | None]:
        """Find the context in which a new step begins, and the step that it is inside of."""
        current = [one for one in self._open if one.scope.is_current()]
        beside = next((one for one in current if one.rank >= step.rank), None)
        if beside is not None:
            return _moved(step.here, beside.outer), beside.outer_step
        span = trace.get_current_span(step.here)
        if self._is_in_run(span) and (current or span is not self._base_span):
            return step.here, current[-1] if current else None
        wider = next((one for one in reversed(self._open) if one.rank < step.rank), None)
        return _moved(step.here, self._base if wider is None else wider.inside), wider

    def _is_in_run(self, span: trace.Span) -> bool:
        trace_id = span.get_span_context().trace_id
        return span.is_recording() and trace_id == self._base_span.get_span_context().trace_id


def _moved(here: Context, place: Context) -> Context:
    """Return the context `here` with the span of another one; what else it carries stays."""
    return otel_context.set_value(
        USE_KEY, place.get(USE_KEY), trace.set_span_in_context(trace.get_current_span(place), here)
    )


def _context_before(step: OpenStep) -> Context:
    """Return the context that was current before a step, or before those that have ended since."""
    while step.before is not None and not step.before.is_open:
        step = step.before
    return step.here


def leave_ended_step() -> None:
    """Restore what was current before a step that was ended by another thread or task, which could not do it."""
    step = otel_context.get_current().get(_STEP_KEY)
    if isinstance(step, OpenStep) and not step.is_open and trace.get_current_span() is step.scope.span:
        otel_context.attach(_context_before(step))


def start_before(duration_ns: int | None) -> int | None:
    """Return the start of something that ends now and took this long, in nanoseconds since 1970; None is now."""
    return None if duration_ns is None else time.time_ns() - duration_ns
