"""The service's own server spans: over OTLP only, for they make no run."""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from opentelemetry import trace
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.propagate import extract
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind

from spantail import Handle, Redactor
from spantail.attributes import RESOURCE_LIVE
from spantail.live.log_handler import SpanLogHandler
from spantail.redaction.exporter import RedactingExporter
from spantail.setup.trace_exporters import exporters_asked_for
from spantail_service.service_name import service_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI
    from starlette.requests import Request

UNTRACED: Final = r"^https?://[^/]+/(?!api/(?:operations/|jobs/|(?:queue|runs)/[^/]+/retry$))"
"""URLs that make no span: all but those that start work. Watching, ingest and health are nobody's trace, and
a route that is added later is left out unless somebody decides otherwise. One that starts work by one method and is
watched by another makes its span itself (`server_span`)."""


def instrument(app: FastAPI) -> Handle:
    """Trace the requests of `app` that start work, with a provider that has no live pipeline.

    The spans go where `OTEL_*` says. Without any exporter they still have ids, so that an operation's root
    links to the request's span and a caller's own trace goes on. The caller shuts the handle down.
    """
    # Should a Collector send these spans back to us, ingest knows them by this mark and makes no run.
    resource = Resource.create({SERVICE_NAME: service_name(), RESOURCE_LIVE: False})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    redactor = Redactor.from_environment()
    processors = tuple(
        BatchSpanProcessor(RedactingExporter(asked.exporter, redactor)) for asked in exporters_asked_for(os.environ)
    )
    for processor in processors:
        provider.add_span_processor(processor)
    FastAPIInstrumentor.instrument_app(
        app,
        tracer_provider=provider,
        meter_provider=NoOpMeterProvider(),  # `ServiceMetrics` counts every request, these would be some of them again
        excluded_urls=UNTRACED,
        exclude_spans=["receive", "send"],
    )
    return Handle(provider, processors)


@contextmanager
def server_span(request: Request, route: str) -> Iterator[None]:
    """The span of a request whose URL is in `UNTRACED`, by the same provider; it goes on with the caller's trace."""
    provider: trace.TracerProvider = request.app.state.server_spans.tracer_provider
    attributes = {"http.request.method": request.method, "http.route": route, "url.path": request.url.path}
    with provider.get_tracer(__name__).start_as_current_span(
        f"{request.method} {route}", extract(request.headers), SpanKind.SERVER, attributes
    ):
        yield


def keep_logs_out_of_the_tail() -> None:
    """Let log lines that belong to a server span make no run either; call it when log capture is attached."""
    for handler in logging.root.handlers:
        if isinstance(handler, SpanLogHandler):
            handler.addFilter(_outside_of_requests)


def _outside_of_requests(_record: logging.LogRecord) -> bool:
    span = trace.get_current_span()
    return not isinstance(span, ReadableSpan) or span.resource.attributes.get(RESOURCE_LIVE) is not False
