"""The scope: one named piece of work as a span, for `with`, `async with` and as decorator.

Thin over the OpenTelemetry API: a scope starts a span of the tracer `spantail`, makes it current and ends it.
No call raises into the application because of the instrumentation; what goes wrong here is logged once.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Link, NonRecordingSpan, Span, SpanContext, SpanKind

from spantail import attributes as keys
from spantail.scopes.decoration import decorate
from spantail.scopes.outcome import Outcome, write_outcome
from spantail.scopes.prescription import prescription
from spantail.scopes.tracer import tracer_of
from spantail.scopes.use import USE_KEY, Use, innermost_use
from spantail.trouble import report_trouble
from spantail.values import is_said, legal_attributes, legal_text, name_text

if TYPE_CHECKING:
    from types import TracebackType

F = TypeVar("F", bound=Callable[..., Any])
LinkLike = Link | SpanContext | Span


class Scope:
    """One named piece of work: a span that is current from enter to exit.

    As a decorator it opens a new span for each call. As a context manager it may be used again and again, by
    several threads and tasks at once, each use with a span of its own: write to that span through the object
    that `with … as` gives.

    A cancelled task and an abandoned generator end it with `spantail.status` = `cancelled`; any other exception
    is recorded, sets the status to ERROR and goes on to the caller.

    `operation()`, `layer()`, `llm_call()` and their like make scopes. No method raises because of the instrumentation.

    Args:
        name: The name of the span; None in a decorator stands for the function's qualified name.
        kind: What it counts as, see `spantail.attributes.KINDS`.
        own: Attributes that the scope itself sets.
        attributes: Further attributes, of the caller.
        root: Whether it starts a new trace, whatever span is current.
        links: The spans it comes from.
        span_kind: The kind in OpenTelemetry's sense.
    """

    def __init__(
        self,
        name: str | None,
        kind: str,
        *,
        own: Mapping[str, object] | None = None,
        attributes: Mapping[str, object] | None = None,
        root: bool = False,
        links: Sequence[LinkLike] = (),
        span_kind: SpanKind = SpanKind.INTERNAL,
    ) -> None:
        self._name = name
        self._kind = kind
        self._own = own
        self._attributes = attributes
        self._root = is_said(root)
        self._links = links
        self._span_kind = span_kind
        self._made_by: Scope | None = None
        self._made: list[Scope] = []
        # list.pop is atomic: of two threads that enter this object at once, one gets the item
        self._free = [True]
        self._reset()

    def _reset(self) -> None:
        """Set the state of one use; a subclass adds its own."""
        self._span: Span = INVALID_SPAN
        self._use: Use | None = None
        self._outcome: Outcome | None = None

    def _fresh(self, name: str | None = None) -> Self:
        """Return a scope with the same settings for a use of its own."""
        scope = object.__new__(type(self))
        scope.__dict__.update(self.__dict__)
        scope._made_by, scope._made, scope._free = self, [], []
        scope._reset()
        if scope._name is None:
            scope._name = name
        return scope

    # -- one use --

    def begin(self, start_ns: int | None = None) -> Context:
        """Start the span without making it current; end it with `finish()`.

        `with` does this and more; it is for adapters that keep a span over several steps, each of which attaches the
        context.

        Args:
            start_ns: When the work began, in nanoseconds since 1970; None is now.

        Returns:
            The context in which the span is current.
        """
        outer = otel_context.get_current()
        self._use = use = Use(self, outer)
        known = prescription()
        try:
            self._span = tracer_of(trace.get_tracer_provider()).start_span(
                name_text(self._name, self._kind),
                context=Context() if self._root else outer,
                kind=self._span_kind,
                attributes=self._start_attributes(),
                links=_links(self._links),
                start_time=start_ns if known is None else known.start_ns,
            )
        except Exception:
            report_trouble("a span could not be started")
            # what happens inside then hangs under the span outside
            self._span = NonRecordingSpan(trace.get_current_span(outer).get_span_context())
        return otel_context.set_value(USE_KEY, use, trace.set_span_in_context(self._span, outer))

    def finish(self, error: BaseException | None = None, end_ns: int | None = None) -> None:
        """End the span that `begin()` started.

        Args:
            error: What ended the work; None when it went well.
            end_ns: When the work ended, in nanoseconds since 1970; None is now.
        """
        use, self._use = self._use, None
        if use is None:
            return
        use.close()
        span = self._span
        try:
            if span.is_recording():
                write_outcome(span, self._outcome, error)
                end_ns = end_ns or time.time_ns()  # what is worked out below is not the application's time
                self._before_end()
        except Exception:
            report_trouble("the outcome of a span could not be written")
        try:
            span.end(end_ns)
        except Exception:
            report_trouble("a span could not be ended")
        if self._made_by is not None:
            with contextlib.suppress(ValueError):  # not there when it was a decorator's
                self._made_by._made.remove(self)
        self._free.append(True)

    def is_current(self) -> bool:
        """Tell whether this scope, or one inside it, is the current one here."""
        return innermost_use(lambda scope: scope is self) is not None

    def __enter__(self) -> Self:
        try:
            self._free.pop()
        except IndexError:  # in use elsewhere
            scope = self._fresh()
            self._made.append(scope)
        else:
            scope = self
            scope._reset()
        otel_context.attach(scope.begin())
        return scope

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None, /
    ) -> None:
        found = innermost_use(lambda scope: scope is self or scope._made_by is self)
        if found is not None:
            scope, outer = found
            otel_context.attach(outer)
            scope.finish(exc)
            return
        # Ended in another context than it was entered in, whose current span is not ours to change. Which of
        # several open uses is meant cannot be known there; the last one is.
        made = self._made[-1:]
        (self if self._use is not None or not made else made[0]).finish(exc)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None, /
    ) -> None:
        self.__exit__(exc_type, exc, tb)

    def __call__(self, function: F) -> F:
        """Decorate a function, coroutine function, generator function or asynchronous generator function."""
        if isinstance(function, staticmethod | classmethod):
            return cast("F", type(function)(self(function.__func__)))
        name = getattr(function, "__qualname__", None) or type(function).__qualname__
        return cast("F", decorate(function, lambda: self._fresh(name)))

    # -- what subclasses add --

    def _start_attributes(self) -> dict[str, Any]:
        """Return what the span has from its start, so that samplers and live viewers see it."""
        own = {keys.KIND: self._kind, **(self._own or {})}
        return {**legal_attributes(own), **legal_attributes(self._attributes)}

    def _before_end(self) -> None:
        """Write what is known only at the end."""

    # -- while it is open --

    @property
    def span(self) -> Span:
        """The OpenTelemetry span; an invalid, silent one before the scope was entered."""
        return self._span

    @property
    def run_id(self) -> str:
        """The run's id: the trace id as 32 lower-case hex digits, all zeros where nothing is traced."""
        return trace.format_trace_id(self._span.get_span_context().trace_id)

    @property
    def span_id(self) -> str:
        """The span's id: 16 lower-case hex digits, all zeros where nothing is traced."""
        return trace.format_span_id(self._span.get_span_context().span_id)

    def set(self, key: str, value: object) -> None:
        """Set one attribute; None means "not known" and sets nothing."""
        try:
            attributes = {key: value}
        except Exception:  # it has no hash, as a list has none
            report_trouble("an attribute whose key is no text was left out")
        else:
            self._write(attributes)

    def event(self, name: str, /, **attributes: object) -> None:
        """Add a span event, which viewers see at once.

        Args:
            name: The event's name.
            **attributes: Its attributes; dotted keys go in as `**{"a.b": 1}`.
        """
        write_event(self._span, name, attributes)

    def progress(self, done: float, total: float | None = None, message: str | None = None) -> None:
        """Record how far the work is; None leaves the value of before.

        Args:
            done: How much is done, in any unit.
            total: How much there is to do, in the same unit.
            message: What is being done, for a person.
        """
        write_progress(self._span, done, total, message)

    def skip(self, reason: str) -> None:
        """Mark the work as skipped. It takes effect when the scope ends; an exception takes precedence."""
        self._outcome = Outcome(keys.STATUS_SKIPPED, reason)

    def cancel(self, reason: str) -> None:
        """Mark the work as cancelled. It takes effect when the scope ends, even if an exception ends it."""
        self._outcome = Outcome(keys.STATUS_CANCELLED, reason)

    def _write(self, attributes: Mapping[str, object]) -> None:
        try:
            if self._span.is_recording():
                self._span.set_attributes(legal_attributes(attributes))
        except Exception:
            report_trouble("an attribute could not be set")


