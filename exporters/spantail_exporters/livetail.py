"""The two ways into the live tier: a sink for live spans, and an exporter for stock span processors."""

from __future__ import annotations

import logging
import os
import threading
import uuid
from typing import TYPE_CHECKING

from opentelemetry.context import attach, detach, set_value
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from spantail.redaction import Redactor
from spantail_exporters.delivery.assembler import Assembler
from spantail_exporters.delivery.batcher import Batcher
from spantail_exporters.delivery.sender import Sender
from spantail_exporters.redis import client as redis_client
from spantail_exporters.redis.errors import Unavailable
from spantail_exporters.redis.writer import RedisWriter
from spantail_exporters.spool.adoption import open_spools
from spantail_exporters.worker.fork import call_in_child

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan

    from spantail.live import EventSink
    from spantail_exporters.delivery.health import Health

_logger = logging.getLogger(__name__)

URL_VARIABLES = ("SPANTAIL_REDIS_URL", "OTEL_EXPORTER_LIVETAIL_URL")


def create_sink(url: str) -> EventSink:
    """Make the sink that stores live events in the Redis at `url`; it connects when the first event comes.

    Found by `spantail.configure` through the entry-point group `spantail_live_sink`.

    Raises:
        ValueError: There is no such kind of URL (`redis.client.connect`).
    """
    # sends nothing: a wrong URL is the caller's to hear, not the worker's
    redis_client.connect(url, 1.0).close()

    def open_sender(assembler: Assembler, runner_id: str, health: Health) -> Sender:
        return Sender(RedisWriter(url), assembler, runner_id, health, open_spools(url, owner=runner_id))

    return Batcher(open_sender, Redactor.from_environment())


class RedisLivetailExporter(SpanExporter):
    """Writes finished spans to the live tier, under any stock span processor (Batch or Simple).

    OpenTelemetry specification, Trace SDK, "Span exporter". A stock processor never passes on a start: for spans
    that are seen while they run use `spantail.configure` or `LiveSpanProcessor`.

    Args:
        url: A Redis URL, by default that of `SPANTAIL_REDIS_URL` or `OTEL_EXPORTER_LIVETAIL_URL`.
        redactor: Applied to everything that is stored, by default as the environment says.

    Raises:
        ValueError: There is no URL.
    """

    def __init__(self, url: str | None = None, *, redactor: Redactor | None = None) -> None:
        url = url or next((os.environ[name] for name in URL_VARIABLES if os.environ.get(name)), None)
        if not url:
            raise ValueError("no Redis URL: pass url= or set SPANTAIL_REDIS_URL, e.g. redis://127.0.0.1:6379/0")
        self._url = url
        self._redactor = redactor or Redactor.from_environment()
        self._stopped = False
        self._begin()
        call_in_child(self._begin)

    def _begin(self) -> None:
        """Start from nothing: in a new process, also after a fork (a thread of the parent may hold the old lock)."""
        self._lock = threading.Lock()
        self._pid = 0

    def _open(self) -> None:
        if self._pid != os.getpid():  # also after a fork: a socket must not be shared with the parent
            self._pid = os.getpid()
            writer = f"exporter:{uuid.uuid4().hex}"
            self._writer = RedisWriter(self._url)
            self._assembler = Assembler(writer, writer, self._redactor)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Store finished spans; FAILURE when Redis could not take them (the batch is then the caller's loss)."""
        if self._stopped:
            return SpanExportResult.FAILURE
        token = attach(set_value("suppress_instrumentation", True))
        try:
            with self._lock:
                self._open()
                self._assembler.take(spans)
                refused = self._writer.write(self._assembler.batches()).refused
        except Unavailable as trouble:
            _logger.warning("live tier unreachable, %d spans not stored: %s", len(spans), trouble)
            return SpanExportResult.FAILURE
        finally:
            detach(token)
        for batch, words in refused:
            _logger.warning("the live tier refused %d spans of run %s: %s", len(batch.changes), batch.run_id, words)
        return SpanExportResult.FAILURE if refused else SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Close the connection; later exports fail."""
        self._stopped = True
        if self._pid == os.getpid():
            self._writer.close()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Nothing is held back here: true at once."""
        return True
