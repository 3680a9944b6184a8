"""collector.yaml on a real Collector: it is valid, and spans of a stock SDK pass through it unchanged."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from tests.support import tools
from tests.support.otlp.receiver import Received, otlp_receiver
from tests.support.programs.collectors import CONFIGURATION, RunningCollector, running_collector
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.xdist_group("collector")  # its fixtures start one Collector


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"COLLECTOR_HOST": "0.0.0.0", "JAEGER_ENDPOINT": "jaeger:4317", "JAEGER_INSECURE": "false"},
        {"COLLECTOR_MEMORY_MIB": "64", "COLLECTOR_DEBUG": "detailed", "COLLECTOR_METRICS": "none"},
    ],
    ids=["as it is", "in containers", "small and talkative"],
)
def test_it_is_valid(settings: dict[str, str]) -> None:
    answer = _validated(settings)
    assert (answer.returncode, answer.stderr) == (0, "")


def test_a_wrong_setting_is_refused() -> None:
    """So that the test above shows something."""
    assert _validated({"COLLECTOR_DEBUG": "verbose"}).returncode != 0


def _validated(settings: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [tools.collector(), "validate", "--config", str(CONFIGURATION)],
        env=os.environ | settings, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def jaeger() -> Iterator[Received]:
    with otlp_receiver() as received:
        yield received


@pytest.fixture(scope="module")
def collector(jaeger: Received) -> Iterator[RunningCollector]:
    with running_collector(env={"JAEGER_ENDPOINT": jaeger.endpoint}) as running:
        yield running


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_spans_pass_through_it(protocol: str, jaeger: Received, collector: RunningCollector) -> None:
    jaeger.batches.clear()
    exporter = (
        GrpcExporter(endpoint=collector.grpc, insecure=True)
        if protocol == "grpc"
        else HttpExporter(endpoint=f"{collector.http}/v1/traces")
    )
    provider = TracerProvider(resource=Resource.create({"service.name": "through-the-collector"}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("tests.collector")
    with tracer.start_as_current_span("parent") as parent:
        with tracer.start_as_current_span("child", attributes={"gen_ai.usage.input_tokens": 12}) as child:
            child.add_event("llm_call_fallback")
    provider.shutdown()
    eventually(lambda: jaeger.spans().keys() == {"parent", "child"}, timeout_s=30)

    spans = jaeger.spans()
    assert spans["child"].parent_span_id == spans["parent"].span_id
    assert spans["parent"].trace_id.hex() == f"{parent.get_span_context().trace_id:032x}"
    assert [(item.key, item.value.int_value) for item in spans["child"].attributes] == [
        ("gen_ai.usage.input_tokens", 12)
    ]
    assert [event.name for event in spans["child"].events] == ["llm_call_fallback"]
    assert jaeger.resource()["service.name"] == "through-the-collector"
    assert "Traces" in collector.output(), "the debug output names what passed"


def test_it_says_what_it_did(jaeger: Received, collector: RunningCollector) -> None:
    del jaeger
    counted = collector.scrape(collector.metrics_port)
    assert "otelcol_process_uptime" in counted
    assert "otelcol_exporter_queue_capacity" in counted
