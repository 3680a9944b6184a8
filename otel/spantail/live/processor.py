"""Live spans: hand every span over when it starts and when it ends.

The processor runs on the application's own thread, unguarded by the SDK (OpenTelemetry specification,
Trace SDK, section "Span processor": `OnStart` and `OnEnd` must not block or throw). So it does one thing: it passes
a reference on. Everything else, from encoding to I/O, is done by the sink, on the sink's thread.
"""

# The SDK's private `_context` is read as the tuple that it is: its properties would cost calls for each span.

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from opentelemetry.sdk.trace import SpanProcessor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan, Span

_SAMPLED = 0x01  # W3C Trace Context, section 3.2.2.5.1
_FLAGS = 3  # their place in a `SpanContext`


def _is_sampled(span: ReadableSpan) -> bool:
    """Tell whether a span that was not made by the SDK's tracer is sampled, by the public names."""
    context: Any = span.context
    return context is not None and bool(context.trace_flags & _SAMPLED)


class LogEvent(NamedTuple):
    """One log record, formatted on the thread that logged it.

    Attributes:
        time_ns: When it was logged, in nanoseconds since 1970.
        trace_id: The trace of the span it was logged in.
        span_id: That span.
        level: The name of its level: `INFO`, …
        logger: The logger's name.
        message: The message, with its arguments.
        error: `type`, `message` and `traceback` of the exception that the record carries; None without one.
    """

    time_ns: int
    trace_id: int
    span_id: int
    level: str
    logger: str
    message: str
    error: Mapping[str, str] | None = None


class EventSink(Protocol):
    """What the live pipeline needs of a place where events go.

    `started`, `ended` and `logged` are called on the application's thread: they must return in about a
    microsecond, never block and never raise. The sink reads a started span again and again while it is open,
    so attributes, span events and progress that are added later need no call of their own.
    """

    @property
    def runner_id(self) -> str:
        """This process as `host:pid:start`, new after a fork."""

    def started(self, span: Span, /) -> None:
        """Take over a span that has just started."""

    def ended(self, span: ReadableSpan, /) -> None:
        """Take over a span that has ended."""

    def logged(self, event: LogEvent, /) -> None:
        """Take over a log record."""

    def flush(self, timeout_s: float) -> bool:
        """Wait until all that was handed over is stored.

        Args:
            timeout_s: The longest wait, in seconds.

        Returns:
            False when the time was not enough, or something could not be stored.
        """

    def shutdown(self, timeout_s: float) -> bool:
        """Flush, then stop for good; safe to call twice.

        Args:
            timeout_s: The longest wait, in seconds.

        Returns:
            As `flush` does.
        """


class LiveSpanProcessor(SpanProcessor):
    """Sends the start and the end of every sampled span to an `EventSink`."""

    def __init__(self, sink: EventSink) -> None:
        # bound once: an attribute look-up less on each of the two calls
        self._started = sink.started
        self._ended = sink.ended
        self._sink = sink

    @property
    def sink(self) -> EventSink:
        """Where the spans go."""
        return self._sink

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Hand over a span that has just started; unsampled ones are passed over."""
        one: Any = span
        try:
            if not one._context[_FLAGS] & _SAMPLED:
                return
        except Exception:
            if not _is_sampled(span):
                return
        self._started(span)

    def on_end(self, span: ReadableSpan) -> None:
        """Hand over a span that has ended; unsampled ones are passed over."""
        one: Any = span
        try:
            if not one._context[_FLAGS] & _SAMPLED:
                return
        except Exception:
            if not _is_sampled(span):
                return
        self._ended(span)

    def shutdown(self) -> None:
        """Deliver what is queued (at most 5 s) and stop."""
        self._sink.shutdown(5.0)

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Wait until all that was handed over is stored.

        Args:
            timeout_millis: The longest wait, in milliseconds.

        Returns:
            False when the time was not enough, or something could not be stored.
        """
        return self._sink.flush(timeout_millis / 1000)
