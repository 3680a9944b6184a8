"""A span of our own, sent as an application sends its spans, and looked for at the service."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol

from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from spantail.attributes import RESOURCE_LIVE
from spantail.live import EventSink, LiveSpanProcessor
from spantail.setup.trace_exporters import shown_url
from spantail_exporters.livetail import create_sink
from spantail_service.client import words
from spantail_service.client.http import NoAnswerError, NoRunError, ServiceClient, ServiceError
from spantail_service.doctor.finding import Finding, note, ok, wrong

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from opentelemetry.sdk.trace import ReadableSpan

_SEEN_S: Final = 5.0
_LOOK_S: Final = 0.02
_FLUSH_S: Final = 3.0
_NAME: Final = "spantail doctor probe"


class ExporterFactory(Protocol):
    """Makes the exporter that a probe goes out by."""

    def __call__(self) -> SpanExporter:
        """A new exporter."""


async def probe_live(client: ServiceClient, redis_url: str) -> list[Finding]:
    """Start a live span, see it run, end it, see it end."""
    sink = await asyncio.to_thread(create_sink, redis_url)
    provider = _provider({RESOURCE_LIVE: True})
    provider.add_span_processor(LiveSpanProcessor(sink))
    try:
        span = provider.get_tracer("spantail.doctor").start_span(_NAME)
        run_id = f"{span.get_span_context().trace_id:032x}"
        began = time.monotonic()
        running = await _seen(client, run_id, "running")
        took_us = int((time.monotonic() - began) * 1_000_000)
        span.end()
        if not running:
            return [await _not_seen_live(sink)]
        if not await _seen(client, run_id, "completed"):
            return [wrong("probe", "A live span was seen, but not its end.", "Look into the service's log; try again.")]
        return [ok("probe", f"live: a span was seen {words.duration(took_us)} after its start, and its end too")]
    finally:
        await asyncio.to_thread(sink.shutdown, _FLUSH_S)
        await _forget(client, run_id)


async def _not_seen_live(sink: EventSink) -> Finding:
    if not await asyncio.to_thread(sink.flush, _FLUSH_S):
        return wrong("probe", "A live span could not be stored in Redis.", "See what is said of Redis above.")
    return wrong(
        "probe",
        f"A live span was stored in Redis, but the service did not show it within {_SEEN_S:g} s.",
        "The service reads another Redis: give both the same SPANTAIL_REDIS_URL.",
    )


async def probe_otlp(
    client: ServiceClient, make_exporter: ExporterFactory, endpoint: str, *, is_ours: bool
) -> list[Finding]:
    """Send a finished span over OTLP and look for it.

    `is_ours` says that the endpoint is the service itself; with any other one, a Collector say, a span that does
    not come through is no fault.
    """
    shown = shown_url(endpoint)
    provider = _provider({})
    outcome = _Outcome(make_exporter())
    provider.add_span_processor(SimpleSpanProcessor(outcome))
    span = provider.get_tracer("spantail.doctor").start_span(_NAME)
    run_id = f"{span.get_span_context().trace_id:032x}"
    with _messages_of_exporter() as logged:
        await asyncio.to_thread(span.end)
        await asyncio.to_thread(provider.shutdown)
    try:
        if outcome.result is not SpanExportResult.SUCCESS:
            reason = f" ({logged[-1]})" if logged else ""
            return [
                wrong("probe", f"OTLP: {shown} did not take a span{reason}.", _otlp_advice(logged, is_ours=is_ours))
            ]
        began = time.monotonic()
        if await _seen(client, run_id, "completed", wait_s=_SEEN_S if is_ours else _SEEN_S / 2):
            took_us = int((time.monotonic() - began) * 1_000_000)
            return [ok("probe", f"OTLP: {shown} took a span, and it was seen {words.duration(took_us)} later")]
        if is_ours:
            return [wrong("probe", f"OTLP: {shown} took a span, but it does not show.", "Look into the service's log.")]
        return [
            note(
                "probe",
                f"OTLP: {shown} took a span, but it has not come to the service.",
                "Fine where live spans go to Redis. Otherwise let the Collector send traces on to the service "
                "(exporter otlphttp, traces_endpoint: URL/v1/traces), or point the application at it.",
            )
        ]
    finally:
        await _forget(client, run_id)


def _otlp_advice(logged: Sequence[str], *, is_ours: bool) -> str:
    if any("401" in words or "Unauthorized" in words or "UNAUTHENTICATED" in words for words in logged):
        return (
            "It wants a token: set OTEL_EXPORTER_OTLP_HEADERS='authorization=Bearer%20<token>' where the application "
            "runs."
        )
    if is_ours:
        return "Look into the service's log."
    return "Is the endpoint right, is the Collector running, and is it the port for this protocol?"


def _provider(attributes: dict[str, Any]) -> TracerProvider:
    resource = Resource({SERVICE_NAME: "spantail-doctor", **attributes})
    return TracerProvider(sampler=ALWAYS_ON, resource=resource, shutdown_on_exit=False)


class _Outcome(SpanExporter):
    """Passes spans on and keeps what became of the last ones: processors do not say."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self.result: SpanExportResult | None = None

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export, and remember the result."""
        self.result = SpanExportResult.FAILURE
        self.result = self._exporter.export(spans)
        return self.result

    def shutdown(self) -> None:
        """Stop the exporter."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing is held back here."""
        return self._exporter.force_flush(timeout_millis)


class _Listener(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one message."""
        self.messages.append(record.getMessage()[:300])


@contextmanager
def _messages_of_exporter() -> Iterator[list[str]]:
    """What OpenTelemetry logs meanwhile: the only place where an exporter says why it failed."""
    logger = logging.getLogger("opentelemetry")
    listener = _Listener()
    propagate = logger.propagate
    logger.addHandler(listener)
    logger.propagate = False
    try:
        yield listener.messages
    finally:
        logger.removeHandler(listener)
        logger.propagate = propagate


async def _seen(client: ServiceClient, run_id: str, status: str, *, wait_s: float = _SEEN_S) -> bool:
    """Whether the run shows with this status within `wait_s`."""
    deadline = time.monotonic() + wait_s
    while time.monotonic() < deadline:
        try:
            if (await client.run(run_id))["status"] == status:
                return True
        except (NoRunError, NoAnswerError):
            pass
        except ServiceError:
            return False
        await asyncio.sleep(_LOOK_S)
    return False


async def _forget(client: ServiceClient, run_id: str) -> None:
    """Take the probe's run away; an older service cannot, and lets it expire."""
    try:
        await client.delete_run(run_id)
    except ServiceError:
        return
