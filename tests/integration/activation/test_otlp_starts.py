"""Span starts as OTLP log records: what is sent, when, and through a real Collector."""

from __future__ import annotations

import contextlib
import itertools
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind

from spantail.live import LiveSpanProcessor, LogEvent
from spantail.redaction import Redactor
from spantail_exporters.otlp import records as key
from spantail_exporters.otlp.starts import OtlpStarts
from tests.integration.activation.harness import application, clean_environment
from tests.support.otlp.endpoint import attributes_of, otlp_endpoint, records_of
from tests.support.otlp.receiver import otlp_receiver
from tests.support.programs.collectors import CONFIGURATION, VARIANTS, running_collector
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.otlp.endpoint import Endpoint, Record

CANARY = "canary7Qz9Xw2Lk4Vn8"


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with otlp_endpoint() as made:
        yield made


class Live:
    """An application that sends starts to `endpoint`."""

    def __init__(self, endpoint: Endpoint, **sink: Any) -> None:
        url = f"{endpoint.url}/v1/logs"
        self.sink = OtlpStarts(lambda: OTLPLogExporter(url, timeout=sink.pop("timeout", 5)), Redactor(), **sink)
        resource = Resource({"service.name": "app", "deploy.token": CANARY})
        self.provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self.provider.add_span_processor(LiveSpanProcessor(self.sink))
        self.tracer = self.provider.get_tracer("test")


@pytest.fixture
def live(endpoint: Endpoint) -> Iterator[Live]:
    made = Live(endpoint)
    yield made
    made.provider.shutdown()


def one(endpoint: Endpoint, name: str, span: trace.Span) -> Record | None:
    span_id = f"{span.get_span_context().span_id:016x}"
    found = [record for record in endpoint.records(name) if record.span_id == span_id]
    assert len(found) <= 1
    return found[0] if found else None


def started(endpoint: Endpoint, span: trace.Span) -> Record:
    """Wait for the start of a span."""
    found = eventually(lambda: one(endpoint, key.EVENT_START, span))
    assert found is not None
    return found


def test_the_scope_is_the_spans_own(live: Live, endpoint: Endpoint) -> None:
    tracer = live.provider.get_tracer("lib", "1.2", "https://x/1.30", {"mode": "quick", "api_key": CANARY})
    with tracer.start_as_current_span("root") as root, live.tracer.start_as_current_span("child") as child:
        scopes = [started(endpoint, span).scope for span in (root, child)]
    assert [(scope.name, scope.version) for scope in scopes] == [("lib", "1.2"), ("test", "")]
    assert attributes_of(scopes[0].attributes) == {"mode": "quick", "api_key": "[redacted]"}