def _links(links: object) -> list[Link]:
    made: list[Link] = []
    if not isinstance(links, Iterable):
        if links is not None:
            report_trouble("links that are no list were left out")
        return made
    try:
        given = list(links)
    except Exception:
        report_trouble("links that cannot be read were left out")
        return made
    for link in given:
        if isinstance(link, SpanContext):
            made.append(Link(link))
        elif isinstance(link, Span):
            made.append(Link(link.get_span_context()))
        elif isinstance(link, Link):
            made.append(link)
        else:
            report_trouble(f"a link of type {type(link).__name__} was left out")
    return made


def write_event(span: Span, name: str, attributes: Mapping[str, object]) -> None:
    """Add an event to `span`. Never raises."""
    try:
        if span.is_recording():
            span.add_event(legal_text(str(name)), legal_attributes(attributes))
    except Exception:
        report_trouble("a span event could not be added")


def write_progress(span: Span, done: float, total: float | None, message: str | None) -> None:
    """Write how far `span` is; what is None stays as it was. Never raises."""
    try:
        if span.is_recording():
            span.set_attributes(
                legal_attributes(
                    {
                        keys.PROGRESS_DONE: done,
                        keys.PROGRESS_TOTAL: total,
                        keys.PROGRESS_MESSAGE: message,
                    }
                )
            )
    except Exception:
        report_trouble("progress could not be written")
