"""Ways of spans out of an application, side by side: ours, the stock exporter, Logfire's SDK.

Each is made from the address that it sends to: its provider, and what counts the spans that were delivered.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk.trace import TracerProvider

UNREDACTED = "  no redaction"
"""Ours without it, to see what it costs."""


def bare_provider() -> TracerProvider:
    """The SDK alone: spans go nowhere."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

    return TracerProvider(resource=Resource({"service.name": "bench"}))


def _spantail(url: str) -> tuple[Any, Callable[[], int]]:
    import redis

    from spantail.live import LiveSpanProcessor
    from spantail_exporters.livetail import create_sink
    from spantail_exporters.model import keys

    provider = bare_provider()
    provider.add_span_processor(LiveSpanProcessor(create_sink(url)))
    client = redis.Redis.from_url(url, decode_responses=True)

    def stored() -> int:
        pipeline = client.pipeline(transaction=False)
        for run_id in client.zrange(keys.RUNS_RECENT, 0, -1):
            pipeline.hmget(keys.run_keys(str(run_id)).meta, "spans", "open")
        return sum(int(spans) - int(still_open) for spans, still_open in pipeline.execute())

    return provider, stored


def _bsp_otlp(url: str) -> tuple[Any, Callable[[], int]]:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult

    sent = 0

    class Counting(OTLPSpanExporter):
        def export(self, spans: Any) -> SpanExportResult:
            nonlocal sent
            result = super().export(spans)
            sent += len(spans) * (result is SpanExportResult.SUCCESS)
            return result

    provider = bare_provider()
    provider.add_span_processor(BatchSpanProcessor(Counting(endpoint=f"{url}/v1/traces")))
    return provider, lambda: sent


def _logfire_pending(url: str) -> tuple[Any, Callable[[], int]]:
    import logfire
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    sent = 0
    export = OTLPSpanExporter.export

    def counting(self: OTLPSpanExporter, spans: Any) -> Any:
        nonlocal sent
        sent += sum(span.attributes.get("logfire.span_type") != "pending_span" for span in spans)
        return export(self, spans)

    OTLPSpanExporter.export = counting  # type: ignore[method-assign]
    logfire.configure(
        token="pylf_v1_local_bench",
        service_name="bench",
        console=False,
        metrics=False,
        inspect_arguments=False,
        advanced=logfire.AdvancedOptions(base_url=url),
    )
    return trace.get_tracer_provider(), lambda: sent


def _unredacted(url: str) -> tuple[Any, Callable[[], int]]:
    os.environ["SPANTAIL_REDACT"] = "false"
    return _spantail(url)


PIPELINES = {
    "spantail": _spantail,
    UNREDACTED: _unredacted,
    "bsp_otlp": _bsp_otlp,
    "logfire_pending": _logfire_pending,
}