def test_the_start_and_updates_of_a_running_span(live: Live, endpoint: Endpoint) -> None:
    link = trace.Link(trace.SpanContext(1, 2, is_remote=True), {"why": "retry"})
    with live.tracer.start_as_current_span("root") as root:
        with live.tracer.start_as_current_span(
            "call", kind=SpanKind.CLIENT, attributes={"gen_ai.request.model": "m"}, links=[link]
        ) as span:
            span.add_event("first", {"n": 1})
            start = started(endpoint, span)
            assert start.trace_id == f"{root.get_span_context().trace_id:032x}"
            assert start.raw.flags & 1
            assert start.raw.time_unix_nano == span.start_time  # type: ignore[attr-defined]
            assert start.raw.severity_text == "TRACE"
            assert start.resource["service.name"] == "app"
            said = start.attributes
            assert said.pop(key.SPAN_EVENTS, [{"name": "first"}])[0]["name"] == "first"
            said.pop(key.SPAN_EVENT_COUNT, None)
            assert said == {
                key.SPAN_NAME: "call",
                key.SPAN_KIND: "client",
                key.SPAN_PARENT: f"{root.get_span_context().span_id:016x}",
                key.SPAN_START: span.start_time,  # type: ignore[attr-defined]
                key.SPAN_REV: 1,
                key.SPAN_LINKS: [{"trace_id": f"{1:032x}", "span_id": f"{2:016x}", "attributes": {"why": "retry"}}],
                "gen_ai.request.model": "m",
            }
            first = one(endpoint, key.EVENT_START, root)
            assert first is not None
            assert key.SPAN_PARENT not in first.attributes

            span.set_attribute("gen_ai.usage.output_tokens", 12)
            span.update_name("chat m")
            span.add_event("second")
            update = eventually(lambda: endpoint.records(key.EVENT_UPDATE))[-1]
            assert update.span_id == start.span_id
            assert update.attributes[key.SPAN_REV] >= 2

            def whole() -> dict[str, Any] | None:
                said = endpoint.records(key.EVENT_UPDATE)[-1].attributes
                wanted = {key.SPAN_NAME: "chat m", key.SPAN_EVENT_COUNT: 2, "gen_ai.usage.output_tokens": 12}
                return said if said.items() >= wanted.items() else None

            last = eventually(whole, what="all three changes arrive")
            assert last is not None
            assert last["gen_ai.request.model"] == "m"
            assert last[key.SPAN_START] == span.start_time  # type: ignore[attr-defined]
            arrived = [
                event["name"]
                for record in endpoint.records()
                if record.span_id == start.span_id
                for event in record.attributes.get(key.SPAN_EVENTS, [])
            ]
            assert arrived == ["first", "second"], "each span event once"

    assert live.sink.flush(5)
    count = len(endpoint.records(key.EVENT_UPDATE))
    beats = len(endpoint.records(key.EVENT_HEARTBEAT))
    eventually(lambda: len(endpoint.records(key.EVENT_HEARTBEAT)) > beats, what="the heart beats on")
    assert len(endpoint.records(key.EVENT_UPDATE)) == count, "nothing is said of what did not change"
    assert not endpoint.traces, "the trace signal is not touched"


def test_a_span_that_is_over_at_once_has_no_start_record(live: Live, endpoint: Endpoint) -> None:
    with live.tracer.start_as_current_span("long") as span:
        for _ in range(100):
            with live.tracer.start_as_current_span("short"):
                pass
        started(endpoint, span)
        assert len(endpoint.records(key.EVENT_START)) < 50
    assert live.sink.dropped == {}


def test_the_heartbeat(live: Live, endpoint: Endpoint) -> None:
    with live.tracer.start_as_current_span("root"):
        eventually(lambda: len(endpoint.records(key.EVENT_HEARTBEAT)) >= 3)
    beats = endpoint.records(key.EVENT_HEARTBEAT)
    times = [beat.raw.time_unix_nano for beat in beats]
    assert all(after - before > 0.9e9 for before, after in itertools.pairwise(times))
    assert beats[-1].attributes == {"spantail.runner": live.sink.runner_id, key.HEARTBEAT_OPEN: 1}
    assert (beats[-1].trace_id, beats[-1].span_id) == ("", "")


def test_log_lines_are_plain_log_records(live: Live, endpoint: Endpoint) -> None:
    with live.tracer.start_as_current_span("root") as span:
        context = span.get_span_context()
        error = {"type": "ValueError", "message": f"token={CANARY}", "traceback": "Traceback …"}
        live.sink.logged(LogEvent(time.time_ns(), context.trace_id, context.span_id, "WARNING", "app", "hello", error))
        (line,) = eventually(lambda: endpoint.records(""))
    assert (line.raw.body.string_value, line.raw.severity_text, line.raw.severity_number) == ("hello", "WARNING", 13)
    assert line.span_id == f"{context.span_id:016x}"
    assert line.attributes["logger.name"] == "app"
    assert line.attributes["exception.type"] == "ValueError"


def test_nothing_secret_is_sent(live: Live, endpoint: Endpoint) -> None:
    attributes = {"password": CANARY, "url": f"https://u:{CANARY}@host/", "gen_ai.input.messages": CANARY}
    with live.tracer.start_as_current_span(f"GET /?token={CANARY}", attributes=attributes) as span:
        span.add_event(f"password={CANARY}", {"authorization": f"Bearer {CANARY}"})
        started(endpoint, span)
        span.set_attribute("api_key", CANARY)
        assert live.sink.flush(5)
    assert endpoint.bodies
    assert CANARY.encode() not in b"".join(endpoint.bodies)


