"""A live sink for applications that reach a Collector but no Redis: span starts over OTLP logs.

`SPANTAIL_STARTS=otlp` makes `spantail.configure` use it. It sends what is new about open spans as log records
(their shape: `spantail_exporters.otlp.records`); finished spans go their usual way, over the trace signal.

A span that is over before its start was sent costs nothing: the finished span says it all. When a batch could not be
delivered, its open spans are sent again, whole, with the next one; log lines are counted as `export_failed`.

The SDK's OTLP log exporters do the sending. Its batch processor does not fit: it counts no losses, its
`force_flush` knows no time limit, and it cannot look at an open span again.
"""

from __future__ import annotations

import logging
import os
import time
from collections import Counter, deque
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult

from spantail.live import LogEvent
from spantail.redaction import Redactor
from spantail.setup.trace_exporters import component
from spantail.trouble import report_trouble
from spantail_exporters.otlp.open_spans import OpenSpan, OpenSpans
from spantail_exporters.otlp.records import heartbeat_record, log_record
from spantail_exporters.worker.worker import Flush, Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.sdk._logs import ReadableLogRecord
    from opentelemetry.sdk.trace import ReadableSpan, Span

    from spantail.live import EventSink

_logger: Final = logging.getLogger(__name__)

QUEUE_CAPACITY: Final = 16_384  # references
_BATCH_RECORDS: Final = 512
_LINGER_S: Final = 0.1  # short spans end in it and are never sent
_SCAN_S: Final = 0.2
_BEAT_S: Final = 1.0
_LOSSES: Final = 100_000  # references; what is lost beyond them between two heartbeats is not counted
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


def create_sink() -> EventSink:
    """Make the sink, by OpenTelemetry's own settings for OTLP logs; it connects when the first span starts.

    Found through the entry-point group `spantail_live_sink`.

    Raises:
        RuntimeError: No OTLP log exporter is installed.
    """
    exporter = _exporter_class(os.environ)
    return OtlpStarts(exporter, Redactor.from_environment())


def _exporter_class(environ: Mapping[str, str]) -> Callable[[], LogRecordExporter]:
    protocol = next((environ[name].strip().lower() for name in _PROTOCOLS if environ.get(name)), "http/protobuf")
    names = ["otlp_proto_http"]
    if protocol == "grpc":
        names.insert(0, "otlp_proto_grpc")
    for name in names:
        found: Callable[[], LogRecordExporter] | None = component("opentelemetry_logs_exporter", name)
        if found is not None:
            return found
    raise RuntimeError("SPANTAIL_STARTS=otlp needs an OTLP log exporter: pip install 'spantail[otlp]'")


