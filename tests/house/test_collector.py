"""collector.yaml on a real Collector: it is valid, and spans of a stock SDK pass through it unchanged."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
from typing import TYPE_CHECKING

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from tests.support import tools
from tests.support.otlp_receiver import otlp_receiver
from tests.support.redis_servers import free_port
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from opentelemetry.sdk.trace.export import SpanExporter

CONFIGURATION = str(tools.ROOT / "collector.yaml")

pytestmark = pytest.mark.xdist_group("collector")  # its fixture starts one Collector


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
    answer = subprocess.run(
        [tools.collector(), "validate", "--config", CONFIGURATION],
        env=os.environ | settings, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (answer.returncode, answer.stderr) == (0, "")


def test_a_wrong_setting_is_refused() -> None:
    """So that the test above shows something."""
    answer = subprocess.run(
        [tools.collector(), "validate", "--config", CONFIGURATION],
        env=os.environ | {"COLLECTOR_DEBUG": "verbose"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert answer.returncode != 0


@contextlib.contextmanager
def _running_collector(jaeger: str, log: Path) -> Iterator[dict[str, int]]:
    ports = {"grpc": free_port(), "http": free_port()}
    settings = {
        "COLLECTOR_GRPC_PORT": str(ports["grpc"]),
        "COLLECTOR_HTTP_PORT": str(ports["http"]),
        "COLLECTOR_METRICS": "none",
        "JAEGER_ENDPOINT": jaeger,
    }
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [tools.collector(), "--config", CONFIGURATION], env=os.environ | settings, stderr=output
        ) as process,
    ):
        try:
            eventually(
                lambda: all(_answers(port, process) for port in ports.values()),
                timeout_s=30,
                what="the Collector listens",
            )
            yield ports
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=30) == 0, log.read_text(encoding="utf-8")


def _answers(port: int, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, "the Collector ended"
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@pytest.mark.parametrize(
    ("protocol", "exporter_to"),
    [
        ("grpc", lambda port: GrpcExporter(endpoint=f"127.0.0.1:{port}", insecure=True)),
        ("http", lambda port: HttpExporter(endpoint=f"http://127.0.0.1:{port}/v1/traces")),
    ],
    ids=["grpc", "http"],
)
def test_spans_pass_through_it(protocol: str, exporter_to: Callable[[int], SpanExporter], tmp_path: Path) -> None:
    log = tmp_path / "collector.log"
    with otlp_receiver() as jaeger, _running_collector(jaeger.endpoint, log) as ports:
        provider = TracerProvider(resource=Resource.create({"service.name": "through-the-collector"}))
        provider.add_span_processor(BatchSpanProcessor(exporter_to(ports[protocol])))
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
    assert "Traces" in log.read_text(encoding="utf-8"), "the debug output names what passed"
