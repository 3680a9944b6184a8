"""An application on the stock OpenTelemetry SDK, with nothing of Spantail's in it, shown by Spantail.

Run `make run` (or `spantail demo`) in one terminal, and in another:

    pip install opentelemetry-sdk opentelemetry-exporter-otlp-proto-http
    python examples/stock_opentelemetry.py

It prints the address of its trace. OTEL_EXPORTER_OTLP_TRACES_ENDPOINT sends it elsewhere.
"""

import os
import time

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

ENDPOINT = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:8321/v1/traces")

# OpenTelemetry's names for a call of a language model; with them it is shown as one.
CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
}

provider = TracerProvider(resource=Resource.create({"service.name": "stock-example"}))
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=ENDPOINT)))
tracer = provider.get_tracer("examples.stock")


def store_answer() -> None:
    """Fail, so that there is an error to look at."""
    with tracer.start_as_current_span("store the answer"):
        raise TimeoutError("the database did not answer")


with tracer.start_as_current_span("answer a question") as root:
    with tracer.start_as_current_span("find documents", attributes={"documents.found": 3}):
        time.sleep(0.05)
    with tracer.start_as_current_span("chat gpt-4o-mini", kind=trace.SpanKind.CLIENT, attributes=CHAT) as call:
        time.sleep(0.1)
        call.set_attribute("gen_ai.usage.input_tokens", 412)
        call.set_attribute("gen_ai.usage.output_tokens", 96)
    try:
        store_answer()
    except TimeoutError:
        root.add_event("answer kept in memory")

provider.shutdown()
print(f"{ENDPOINT.removesuffix('/v1/traces')}/runs/{trace.format_trace_id(root.get_span_context().trace_id)}")