class OtlpStarts(Worker[LogRecordExporter]):
    """An `EventSink` (`spantail.live`) that sends log records from a thread of its own.

    What does not fit into the queue is counted as `queue_full`. The counts (`dropped`) travel with the heartbeat.

    Args:
        connect: Makes the exporter, once per process, on the worker's thread.
        redactor: Applied to everything that is sent.
        capacity: How many references the queue holds.
    """

    def __init__(
        self, connect: Callable[[], LogRecordExporter], redactor: Redactor, *, capacity: int = QUEUE_CAPACITY
    ) -> None:
        self._connect = connect
        self._redactor = redactor
        super().__init__("spantail-otlp-starts", capacity)

    def _begin(self) -> None:
        super()._begin()
        self._open_spans = OpenSpans(self._redactor, self._failed)
        self._dropped: Counter[str] = Counter()
        self._lost: deque[str] = deque(maxlen=_LOSSES)  # a reason for each loss that the worker has not added up yet
        self._exporter: LogRecordExporter | None = None
        self._next_beat = self._next_scan = 0.0
        self._failing = False
        self._delivered = True  # all of the last step

    @property
    def dropped(self) -> Mapping[str, int]:
        """What was lost so far, by reason."""
        dropped = Counter(self._dropped)
        dropped.update(self._lost.copy())
        return dropped

    # ------------------------------------------------------------ the application's threads

    def started(self, span: Span) -> None:
        """Take over a span that has just started."""
        self._take(span)

    def ended(self, span: ReadableSpan) -> None:
        """Do nothing: the worker sees by itself that a span is over, and the trace signal carries its end."""

    def logged(self, event: LogEvent) -> None:
        """Take over a log record."""
        self._take(event)

    def _take(self, item: Any) -> None:
        if len(self._queue) < self._capacity and not self._stopping:
            self._queue.append(item)
            if self._idle:
                self._wake_up()
        else:
            self._drop("queue_full" if not self._stopping else "shut_down")

    def _drop(self, reason: str) -> None:
        self._lost.append(reason)  # no lock: a signal handler or finaliser may come by while its own thread holds it

    # ------------------------------------------------------------ for `Worker`

    def _open(self) -> LogRecordExporter:
        self._exporter = exporter = self._connect()
        return exporter

    def _step(self, exporter: LogRecordExporter, /) -> None:
        self._pause(0.0 if self._stopping else _LINGER_S)
        flushes, self._delivered = self._round(exporter)
        for marker in flushes:
            marker.answer(delivered=self._delivered)

    def _may_stop(self, exporter: LogRecordExporter, /) -> bool:
        del exporter
        return not self._queue

    def _rest(self, exporter: LogRecordExporter, /) -> None:
        del exporter
        if self._queue:
            return
        if not self._delivered:  # the exporter has made its own attempts; the next beat is soon enough
            self._pause(_BEAT_S)
            return
        self._idle = True
        if not self._queue:  # nothing was appended between the look and the flag
            until = min(self._next_beat, self._next_scan) if self._open_spans else self._next_beat
            self._pause(until - time.monotonic())
        self._idle = False

    def _hasten(self, *, flushed: bool) -> None:
        if not flushed and self._exporter is not None:
            self._exporter.shutdown()  # type: ignore[no-untyped-call]  # ends its wait for a next attempt

    def _close(self, exporter: LogRecordExporter, /) -> None:
        if not self._failing:
            exporter.shutdown()  # type: ignore[no-untyped-call]

    def _count_discarded(self, count: int) -> None:
        for _ in range(count):
            self._drop("shut_down")

    # ------------------------------------------------------------ the worker's thread

    def _add_up_losses(self) -> None:
        while self._lost:
            self._dropped[self._lost.popleft()] += 1

    def _round(self, exporter: LogRecordExporter) -> tuple[list[Flush], bool]:
        """Send everything that is new; return the markers that were met, and whether all was delivered."""
        flushes: list[Flush] = []
        to_send: list[tuple[ReadableLogRecord, OpenSpan | None]] = []
        for _ in range(len(self._queue)):
            item = self._queue.popleft()
            if type(item) is Flush:
                flushes.append(item)
                continue
            try:
                if isinstance(item, LogEvent):
                    to_send.append((log_record(item, self._redactor, self._open_spans.resource), None))
                elif one := self._entered(item):
                    to_send.append((self._open_spans.record(one), one))
            except Exception as error:
                self._failed(error)
        now = time.monotonic()
        if flushes or now >= self._next_scan:
            to_send += self._open_spans.changed()
            self._next_scan = now + min(1.0, max(_SCAN_S, 10 * (time.monotonic() - now)))
        if now >= self._next_beat:
            self._next_beat = now + _BEAT_S
            self._add_up_losses()
            beat = heartbeat_record(
                self._runner_id, self._open_spans.resource, open_spans=len(self._open_spans), dropped=self._dropped
            )
            to_send.insert(0, (beat, None))
        delivered = True
        for at in range(0, len(to_send), _BATCH_RECORDS):
            delivered = self._send(exporter, to_send[at : at + _BATCH_RECORDS]) and delivered
        return flushes, delivered

    def _entered(self, span: Span) -> OpenSpan | None:
        """Keep a span that has just started; None when there is nothing to send of it."""
        self._open_spans.note_resource(span)
        if span.end_time is not None:
            return None  # over already
        if self._open_spans.is_full:
            self._drop("open_cap")
            return None
        return self._open_spans.add(span)

    def _send(self, exporter: LogRecordExporter, sent: list[tuple[ReadableLogRecord, OpenSpan | None]]) -> bool:
        try:
            result = exporter.export([record for record, _ in sent])
        except Exception as error:
            _logger.debug("the OTLP log exporter raised %s", type(error).__name__)
            result = LogRecordExportResult.FAILURE
        if result is LogRecordExportResult.SUCCESS:
            if self._failing:
                self._failing = False
                _logger.warning("span starts reach the OTLP endpoint again")
            return True
        if not self._failing:
            self._failing = True
            _logger.warning("span starts do not reach the OTLP endpoint; open spans are sent again once it answers")
        for record, one in sent:
            if one is not None:
                one.forget()
            elif record.log_record.trace_id:
                self._drop("export_failed")
        return False

    def _failed(self, error: Exception) -> None:
        self._drop("encode_error")
        report_trouble(f"a span start could not be encoded ({type(error).__name__})")
