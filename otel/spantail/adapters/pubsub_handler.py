"""`RedisPubSubHandler`: log records of a run that the record itself names."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.trace import SpanContext, TraceFlags

from spantail.adapters.runs import runs
from spantail.live.log_handler import RecordHandler
from spantail.setup.configure import live_sink_in_use

if TYPE_CHECKING:
    from spantail.live import LogEvent

_RUN_ID: Final = re.compile(r"[0-9a-f]{32}")


class RedisPubSubHandler(RecordHandler):
    """Makes each record a log line of the run that `record.run_id` names, or else of the current span.

    It publishes nothing itself and has no connection: the live pipeline stores the line and wakes the viewers by the
    channel `run_logs:{run_id}`. A record is taken once, also where `configure()` has a handler on the root logger.

    `record.run_id` comes by `logger.info("…", extra={"run_id": run_id})` or a `LoggerAdapter`. A run that is not open
    in this process gets the line too; it then belongs to the run, and to none of its spans.

    Args:
        redis_url: Not used, as is anything further; the older handler took it.
        level: The lowest level that is taken.
    """

    def __init__(self, redis_url: str | None = None, *, level: int | str = logging.NOTSET, **unused: Any) -> None:
        super().__init__(level)

    def span_of(self, record: logging.LogRecord) -> SpanContext | None:
        """Return the span that a record belongs to."""
        named = getattr(record, "run_id", None)
        here = super().span_of(record)
        if named is None:
            return here
        run_id = str(named).replace("-", "").lower()
        if here is not None and f"{here.trace_id:032x}" == run_id:
            return here
        run = runs.get(run_id)
        if run is not None:
            return run.span_context()
        if _RUN_ID.fullmatch(run_id) and int(run_id, 16):
            return SpanContext(int(run_id, 16), 0, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
        return here

    def deliver(self, event: LogEvent) -> None:
        """Pass a log line on to the live pipeline; without one it goes nowhere."""
        sink = live_sink_in_use()
        if sink is not None:
            sink.logged(event)
