"""live.yaml on a real Collector: starts and ends reach the live tier through it, and nothing goes round."""

from __future__ import annotations

import httpx
import pytest
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from spantail.attributes import RESOURCE_LIVE, RESOURCE_RUNNER
from spantail.live import LiveSpanProcessor
from spantail.redaction import Redactor
from spantail_exporters.otlp.starts import OtlpStarts
from tests.integration.service.harness import spantail_process
from tests.support.collectors import CONFIGURATION, VARIANTS, running_collector
from tests.support.redis_servers import free_port
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("collector")


def test_a_running_span_is_seen_through_the_collector(new_redis_url: str) -> None:
    port = free_port()
    with (
        spantail_process(
            "serve", "--port", "0", "--redis-url", new_redis_url, SPANTAIL_OTLP_GRPC_PORT=str(port)
        ) as service,
        running_collector(
            CONFIGURATION, VARIANTS / "live.yaml", env={"SPANTAIL_ENDPOINT": f"127.0.0.1:{port}"}
        ) as collector,
    ):
        service.await_ready()
        url = collector.http
        sink = OtlpStarts(lambda: OTLPLogExporter(f"{url}/v1/logs"), Redactor())
        resource = {"service.name": "far away", RESOURCE_RUNNER: sink.runner_id}
        provider = TracerProvider(resource=Resource(resource), shutdown_on_exit=False)
        provider.add_span_processor(LiveSpanProcessor(sink))
        provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{url}/v1/traces")))
        already_there = TracerProvider(resource=Resource({RESOURCE_LIVE: True}), shutdown_on_exit=False)
        already_there.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{url}/v1/traces")))
        already_there.get_tracer("test").start_span("would go round").end()
        span = provider.get_tracer("test").start_span("work", attributes={"n": 1})
        run_id = f"{span.get_span_context().trace_id:032x}"

        def state() -> dict[str, object] | None:
            answer = httpx.get(f"{service.url}/api/traces/{run_id}")
            return answer.json()["spans"][0] if answer.status_code == 200 else None

        running = eventually(state, 20, what="the span's start")
        assert running is not None
        assert (running["status"], running["name"], running["runner"]) == ("running", "work", sink.runner_id)
        span.end()
        eventually(lambda: (now := state()) is not None and now["status"] == "ok", 20, what="its end")
        (run,) = httpx.get(f"{service.url}/api/runs").json()["runs"]
        assert (run["run_id"], run["service"], run["status"]) == (run_id, "far away", "completed")
        provider.shutdown()
        already_there.shutdown()
        assert service.stop() == 0
