"""One call that wires an application: live pipeline, OTLP, log capture.

What the environment says by `OTEL_*` holds (OpenTelemetry specification, "Environment Variable Specification").
Nothing here waits for the network, and nothing raises because something cannot be reached, loaded or read.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from typing import TYPE_CHECKING, Final

from opentelemetry import trace
from opentelemetry.sdk.resources import SERVICE_NAME
from opentelemetry.sdk.trace import TracerProvider

from spantail.attributes import RESOURCE_RUNNER
from spantail.live.log_handler import SpanLogHandler, log_level
from spantail.process.background import SignalSafeCall
from spantail.process.exit import ProcessExit
from spantail.process.log_capture import LogCapture
from spantail.scopes.tracer import instrumentation_version, tracer_of
from spantail.setup.handle import Handle
from spantail.setup.meter_provider import Wanted, forget_meter_provider, new_meter_provider
from spantail.setup.process_changes import ProcessChanges, allowed_changes
from spantail.setup.provider import ResourceChange, is_made_here, new_provider
from spantail.setup.span_processors import live_part, log_ways, span_processors
from spantail.trouble import report_trouble
from spantail.values import legal_attributes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.sdk.metrics.export import MetricReader

    from spantail.live import EventSink
    from spantail.metrics.producers import MetricProducer

__all__ = ["Handle", "configure"]

_logger: Final = logging.getLogger("spantail")


class _Current:
    """The handle of what is wired: there is one global tracer provider, and one handle to it."""

    def __init__(self) -> None:
        self.handle: Handle | None = None
        self.lock = threading.Lock()

    def renew_lock(self) -> None:
        """Take a new lock in a forked child: another thread of the parent may have held this one at the fork."""
        self.lock = threading.Lock()


_current: Final = _Current()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_current.renew_lock)


def configure(
    service_name: str | None = None,
    *,
    redis_url: str | None = None,
    resource_attributes: Mapping[str, object] | None = None,
    set_global: bool = True,
    log_capture: bool | None = None,
    patch_logging: bool | None = None,
    exit_hooks: bool | None = None,
    handle_sigterm: bool | None = None,
    patch_signal: bool | None = None,
    metric_readers: Sequence[MetricReader] = (),
    metric_producers: Sequence[MetricProducer] = (),
) -> Handle:
    """Wire the live pipeline, OTLP, metrics and log capture.

    The live pipeline is on when a Redis URL is known: `redis_url`, SPANTAIL_REDIS_URL or
    OTEL_EXPORTER_LIVETAIL_URL. Without one, SPANTAIL_STARTS=otlp sends span starts and updates, log lines and the
    heartbeat as log records to the OTLP endpoint, and turns OTLP on. OTLP is on when OTEL_EXPORTER_OTLP_ENDPOINT
    (or its traces form) is set or OTEL_TRACES_EXPORTER asks for it. With OTEL_SDK_DISABLED=true nothing is wired.

    Metrics are on when OTEL_EXPORTER_OTLP_ENDPOINT (or its metrics form) is set or OTEL_METRICS_EXPORTER asks for them,
    and no meter provider is set.

    Where a tracer provider is already set, for example by `opentelemetry-instrument`, the live pipeline joins it,
    and its exporters remain as they are; metrics then need OTEL_METRICS_EXPORTER.

    It changes the process as a whole: it sets the global tracer and meter provider, adds a handler to the root logger,
    wraps `logging.basicConfig`, `logging.config.dictConfig` and `logging.config.fileConfig`, registers hooks for the
    end of the process, handles SIGTERM where nobody does, and wraps `signal.signal` where somebody does. Each can be
    declined by its parameter below or its setting, and `Handle.shutdown()` undoes them; `spantail.process` lists them
    all with their reasons. So at the end of the process what is held is delivered, within 5 s, on SIGTERM within 2 s.

    A second call returns the handle of the first, whatever its arguments; after `shutdown()` it wires anew.

    Args:
        service_name: The service's name; outranks OTEL_SERVICE_NAME.
        redis_url: Where the live pipeline writes, for example `redis://127.0.0.1:6379/0`.
        resource_attributes: Further resource attributes; they outrank OTEL_RESOURCE_ATTRIBUTES.
        set_global: False makes a provider of its own and leaves the global one alone; scopes such as `operation()`
            use the global one.
        log_capture: Whether log records become log lines of their span, by a handler on the root logger. None, here
            and below, means as the setting says; default setting: SPANTAIL_LOG_CAPTURE=true.
        patch_logging: Whether `basicConfig`, `dictConfig` and `fileConfig` are wrapped, so that they work in spite of
            that handler and keep it (SPANTAIL_PATCH_LOGGING). Without it, set up `logging` before `configure()`.
        exit_hooks: Whether what is held is delivered at the end of the process, by `atexit` and its like in child
            processes (SPANTAIL_EXIT_HOOKS). Without them, call `shutdown()`.
        handle_sigterm: Whether it is delivered on a SIGTERM that nobody handles (SPANTAIL_HANDLE_SIGTERM).
        patch_signal: Whether `signal.signal` may be wrapped for that, where the application holds SIGTERM
            (SPANTAIL_PATCH_SIGNAL). Without it, the signal is left alone there.
        metric_readers: Further readers of the meter provider that is made; with one, it is made in any case.
        metric_producers: Each is called at each export, and says what is exported beside what was measured.

    Returns:
        The handle to flush and stop what was wired.
    """
    changes = allowed_changes(
        os.environ,
        log_capture=log_capture,
        patch_logging=patch_logging,
        exit_hooks=exit_hooks,
        handle_sigterm=handle_sigterm,
        patch_signal=patch_signal,
    )
    with _current.lock:
        handle = _current.handle
        if handle is None or handle.closed:
            wanted = Wanted(metric_readers, metric_producers) if set_global else None
            handle = _wire(service_name, redis_url, resource_attributes, wanted=wanted, changes=changes)
            _current.handle = handle
            _exit.watch(
                exit_hooks=changes.exit_hooks,
                handle_sigterm=changes.handle_sigterm,
                patch_signal=changes.patch_signal,
            )
        return handle


def live_sink_in_use() -> EventSink | None:
    """Return where live events go now; None without a live pipeline."""
    handle = _current.handle
    return None if handle is None or handle.closed else handle.sink


def _forget(handle: Handle) -> None:
    with _current.lock:
        if _current.handle is handle:
            _current.handle = None
            _exit.unwatch()


def _shut_down(timeout_s: float) -> None:
    handle = _current.handle
    if handle is not None:
        handle.shutdown(timeout_s)


def _flush_all(timeout_s: float) -> None:
    """Flush what is ours and, where a provider was joined, its own processors too: nobody else flushes them."""
    handle = _current.handle
    if handle is None:
        return
    provider = handle.tracer_provider
    joined = None
    if isinstance(provider, TracerProvider) and not is_made_here(provider):
        call = SignalSafeCall(lambda: provider.force_flush(int(timeout_s * 1000)))
        try:
            call.start()
            joined = call
        except RuntimeError:  # no thread can be started, and here nothing limits how long `force_flush` takes
            report_trouble("the processors of the tracer provider in place could not be flushed")
    deadline = time.monotonic() + timeout_s
    handle.settle(timeout_s)
    if joined is not None:
        joined.wait(deadline - time.monotonic())


_exit: Final = ProcessExit(_flush_all, _shut_down)


def _wire(
    service_name: str | None,
    redis_url: str | None,
    resource_attributes: Mapping[str, object] | None,
    *,
    wanted: Wanted | None,
    changes: ProcessChanges,
) -> Handle:
    environ, set_global = os.environ, wanted is not None
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        _logger.info("OTEL_SDK_DISABLED=true: nothing is wired")
        return Handle(trace.get_tracer_provider(), on_shutdown=_forget)
    existing = trace.get_tracer_provider() if set_global else None
    if isinstance(existing, trace.ProxyTracerProvider):  # the API's stand-in until one is set
        existing = None
    if existing is not None and not isinstance(existing, TracerProvider):
        _logger.warning("the tracer provider in place is no SDK one and takes no processors: nothing is wired")
        return Handle(existing, on_shutdown=_forget)

    attributes = legal_attributes(resource_attributes)
    if service_name:
        attributes[SERVICE_NAME] = service_name
    if existing is not None:
        provider = existing
    else:
        provider = new_provider(attributes, environ)
        if set_global:
            trace.set_tracer_provider(provider)
    meter_provider = None if wanted is None else new_meter_provider(provider, attributes, environ, wanted)
    live = live_part(redis_url, environ)
    resource = ResourceChange(provider)
    resource.set((attributes if existing is not None else {}) | live.attributes)

    shown, processors = span_processors(provider, live, environ)
    for processor in processors:
        provider.add_span_processor(processor)
    capture = None
    if live.sink is not None and changes.log_capture:
        capture = LogCapture(SpanLogHandler(live.sink, log_level(environ)), patch=changes.patch_logging)
        capture.attach()
    # what it imports on first use must not be found half imported by a child that another thread forks meanwhile
    instrumentation_version()
    if set_global:
        # The SDK makes it under a lock: were the first span interrupted there, one of a signal handler would wait for
        # ever.
        tracer_of(provider)
    log_ways(shown, environ)

    def on_shutdown(handle: Handle) -> None:
        resource.undo()
        if meter_provider is not None:
            forget_meter_provider(meter_provider)
        _forget(handle)

    handle = Handle(
        provider, tuple(processors), live.sink, capture, on_shutdown=on_shutdown, meter_provider=meter_provider
    )
    if live.sink is not None:
        _follow_forks(handle, resource)
    return handle


def _follow_forks(handle: Handle, resource: ResourceChange) -> None:
    """Let the resource of a forked child name the child as runner."""
    if not hasattr(os, "register_at_fork"):
        return
    weak = weakref.ref(handle)  # a fork hook is for ever, a handle need not be

    def in_child() -> None:
        alive = weak()
        if alive is None or alive.sink is None or alive.closed:
            return
        try:
            resource.set({RESOURCE_RUNNER: alive.sink.runner_id})
        except Exception:
            report_trouble("the runner could not be renewed after a fork")

    os.register_at_fork(after_in_child=in_child)