def test_an_endpoint_that_refuses_gets_open_spans_again(live: Live, endpoint: Endpoint) -> None:
    endpoint.status = 400
    with live.tracer.start_as_current_span("root", attributes={"a": 1}) as span:
        span.add_event("early")
        live.sink.logged(LogEvent(1, *span.get_span_context()[:2], "INFO", "app", "lost"))
        assert not live.sink.flush(5)
        with live.tracer.start_as_current_span("short"):
            pass
        endpoint.status = 200
        start = started(endpoint, span)
        assert start.attributes["a"] == 1
        assert [event["name"] for event in start.attributes[key.SPAN_EVENTS]] == ["early"]
        assert start.attributes[key.SPAN_REV] >= 2

        def dropped() -> list[Any]:
            return [beat.attributes.get(key.DROPPED) for beat in endpoint.records(key.EVENT_HEARTBEAT)]

        eventually(lambda: dropped()[-1:] == [{"export_failed": 1}])


@pytest.mark.alone
def test_the_queue_is_bounded_and_its_losses_are_counted(endpoint: Endpoint) -> None:
    live = Live(endpoint, capacity=10)
    release = threading.Event()
    exporter = live.sink._connect()

    def slow() -> OTLPLogExporter:
        assert release.wait(10)
        assert isinstance(exporter, OTLPLogExporter)
        return exporter

    live.sink._connect = slow
    spans = [live.tracer.start_span(f"span {n}") for n in range(50)]
    assert live.sink.dropped == {"queue_full": 40}
    before = time.monotonic()
    live.tracer.start_span("one more")
    assert time.monotonic() - before < 5, "the application does not wait"
    release.set()
    assert live.sink.flush(5)
    assert len(endpoint.records(key.EVENT_START)) == 10
    for span in spans:
        span.end()
    live.provider.shutdown()
    assert live.sink.dropped == {"queue_full": 41}


def test_hostile_spans_harm_nobody(live: Live, endpoint: Endpoint) -> None:
    hostile: dict[str, Any] = {
        "nan": float("nan"),
        "big": 10**30,
        "surrogate": "\ud800",
        "long": "x" * 1_000_000,
        key.SPAN_NAME: "a forged name",
        "none": None,
    }
    with live.tracer.start_as_current_span("hostile \udfff") as span:
        for name, value in hostile.items():
            with contextlib.suppress(Exception):
                span._attributes._dict[name] = value  # type: ignore[attr-defined]  # past the SDK's own checks
        with live.tracer.start_as_current_span("fine") as fine:
            started(endpoint, fine)
        assert live.sink.flush(5)
    said = [r.attributes for r in endpoint.records() if r.span_id == f"{span.get_span_context().span_id:016x}"]
    assert said
    assert all(attributes[key.SPAN_NAME] == "hostile \N{REPLACEMENT CHARACTER}" for attributes in said)
    assert live.sink.dropped == {}


@pytest.mark.alone
def test_shutdown_is_bounded_with_a_silent_endpoint() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        exporter = OTLPLogExporter(f"http://127.0.0.1:{port}/v1/logs", timeout=1.5)
        sink = OtlpStarts(lambda: exporter, Redactor())
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(LiveSpanProcessor(sink))
        span = provider.get_tracer("t").start_span("root")
        before = time.monotonic()
        assert not sink.shutdown(0.3)
        assert time.monotonic() - before < 3
        span.end()
        assert sink.shutdown(0.3)


# ---------------------------------------------------------------------------------------- configured by environment

SCRIPT = """
    import logging, sys, time
    import spantail
    handle = spantail.configure("jobs")
    assert spantail.configure() is handle
    with spantail.operation("job search", layers=["fetch"]) as op:
        op.progress(1, 3)
        logging.getLogger("app").warning("inside")
        print("running", flush=True)
        sys.stdin.readline()
"""


