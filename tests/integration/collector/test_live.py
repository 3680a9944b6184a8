"""live.yaml on a real Collector: starts and ends reach the live tier through it, and nothing goes round."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from bench.support.ports import free_port
from spantail.attributes import RESOURCE_LIVE, RESOURCE_RUNNER
from spantail.live import LiveSpanProcessor
from spantail.redaction import Redactor
from spantail_exporters.otlp.records import EVENT_HEARTBEAT, EVENT_START, EVENT_UPDATE
from spantail_exporters.otlp.starts import OtlpStarts
from tests.integration.collector.harness import APPLICATION, certificate, plain, record, send_logs, send_spans, span
from tests.integration.service.harness import spantail_process
from tests.support.otlp.receiver import otlp_receiver
from tests.support.programs.collectors import CONFIGURATION, VARIANTS, running_collector
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path


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
        work = provider.get_tracer("test").start_span("work", attributes={"n": 1})
        run_id = f"{work.get_span_context().trace_id:032x}"

        def state() -> dict[str, object] | None:
            answer = httpx.get(f"{service.url}/api/traces/{run_id}")
            return answer.json()["spans"][0] if answer.status_code == 200 else None

        running = eventually(state, 20, what="the span's start")
        assert running is not None
        assert (running["status"], running["name"], running["runner"]) == ("running", "work", sink.runner_id)
        work.end()
        eventually(lambda: (now := state()) is not None and now["status"] == "ok", 20, what="its end")
        (run,) = httpx.get(f"{service.url}/api/runs").json()["runs"]
        assert (run["run_id"], run["service"], run["status"]) == (run_id, "far away", "completed")
        provider.shutdown()
        already_there.shutdown()
        assert service.stop() == 0


def test_starts_and_heartbeats_pass_as_they_are() -> None:
    start = {
        "spantail.span.name": "GET /orders", "spantail.span.kind": "server", "url.path": "/orders",
        "spantail.span.rev": 1, "gen_ai.input.messages": "what Spantail masks itself", "api_key": "it as well",
        "spantail.span.events": [{"name": "e", "attributes": {"n": 1}}],
    }  # fmt: skip
    sent = [
        record(None, start, event=EVENT_START),
        record(None, start | {"spantail.span.rev": 2}, event=EVENT_UPDATE),
        record(None, {"spantail.runner": "h:1:2", "spantail.dropped": {"queue_full": 3}}, event=EVENT_HEARTBEAT),
        record("a log line", {"logger.name": "app"}),
    ]
    probe = record(None, start | {"url.path": "/healthz", "spantail.span.name": "probe"}, event=EVENT_START)
    with otlp_receiver() as spantail, otlp_receiver() as jaeger:
        settings = {"SPANTAIL_ENDPOINT": spantail.endpoint, "JAEGER_ENDPOINT": jaeger.endpoint, "SPANTAIL_TOKEN": "t-1"}
        with running_collector(CONFIGURATION, VARIANTS / "live.yaml", env=settings) as collector:
            assert send_logs(collector, [probe, *sent]).status_code == 200
            prompt = {"gen_ai.input.messages": "what Spantail masks itself"}
            spans = [span("probe", {"url.path": "/healthz"}, kind=Span.SPAN_KIND_SERVER), span("work", prompt)]
            assert send_spans(collector, spans).status_code == 200
            eventually(lambda: len(spantail.records()) == len(sent) and spantail.spans(), 30, what="all at Spantail")
            eventually(jaeger.spans, 30, what="the span at Jaeger")
        assert spantail.records() == sent
        assert spantail.logs[0].scope_logs[0].scope.name == "app"
        assert plain(spantail.logs[0].resource.attributes) == APPLICATION
        assert {name: plain(one.attributes) for name, one in spantail.spans().items()} == {"work": prompt}
        assert {name: plain(one.attributes) for name, one in jaeger.spans().items()} == {
            "work": {"gen_ai.input.messages": "****"}
        }
        assert not jaeger.logs
        assert (spantail.authorizations, jaeger.authorizations) == ({"Bearer t-1"}, set())


def test_to_both_sides_by_tls(tmp_path: Path) -> None:
    """With the authority's certificate by setting; without it, nothing is sent to who may be anybody."""
    ours = certificate(tmp_path, "ours")
    with otlp_receiver(certificate=ours) as spantail, otlp_receiver(certificate=ours) as jaeger:
        settings = {
            "SPANTAIL_ENDPOINT": spantail.endpoint, "SPANTAIL_INSECURE": "false",
            "JAEGER_ENDPOINT": jaeger.endpoint, "JAEGER_INSECURE": "false", "JAEGER_CA_FILE": str(ours[0]),
        }  # fmt: skip
        queues = tmp_path / "queues"
        files = (CONFIGURATION, VARIANTS / "live.yaml")
        with running_collector(*files, env=settings, storage=queues, log=tmp_path / "log") as collector:
            assert send_spans(collector, [span("work")]).status_code == 200
            eventually(jaeger.spans, 30, what="the span at Jaeger")
            eventually(lambda: "certificate" in collector.output(), 30, what="the word that Spantail is not known")
            assert not spantail.batches
        settings["SPANTAIL_CA_FILE"] = str(ours[0])
        with running_collector(*files, env=settings, storage=queues, log=tmp_path / "log"):
            eventually(spantail.spans, 30, what="the span that has waited")
    assert len(jaeger.batches) == len(spantail.batches) == 1
