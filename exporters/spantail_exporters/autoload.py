"""Activation by environment alone, under `opentelemetry-instrument` or a declarative configuration file.

`OTEL_TRACES_EXPORTER=livetail` (or `exporter: {livetail: {url: …}}` in the file that OTEL_CONFIG_FILE names) makes the
SDK build a `LivetailExporter` behind a batch processor, which knows no span starts and waits for 5 s. The hook in the
group `opentelemetry_pre_instrument` runs once the tracer provider is set up: it adds the live processor, and from then
on the exporter itself has nothing left to do. `SPANTAIL_STARTS=otlp` is taken up by the same hook.

OpenTelemetry has no entry-point group for span processors (specification, "Environment Variable Specification"
and "Declarative configuration"), so it takes the exporter and the hook together.
"""

from __future__ import annotations

import logging
import os
import weakref
from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.trace.export import SpanExportResult

from spantail.setup.configure import configure
from spantail.setup.live_sink import starts_over_otlp
from spantail.trouble import report_trouble
from spantail_exporters.livetail import RedisLivetailExporter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan

_logger: Final = logging.getLogger(__name__)
_made: Final[weakref.WeakSet[LivetailExporter]] = weakref.WeakSet()


class LivetailExporter(RedisLivetailExporter):
    """The exporter named `livetail`: finished spans to Redis, until the live processor takes its work over.

    `url` is a Redis URL, by default that of `SPANTAIL_REDIS_URL` or `OTEL_EXPORTER_LIVETAIL_URL`. Where there is
    none it says so and exports nothing: an error here would stop the application's other exporters too.
    """

    def __init__(self, url: str | None = None) -> None:
        self._silent = False
        try:
            super().__init__(url)
        except ValueError as error:
            _logger.warning("spans do not go to the live tier: %s", error)
            self._silent = True
            return
        _made.add(self)

    @property
    def url(self) -> str:
        """Where it exports to."""
        return self._url

    def stand_down(self) -> None:
        """Leave all spans from now on to the live processor."""
        self._silent = True

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Store finished spans, or report success where the live processor does it."""
        return SpanExportResult.SUCCESS if self._silent else super().export(spans)

    def shutdown(self) -> None:
        """Close the connection, if there is one."""
        if not self._silent:
            super().shutdown()


def pre_instrument() -> None:
    """Add the live processor where a `livetail` exporter was made; never raises.

    Found through the entry-point group `opentelemetry_pre_instrument`. An application that calls
    `spantail.configure()` later gets the handle of what was wired here.
    """
    try:
        _take_over()
    except Exception:
        report_trouble("the live pipeline could not be added")


def _take_over() -> None:
    exporters = list(_made)
    if not exporters:
        if starts_over_otlp(os.environ):
            configure()
        return
    url = exporters[0].url
    configure(redis_url=url)  # where it cannot be wired it says why, and the exporter could do no better
    for exporter in exporters:
        if exporter.url == url:
            exporter.stand_down()
