"""A destination without metrics is named once in the log, whatever else goes wrong is said as before."""

from __future__ import annotations

import contextlib
import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

from spantail.metrics.refusal import say_refusal_once, say_refusals_again

if TYPE_CHECKING:
    from collections.abc import Iterator

LOGGER = "opentelemetry.exporter.otlp.proto.http.metric_exporter"


@contextlib.contextmanager
def destination(status: int) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/v1/metrics"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def watched() -> Iterator[None]:
    say_refusal_once()
    say_refusal_once()
    yield
    say_refusals_again()
    assert logging.getLogger(LOGGER).filters == []


@pytest.mark.usefixtures("watched")
@pytest.mark.parametrize(("status", "said"), [(404, 1), (405, 1), (400, 3)])
def test_a_destination_without_metrics_is_named_once(
    status: int, said: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spantail.metrics.refusal._filter._said", False)
    with destination(status) as url:
        reader = PeriodicExportingMetricReader(OTLPMetricExporter(url), export_interval_millis=float("inf"))
        provider = MeterProvider([reader], shutdown_on_exit=False)
        provider.get_meter("test").create_counter("tested").add(1)
        for _ in range(3):
            provider.force_flush()
        provider.shutdown()
    records = [record for record in caplog.records if record.name == LOGGER]
    assert len(records) >= said
    if status == 400:
        assert {record.levelname for record in records} == {"ERROR"}
    else:
        (record,) = records
        assert (record.levelname, "OTEL_METRICS_EXPORTER=none" in record.getMessage()) == ("WARNING", True)