@contextlib.contextmanager
def script(folder: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        # urllib3 leaves the closing of pooled connections to the garbage collector, which Python warns of
        [sys.executable, "-W", "error", "-W", "ignore::ResourceWarning", "-c", textwrap.dedent(SCRIPT)],
        cwd=folder, env=clean_environment(environment), text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


def test_configure_by_environment(endpoint: Endpoint, tmp_path: Path) -> None:
    settings = {"SPANTAIL_STARTS": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint.url}
    with script(tmp_path, settings) as process:
        (start,) = eventually(lambda: endpoint.records(key.EVENT_START))
        assert start.attributes[key.SPAN_NAME] == "job search"
        assert start.attributes["spantail.kind"] == "operation"
        assert "spantail.live" not in start.resource, "it is not in the live tier yet: an ingest must take it"
        assert start.resource["spantail.runner"].split(":")[1] == str(process.pid)
        eventually(lambda: [line.raw.body.string_value for line in endpoint.records("")] == ["inside"])
        assert not endpoint.traces, "unfinished spans stay out of the trace signal"
        _, err = process.communicate("go on\n", timeout=30)
        assert (process.returncode, err) == (0, "inside\n")
    assert endpoint.names() == {"job search": 1}
    (resource,) = endpoint.resources()
    assert "spantail.live" not in resource


def test_redis_is_the_better_way_where_both_are_there(new_redis_url: str, endpoint: Endpoint, tmp_path: Path) -> None:
    settings = {
        "SPANTAIL_STARTS": "otlp",
        "SPANTAIL_REDIS_URL": new_redis_url,
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint.url,
    }
    with script(tmp_path, settings) as process:
        assert process.communicate("go on\n", timeout=30)[1] == "inside\n"
    assert endpoint.names() == {"job search": 1}
    assert endpoint.resources()[0]["spantail.live"] is True
    assert not endpoint.logs


def test_under_opentelemetry_instrument(endpoint: Endpoint, tmp_path: Path) -> None:
    settings = {
        "SPANTAIL_STARTS": "otlp",
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint.url,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    }
    with application(tmp_path, settings) as app:
        request = threading.Thread(target=app.get, args=("/task/a",))
        request.start()
        eventually(lambda: "step" in {r.attributes[key.SPAN_NAME] for r in endpoint.records(key.EVENT_START)})
        app.get("/open/a")
        request.join(10)
        assert app.stop() == -signal.SIGTERM
    assert endpoint.names()["step"] == 1
    assert set(endpoint.spans().values()) == {1}


# ---------------------------------------------------------------------------------------- through a real Collector


@pytest.mark.xdist_group("collector")
@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_starts_pass_through_a_collector(protocol: str, tmp_path: Path) -> None:
    with (
        otlp_receiver() as behind,
        running_collector(
            CONFIGURATION, VARIANTS / "live.yaml", env={"SPANTAIL_ENDPOINT": behind.endpoint}
        ) as collector,
    ):

        def records(event: str) -> list[Record]:
            return records_of([ExportLogsServiceRequest(resource_logs=behind.logs)], event)

        settings = {
            "SPANTAIL_STARTS": "otlp",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{collector.grpc}" if protocol == "grpc" else collector.http,
            "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
        }
        with script(tmp_path, settings) as process:
            (start,) = eventually(lambda: records(key.EVENT_START), timeout_s=30)
            assert process.poll() is None, "it is seen behind the Collector while the span runs"
            eventually(lambda: records(key.EVENT_HEARTBEAT))
            _, err = process.communicate("go on\n", timeout=30)
            assert (process.returncode, err) == (0, "inside\n")
    assert start.attributes[key.SPAN_NAME] == "job search"
    assert start.attributes[key.SPAN_REV] == 1
    assert len(start.span_id) == 16
    assert start.resource["service.name"] == "jobs"
    assert start.raw.time_unix_nano == start.attributes[key.SPAN_START]
