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
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import Sampler

from spantail.attributes import RESOURCE_LIVE, RESOURCE_RUNNER
from spantail.live import EventSink, LiveSpanProcessor
from spantail.live.log_handler import SpanLogHandler, log_level
from spantail.process.exit import ProcessExit
from spantail.process.log_capture import LogCapture
from spantail.redaction import Redactor
from spantail.redaction.exporter import RedactingExporter
from spantail.redaction.secret_patterns import mask_secrets
from spantail.scopes.scope import instrumentation_version
from spantail.setup.handle import Handle
from spantail.setup.trace_exporters import component, exporters_asked_for, shown_url
from spantail.trouble import report_trouble
from spantail.values import legal_attributes

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["STARTS_VARIABLE", "URL_VARIABLES", "Handle", "configure", "starts_over_otlp"]

_logger: Final = logging.getLogger("spantail")

URL_VARIABLES: Final = ("SPANTAIL_REDIS_URL", "OTEL_EXPORTER_LIVETAIL_URL")
STARTS_VARIABLE: Final = "SPANTAIL_STARTS"
_SINK_GROUP: Final = "spantail_live_sink"
# Samplers the SDK's own TracerProvider finds by OTEL_TRACES_SAMPLER; any other name is an entry point.
_SDK_SAMPLERS: Final = frozenset(
    {
        "always_on",
        "always_off",
        "traceidratio",
        "parentbased_always_on",
        "parentbased_always_off",
        "parentbased_traceidratio",
    }
)


_state_lock = threading.Lock()
_current: Handle | None = None
_providers_made: Final[weakref.WeakSet[TracerProvider]] = weakref.WeakSet()


def configure(
    service_name: str | None = None,
    *,
    redis_url: str | None = None,
    resource_attributes: Mapping[str, object] | None = None,
    log_capture: bool = True,
    set_global: bool = True,
) -> Handle:
    """Wire the live pipeline, OTLP and log capture; returns the handle to flush and stop them.

    The live pipeline is on when a Redis URL is known: `redis_url`, SPANTAIL_REDIS_URL or
    OTEL_EXPORTER_LIVETAIL_URL. Without one, SPANTAIL_STARTS=otlp sends span starts and updates, log lines and the
    heartbeat as log records to the OTLP endpoint, and turns OTLP on. OTLP is on when OTEL_EXPORTER_OTLP_ENDPOINT
    (or its traces form) is set or OTEL_TRACES_EXPORTER asks for it. `service_name` and `resource_attributes`
    outrank OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES. With OTEL_SDK_DISABLED=true nothing is wired.

    Where a tracer provider is already set, by `opentelemetry-instrument` for one, the live pipeline joins it,
    and its exporters stay its owner's affair. `set_global=False` makes a provider of its own and leaves the
    global one alone; scopes such as `operation()` use the global one.

    At the end of the process what is held is delivered, in bounded time, also on a SIGTERM that nobody handles
    (`spantail.process_exit`; SPANTAIL_HANDLE_SIGTERM=false leaves that signal alone).

    A second call returns the handle of the first, whatever its arguments; after `shutdown()` it wires anew.
    """
    global _current  # noqa: PLW0603 - there is one global tracer provider, and one handle to it
    with _state_lock:
        if _current is None or _current.closed:
            _current = _wire(
                service_name, redis_url, resource_attributes, log_capture=log_capture, set_global=set_global
            )
            _exit.watch()
        return _current


def _forget(handle: Handle) -> None:
    global _current  # noqa: PLW0603
    with _state_lock:
        if _current is handle:
            _current = None
            _exit.unwatch()


def _shut_down(timeout_s: float) -> None:
    handle = _current
    if handle is not None:
        handle.shutdown(timeout_s)


def _flush_all(timeout_s: float) -> None:
    """Flush what is ours and, where a provider was joined, its own processors too: they get no other chance."""
    handle = _current
    if handle is None:
        return
    provider = handle.tracer_provider
    joined = None
    if isinstance(provider, TracerProvider) and provider not in _providers_made:
        thread = threading.Thread(target=provider.force_flush, args=(int(timeout_s * 1000),), daemon=True)
        try:
            thread.start()
            joined = thread
        except RuntimeError:  # no more threads, and none to lend: nothing bounds `force_flush`
            report_trouble("the processors of the tracer provider in place could not be flushed")
    deadline = time.monotonic() + timeout_s
    handle.settle(timeout_s)
    if joined is not None:
        joined.join(max(deadline - time.monotonic(), 0.0))


_exit: Final = ProcessExit(_flush_all, _shut_down)


def _renew_lock() -> None:
    global _state_lock  # noqa: PLW0603 - another thread of the parent may have held it at the fork
    _state_lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


def starts_over_otlp(environ: Mapping[str, str]) -> bool:
    """Tell whether SPANTAIL_STARTS asks for span starts over OTLP."""
    asked = environ.get(STARTS_VARIABLE, "").strip().lower()
    if asked not in {"", "otlp", "none"}:
        _logger.warning("%s=%s is not known: otlp or none", STARTS_VARIABLE, asked)
    return asked == "otlp"


