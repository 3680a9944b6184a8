"""Where spans go: the live pipeline and the exporters that the environment asks for, as span processors."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from opentelemetry.sdk.trace.export import BatchSpanProcessor

from spantail.attributes import RESOURCE_LIVE, RESOURCE_RUNNER
from spantail.live import LiveSpanProcessor
from spantail.redaction import Redactor
from spantail.redaction.exporter import RedactingExporter
from spantail.setup.live_sink import URL_VARIABLES, live_sink, starts_over_otlp
from spantail.setup.provider import is_made_here
from spantail.setup.trace_exporters import exporters_asked_for, shown_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

    from spantail.live import EventSink

_logger: Final = logging.getLogger("spantail")


class LivePart(NamedTuple):
    """The live pipeline: its sink, what it is called in the log, what it says in the resource, and by which way."""

    sink: EventSink | None
    shown: str
    attributes: dict[str, Any]
    over_otlp: bool


def live_part(redis_url: str | None, environ: Mapping[str, str]) -> LivePart:
    """Make the live pipeline that is asked for; without a sink where there is none.

    Args:
        redis_url: Where it writes; None as the environment says.
        environ: The environment.
    """
    url = redis_url or next((environ[name] for name in URL_VARIABLES if environ.get(name)), None)
    over_otlp = not url and starts_over_otlp(environ)
    sink = live_sink("redis", url) if url else live_sink("otlp") if over_otlp else None
    attributes: dict[str, Any] = {}
    if sink is not None:
        if not over_otlp:
            attributes[RESOURCE_LIVE] = True
        attributes[RESOURCE_RUNNER] = sink.runner_id
    return LivePart(sink, f"live → {shown_url(url)}" if url else "starts → OTLP logs", attributes, over_otlp)


def span_processors(
    provider: TracerProvider, live: LivePart, environ: Mapping[str, str]
) -> tuple[list[str], list[SpanProcessor]]:
    """Make the processors that a provider gets.

    Args:
        provider: One that was set by others keeps its own exporters, and gets no more of them.
        live: The live pipeline.
        environ: Where `OTEL_TRACES_EXPORTER` and its like are looked up.

    Returns:
        What each is called in the log, and the processors.
    """
    shown: list[str] = []
    processors: list[SpanProcessor] = []
    if live.sink is not None:
        shown.append(live.shown)
        processors.append(LiveSpanProcessor(live.sink))
    if not is_made_here(provider):
        shown.append("other exporters as the tracer provider in place has them")
        return shown, processors
    redactor = Redactor.from_environment()
    for label, exporter in exporters_asked_for(_with_ends(environ) if live.over_otlp else environ):
        try:
            processors.append(BatchSpanProcessor(RedactingExporter(exporter, redactor)))
        except ValueError as error:  # OTEL_BSP_* that contradict each other
            _logger.warning("%s is left out: %s", label, error)
        else:
            shown.append(label)
    return shown, processors


def log_ways(shown: list[str], environ: Mapping[str, str]) -> None:
    """Say in the log where spans go: `shown` are the names of `span_processors`."""
    if shown:
        _logger.info("spans: %s", "; ".join(shown))
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
