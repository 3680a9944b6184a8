"""What the tests of the Collector send, and what they read of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from typing import TYPE_CHECKING, Any

import httpx
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.support.otlp.requests import PROTOBUF, add_attributes, any_value, logs, traces
from tests.support.strict import missing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from tests.support.programs.collectors import RunningCollector

APPLICATION = {"service.name": "app"}


def span(
    name: str,
    attributes: Mapping[str, Any] | None = None,
    *,
    kind: Span.SpanKind.ValueType = Span.SPAN_KIND_INTERNAL,
    trace_id: bytes = b"",
    parent: bytes = b"",
    duration_s: float = 0.1,
    error: str = "",
    events: Mapping[str, Mapping[str, Any]] | None = None,
) -> Span:
    """A span that has just ended; a root of a trace of its own unless `parent` is named."""
    end_ns = time.time_ns()
    made = Span(
        trace_id=trace_id or os.urandom(16),
        span_id=os.urandom(8),
        parent_span_id=parent,
        name=name,
        kind=kind,
        start_time_unix_nano=end_ns - int(duration_s * 1e9),
        end_time_unix_nano=end_ns,
    )
    add_attributes(made.attributes, attributes or {})
    if error:
        made.status.CopyFrom(Status(code=Status.STATUS_CODE_ERROR, message=error))
    for event, its_attributes in (events or {}).items():
        add_attributes(made.events.add(name=event, time_unix_nano=end_ns).attributes, its_attributes)
    return made


def record(body: Any = None, attributes: Mapping[str, Any] | None = None, *, event: str = "") -> LogRecord:
    """A log record of now."""
    made = LogRecord(time_unix_nano=time.time_ns(), event_name=event)
    made.body.CopyFrom(any_value(body))
    add_attributes(made.attributes, attributes or {})
    return made


def send_spans(collector: RunningCollector, spans: Iterable[Span]) -> httpx.Response:
    """Send spans of one application by OTLP/HTTP."""
    body = traces(APPLICATION, spans).SerializeToString()
    return httpx.post(f"{collector.http}/v1/traces", content=body, headers=PROTOBUF, timeout=10)


def send_logs(collector: RunningCollector, records: Iterable[LogRecord]) -> httpx.Response:
    """Send log records of one application by OTLP/HTTP."""
    body = logs(APPLICATION, records).SerializeToString()
    return httpx.post(f"{collector.http}/v1/logs", content=body, headers=PROTOBUF, timeout=10)


def plain(pairs: Iterable[Any]) -> dict[str, Any]:
    """Attributes by their names, values as Python has them; lists and objects as OTLP has them."""
    found = {}
    for pair in pairs:
        kind = pair.value.WhichOneof("value")
        found[pair.key] = getattr(pair.value, kind) if kind else None
    return found


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate that signs itself, for 127.0.0.1, and its key, by openssl."""
    program = shutil.which("openssl")
    if program is None:
        missing("no openssl, which makes a certificate")
    made, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(
        [
            program, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-days", "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1",
            "-keyout", key, "-out", made,
        ],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    return made, key