def _wire(
    service_name: str | None,
    redis_url: str | None,
    resource_attributes: Mapping[str, object] | None,
    *,
    log_capture: bool,
    set_global: bool,
) -> Handle:
    environ = os.environ
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        _logger.info("OTEL_SDK_DISABLED=true: nothing is wired")
        return Handle(trace.get_tracer_provider(), on_shutdown=_forget)
    existing = trace.get_tracer_provider() if set_global else None
    if isinstance(existing, trace.ProxyTracerProvider):  # the API's stand-in until one is set
        existing = None
    if existing is not None and not isinstance(existing, TracerProvider):
        _logger.warning("the tracer provider in place is no SDK one and takes no processors: nothing is wired")
        return Handle(existing, on_shutdown=_forget)

    url = redis_url or next((environ[name] for name in URL_VARIABLES if environ.get(name)), None)
    over_otlp = not url and starts_over_otlp(environ)
    sink = _live_sink("redis", url) if url else _live_sink("otlp") if over_otlp else None
    attributes = legal_attributes(resource_attributes)
    if service_name:
        attributes[SERVICE_NAME] = service_name
    if sink is not None:
        if not over_otlp:
            attributes[RESOURCE_LIVE] = True
        attributes[RESOURCE_RUNNER] = sink.runner_id
    if existing is not None:
        provider = existing
        _update_resource(provider, attributes)
    else:
        provider = _new_provider(attributes, environ)
        if set_global:
            trace.set_tracer_provider(provider)

    wired: list[str] = []
    processors: list[SpanProcessor] = []
    if sink is not None:
        wired.append(f"live → {shown_url(url)}" if url else "starts → OTLP logs")
        processors.append(LiveSpanProcessor(sink))
    if provider in _providers_made:
        redactor = Redactor.from_environment()
        for label, exporter in exporters_asked_for(_with_ends(environ) if over_otlp else environ):
            try:
                processors.append(BatchSpanProcessor(RedactingExporter(exporter, redactor)))
            except ValueError as error:  # OTEL_BSP_* that contradict each other
                _logger.warning("%s is left out: %s", label, error)
            else:
                wired.append(label)
    else:
        wired.append("other exporters as the tracer provider in place has them")
    for processor in processors:
        provider.add_span_processor(processor)
    capture = None
    if sink is not None and log_capture:
        capture = LogCapture(SpanLogHandler(sink, log_level(environ)))
        capture.attach()
    # what it imports on first use must not be found half imported by a child that another thread forks meanwhile
    instrumentation_version()
    _say(wired, environ)
    handle = Handle(provider, tuple(processors), sink, capture, _forget)
    if sink is not None:
        _follow_forks(handle)
    return handle


def _say(wired: list[str], environ: Mapping[str, str]) -> None:
    if wired:
        _logger.info("spans: %s", "; ".join(wired))
    elif environ.get("OTEL_TRACES_EXPORTER", "").strip().lower() == "none":
        _logger.info("spans go nowhere: OTEL_TRACES_EXPORTER=none and no SPANTAIL_REDIS_URL")
    else:
        _logger.warning(
            "nothing configured, spans go nowhere: set SPANTAIL_REDIS_URL (e.g. redis://127.0.0.1:6379/0) "
            "or OTEL_EXPORTER_OTLP_ENDPOINT"
        )


def _with_ends(environ: Mapping[str, str]) -> Mapping[str, str]:
    """Ask for the finished spans where only their starts were asked for."""
    return environ if environ.get("OTEL_TRACES_EXPORTER") else {**environ, "OTEL_TRACES_EXPORTER": "otlp"}


def _live_sink(name: str, *url: str) -> EventSink | None:
    factory = component(_SINK_GROUP, name)
    if factory is None:
        _logger.warning("the live pipeline is asked for, but it is not installed")
        return None
    try:
        sink: EventSink = factory(*url)
    except Exception as error:
        words = str(error)
        for secret in url:
            words = words.replace(secret, "(url)")
        _logger.warning("the live pipeline could not be made: %s", mask_secrets(words))
        return None
    return sink


def _new_provider(attributes: Mapping[str, Any], environ: Mapping[str, str]) -> TracerProvider:
    """Make a provider as the SDK's own configurator would, from the environment."""
    sampler_name = environ.get("OTEL_TRACES_SAMPLER", "").strip()
    sampler: Sampler | None = None
    if sampler_name and sampler_name.lower() not in _SDK_SAMPLERS:
        made = _made("opentelemetry_traces_sampler", sampler_name, environ.get("OTEL_TRACES_SAMPLER_ARG"))
        sampler = made if isinstance(made, Sampler) else None
    generator_name = environ.get("OTEL_PYTHON_ID_GENERATOR", "").strip()
    generator: IdGenerator | None = None
    if generator_name and generator_name != "random":
        made = _made("opentelemetry_id_generator", generator_name)
        generator = made if isinstance(made, IdGenerator) else None
    # the SDK's own exit hook has no time limit; the processors added here are stopped before it runs
    provider = TracerProvider(sampler=sampler, resource=Resource.create(attributes), id_generator=generator)
    _providers_made.add(provider)
    return provider


def _made(group: str, name: str, *args: object) -> object | None:
    factory = component(group, name)
    try:
        return factory(*args) if factory is not None else None
    except Exception as error:
        _logger.warning("%s %r could not be made, the default is used: %s", group, name, mask_secrets(str(error)))
        return None


def _update_resource(provider: TracerProvider, attributes: Mapping[str, Any]) -> None:
    # not public in the SDK, which itself uses it after a fork; without it the resource stays as it was
    update = getattr(provider, "_update_resource", None)
    if update is not None:
        try:
            update(Resource(attributes))
        except Exception:
            report_trouble("the resource of the tracer provider could not be updated")


def _follow_forks(handle: Handle) -> None:
    """Let the resource of a forked child name the child as runner."""
    if not hasattr(os, "register_at_fork"):
        return
    weak = weakref.ref(handle)  # a fork hook is for ever, a handle need not be

    def in_child() -> None:
        alive = weak()
        if alive is None or alive.sink is None or not isinstance(alive.tracer_provider, TracerProvider):
            return
        try:
            _update_resource(alive.tracer_provider, {RESOURCE_RUNNER: alive.sink.runner_id})
        except Exception:
            report_trouble("the runner could not be renewed after a fork")

    os.register_at_fork(after_in_child=in_child)
