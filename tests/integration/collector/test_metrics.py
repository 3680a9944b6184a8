"""Metrics through a real Collector into a real Prometheus: those of applications, and those made from spans."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from tests.integration.collector.harness import APPLICATION, send_spans, span
from tests.support.programs.collectors import CONFIGURATION, VARIANTS, Ports, RunningCollector, running_collector
from tests.support.programs.prometheuses import Prometheus, running_prometheus
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.proto.trace.v1.trace_pb2 import Span

pytestmark = pytest.mark.xdist_group("collector-metrics")  # its fixtures start one Collector

MODELS = ("gpt-4o-mini", "claude-haiku-4-5")


@pytest.fixture(scope="module")
def ports() -> Ports:
    return Ports()


@pytest.fixture(scope="module")
def prometheus(ports: Ports, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    with running_prometheus(
        tmp_path_factory.mktemp("prometheus"),
        scrape={"otel": f"127.0.0.1:{ports.prometheus}", "otel-collector": f"127.0.0.1:{ports.metrics}"},
        features=["exemplar-storage"],
        remote_write_receiver=True,
    ) as running:
        yield running


@pytest.fixture(scope="module")
def collector(ports: Ports, prometheus: Prometheus) -> Iterator[RunningCollector]:
    settings = {
        "REMOTE_WRITE_ENDPOINT": f"{prometheus.url}/api/v1/write", "COLLECTOR_SPAN_METRICS_INTERVAL": "500ms"
    }  # fmt: skip
    files = (CONFIGURATION, VARIANTS / "span-metrics.yaml", VARIANTS / "remote-write.yaml")
    with running_collector(*files, env=settings, ports=ports) as running:
        yield running


def test_an_application_s_metrics_are_there_with_exemplars(collector: RunningCollector, prometheus: Prometheus) -> None:
    start_s = time.time()
    reader = PeriodicExportingMetricReader(
        OTLPMetricExporter(endpoint=f"{collector.http}/v1/metrics"), export_interval_millis=60_000
    )
    meters = MeterProvider([reader], Resource.create(APPLICATION), shutdown_on_exit=False)
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("test")
    duration = meters.get_meter("test").create_histogram("gen_ai.client.operation.duration", "s")
    cost = meters.get_meter("test").create_counter("spantail.llm.cost.nano")
    with tracer.start_as_current_span("call") as call:
        duration.record(0.25, {"gen_ai.request.model": MODELS[0]})
        cost.add(123_456_789, {"gen_ai.request.model": MODELS[0]})
    meters.force_flush()
    query = 'spantail_llm_cost_nano_total{job="otel", exported_job="app"}'
    (labels, value), *_ = eventually(lambda: prometheus.query(query), 30, what="the counter by scrape")
    assert (value, labels["gen_ai_request_model"]) == (123_456_789, MODELS[0])
    buckets = "gen_ai_client_operation_duration_seconds_bucket"
    found = eventually(lambda: prometheus.exemplars(buckets, start_s - 60, time.time() + 60), 30, what="exemplars")
    assert f"{call.get_span_context().trace_id:032x}" in {exemplar["labels"]["trace_id"] for exemplar in found}
    meters.shutdown()

    written = 'spantail_llm_cost_nano_total{collector="otel-collector"}'
    (labels, value), *_ = eventually(lambda: prometheus.query(written), 30, what="the counter by remote write")
    assert (value, labels["job"], labels["gen_ai_request_model"]) == (123_456_789, "app", MODELS[0])


def _calls(seed: int) -> list[Span]:
    """LLM calls whose costs have up to nine decimals; each of them is priced."""
    chance = random.Random(seed)
    return [
        span(
            "chat",
            {
                "spantail.kind": "llm_call", "spantail.backend": "claude_cli", "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "anthropic", "gen_ai.request.model": MODELS[number % 2],
                "gen_ai.usage.cost": chance.randrange(1, 10**9) / 1e9, "gen_ai.usage.input_tokens": 10 + number,
                "gen_ai.usage.output_tokens": 3,
            },
        )
        for number in range(20)
    ]  # fmt: skip


def test_calls_tokens_and_cost_are_counted_from_spans(collector: RunningCollector, prometheus: Prometheus) -> None:
    """Exact to the nano-dollar, though several senders come at the same time."""
    start_s = time.time()
    batches = [_calls(seed) for seed in range(30)]
    wanted = dict.fromkeys(MODELS, 0)
    for batch in batches:
        for one in batch:
            pairs = {pair.key: pair.value for pair in one.attributes}
            wanted[pairs["gen_ai.request.model"].string_value] += round(pairs["gen_ai.usage.cost"].double_value * 1e9)
    others = [
        span("agent", {"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.cost": 99.0}),
        span("skipped", {"spantail.kind": "llm_call", "spantail.status": "skipped", "gen_ai.operation.name": "chat"}),
        span("unpriced", {"gen_ai.operation.name": "chat", "gen_ai.request.model": MODELS[0]}),
        span("euros", {"gen_ai.operation.name": "chat", "gen_ai.usage.cost": 7.0, "gen_ai.usage.cost.currency": "EUR"}),
        span(
            "instead",
            {
                "spantail.kind": "llm_call", "spantail.backend": "claude_cli", "spantail.fallback.from": "langchain",
                "spantail.fallback.reason": "timeout",
            },
        ),
        span("work"),
    ]  # fmt: skip
    with ThreadPoolExecutor(8) as senders:
        answers = list(senders.map(lambda batch: send_spans(collector, batch).status_code, [*batches, others]))
    assert set(answers) == {200}

    def summed(name: str, by: str) -> dict[str, float]:
        series = prometheus.query(f'sum by ({by}) (traces_span_metrics_{name}{{job="otel"}})')
        return {labels.get(by, ""): value for labels, value in series}

    model = "gen_ai_request_model"
    eventually(lambda: summed("llm_cost_nano_total", model) == wanted, 30, what=f"{wanted}")
    calls = {MODELS[0]: 301, MODELS[1]: 300, "unknown": 2}
    eventually(lambda: summed("llm_calls_total", model) == calls, 30, what=f"{calls}")
    assert summed("llm_unpriced_total", model) == {MODELS[0]: 1, "unknown": 1}
    assert summed("llm_input_tokens_total", "spantail_backend") == {"claude_cli": 30 * sum(range(10, 30))}
    assert summed("llm_output_tokens_total", "spantail_backend") == {"claude_cli": 30 * 20 * 3}
    assert summed("llm_fallbacks_total", "spantail_fallback_reason") == {"timeout": 1}
    eventually(lambda: summed("calls_total", "span_name").get("chat") == 600, 30)
    assert summed("duration_seconds_count", "span_name")["work"] == 1
    assert prometheus.query('{__name__=~"traces_span_metrics.*", collector_instance_id!=""}') == []
    buckets = "traces_span_metrics_duration_seconds_bucket"
    traces = {one.trace_id.hex() for batch in [*batches, others] for one in batch}
    found = eventually(lambda: prometheus.exemplars(buckets, start_s - 60, time.time() + 60), 30, what="exemplars")
    assert {exemplar["labels"]["trace_id"] for exemplar in found} <= traces
    # the same figures by remote write
    written = 'sum(traces_span_metrics_llm_cost_nano_total{collector="otel-collector"})'
    eventually(lambda: prometheus.value(written) == sum(wanted.values()), 30)


def test_the_collector_counts_what_it_did(collector: RunningCollector, prometheus: Prometheus) -> None:
    assert send_spans(collector, [span("one more")]).status_code == 200
    query = 'otelcol_receiver_accepted_spans{job="otel-collector"}'
    eventually(lambda: (found := prometheus.query(query)) and found[0][1] > 0, 30, what=query)
    assert prometheus.query('otelcol_exporter_queue_capacity{job="otel-collector"}')
