"""The handle that `configure()` gives out: flush and stop what was wired, in bounded time."""

from __future__ import annotations

import functools
import os
import threading
import time
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.metrics import MeterProvider

from spantail.live import EventSink, LiveSpanProcessor
from spantail.process.background import Call, SignalSafeCall, ThreadCall, wait_for_all
from spantail.setup.sdk_internals import remove_processors
from spantail.trouble import report_trouble

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry import trace
    from opentelemetry.sdk.trace import SpanProcessor

    from spantail.process.log_capture import LogCapture


class Handle:
    """What `configure()` wired; with it the application flushes and stops.

    Attributes:
        tracer_provider: The provider that the spans go through.
        sink: Where the live pipeline's events go; None without a live pipeline.
        meter_provider: The meter provider that was made; None where nobody asked for metrics, or the application has
            one of its own.
    """

    def __init__(
        self,
        tracer_provider: trace.TracerProvider,
        processors: tuple[SpanProcessor, ...] = (),
        sink: EventSink | None = None,
        capture: LogCapture | None = None,
        *,
        on_shutdown: Callable[[Handle], None] = lambda _: None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        self.tracer_provider = tracer_provider
        self.sink = sink
        self.meter_provider = meter_provider
        self._processors = processors
        self._capture = capture
        self._on_shutdown = on_shutdown
        self._lock = threading.Lock()
        self._closer: tuple[int, int] | None = None  # process and thread of the first shutdown
        self._over = threading.Event()
        self._stopping: list[Call] = []  # those of the shutdown that is under way

    def flush(self, timeout_s: float = 5.0) -> bool:
        """Wait until all finished spans and handed-over events are delivered.

        Args:
            timeout_s: Seconds, over everything.

        Returns:
            False when the time was not enough or something could not be delivered.
        """
        return self._flush(timeout_s, ThreadCall)

    def shutdown(self, timeout_s: float = 5.0) -> bool:
        """Flush, then stop for good, and undo what `configure()` changed in the process.

        Signal handlers, functions and hooks are put back as they were, unless somebody else replaced them since; the
        table in `spantail.process` lists them all. Call it on the main thread: no other may set signal handlers. Safe
        to call twice; a second call waits for the first to be over. `configure()` wires anew after it.

        Args:
            timeout_s: Seconds, over everything.

        Returns:
            False when the time was not enough or something could not be delivered.
        """
        caller = os.getpid(), threading.get_ident()
        with self._lock:
            closer, self._closer = self._closer, self._closer or caller
        if closer is not None:
            if closer[0] == caller[0] and closer != caller:  # no thread of a parent, nor the one that was interrupted
                self._over.wait(timeout_s)
            return self._over.is_set()
        if self._capture is not None:
            self._capture.detach()
        try:
            return self._each(_stop, timeout_s, ThreadCall, self._stopping)
        finally:
            remove_processors(self.tracer_provider, self._processors)
            self._on_shutdown(self)  # late: until here, who ends the process must know that something is under way
            self._over.set()

    @property
    def closed(self) -> bool:
        """Whether it was shut down, or is about to be."""
        return self._closer is not None

    def settle(self, timeout_s: float) -> None:
        """Flush, and wait for a shutdown that is under way, at most `timeout_s` seconds.

        For the thread of a signal handler, which may have interrupted that very shutdown, or anything else, at any
        point.
        """
        deadline = time.monotonic() + timeout_s
        self._flush(timeout_s, SignalSafeCall)
        wait_for_all(list(self._stopping), deadline - time.monotonic())

    def _flush(self, timeout_s: float, call_of: Callable[[Callable[[], None]], Call]) -> bool:
        return self._each(lambda part, left_s: part.force_flush(int(left_s * 1000)), timeout_s, call_of)

    def _each(
        self,
        action: Callable[[Any, float], bool],
        timeout_s: float,
        call_of: Callable[[Callable[[], None]], Call],
        calls: list[Call] | None = None,
    ) -> bool:
        """Run `action` on all processors, and the meter provider, at once.

        A dead endpoint must not use up the time of the others.
        """
        results: list[bool] = []
        deadline = time.monotonic() + timeout_s

        def run(part: SpanProcessor | MeterProvider) -> None:
            try:
                results.append(action(part, max(deadline - time.monotonic(), 0.0)))
            except Exception:
                report_trouble("what exports spans or metrics failed to flush or stop")

        # The SDK's batch processor ignores its time limit, so it gets a daemon thread, which holds nothing up;
        # the live pipeline keeps its limit and needs none.
        calls = [] if calls is None else calls
        metrics = [] if self.meter_provider is None else [self.meter_provider]
        live = [processor for processor in self._processors if isinstance(processor, LiveSpanProcessor)]
        parts: list[SpanProcessor | MeterProvider] = [*self._processors, *metrics]
        for part in parts:
            if part in live:
                continue
            call = call_of(functools.partial(run, part))
            calls.append(call)  # first: a signal may come at any point
            try:
                call.start()
            except RuntimeError:  # the interpreter is shutting down and starts no more threads
                run(part)
        for processor in live:
            run(processor)
        wait_for_all(calls, deadline - time.monotonic())
        return len(results) == len(parts) and all(results)


def _stop(part: SpanProcessor | MeterProvider, left_s: float) -> bool:
    if isinstance(part, LiveSpanProcessor):
        return part.sink.shutdown(left_s)
    if isinstance(part, MeterProvider):
        part.shutdown(left_s * 1000)
    else:
        part.shutdown()
    return True
