"""Log lines of spans: a record that is logged inside a span becomes a log event of that span."""

from __future__ import annotations

import logging
import os
import threading
from typing import TYPE_CHECKING, Final

from opentelemetry import trace

from spantail.error_text import error_message, error_traceback, error_type
from spantail.live.processor import LogEvent
from spantail.trouble import report_trouble
from spantail.values import legal_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.trace import SpanContext

    from spantail.live.processor import EventSink

LEVEL_VARIABLE: Final = "SPANTAIL_LOG_LEVEL"
_MESSAGE_LIMIT: Final = 32 * 1024  # characters
# Whoever delivers the events must not cause new ones by logging about it.
_OWN_LOGGERS: Final = ("spantail", "spantail_exporters", "opentelemetry", "redis")
_OWN_PREFIXES: Final = tuple(name + "." for name in _OWN_LOGGERS)
_TAKEN: Final = "spantail_taken"  # on a record that is a log line already


def log_level(environ: Mapping[str, str] = os.environ) -> int:
    """Return the lowest level that is taken: SPANTAIL_LOG_LEVEL as a name or number, INFO by default."""
    text = environ.get(LEVEL_VARIABLE, "").strip().upper()
    if text.isdigit():
        return int(text)
    return logging.getLevelNamesMapping().get(text, logging.INFO)


class RecordHandler(logging.Handler):
    """Makes log records into log lines of spans; a subclass says of which span, and where they go.

    The message is formatted on the logging thread, where its arguments are still what they were. Nothing that
    goes wrong here reaches the caller of the logger. A record that has been taken by one handler is passed over by the
    others.
    """

    def __init__(self, level: int | str = logging.NOTSET) -> None:
        super().__init__(level)
        self._active = threading.local()

    def handle(self, record: logging.LogRecord) -> bool:
        """Take a record without the handler's lock, which would be held over the `__str__` of the arguments."""
        if not self.filter(record):
            return False
        self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        """Pass the record on if it belongs to a span; never raises."""
        if getattr(self._active, "on", False):  # logged by the formatting of a record
            return
        self._active.on = True
        try:
            self._emit(record)
        except Exception:
            report_trouble("a log record could not be taken")
        finally:
            self._active.on = False

    def span_of(self, record: logging.LogRecord) -> SpanContext | None:
        """Return the span that a record belongs to: the current one; None when it is not recorded."""
        span = trace.get_current_span()
        return span.get_span_context() if span.is_recording() else None

    def deliver(self, event: LogEvent) -> None:
        """Pass a log line on."""
        raise NotImplementedError

    def _emit(self, record: logging.LogRecord) -> None:
        context = self.span_of(record)
        if context is None or not context.trace_flags.sampled:
            return
        name = record.name
        if name in _OWN_LOGGERS or name.startswith(_OWN_PREFIXES) or hasattr(record, _TAKEN):
            return
        self.deliver(
            LogEvent(
                time_ns=int(record.created * 1e9),
                trace_id=context.trace_id,
                span_id=context.span_id,
                level=record.levelname,
                logger=name,
                message=_message(record),
                error=_error(record),
            )
        )
        setattr(record, _TAKEN, True)


class SpanLogHandler(RecordHandler):
    """Passes each record that is logged inside a recording, sampled span on to a sink.

    Args:
        sink: Where the records go.
        level: The lowest level that is taken.
    """

    def __init__(self, sink: EventSink, level: int = logging.INFO) -> None:
        super().__init__(level)
        self._logged = sink.logged

    def deliver(self, event: LogEvent) -> None:
        """Pass a log line on to the sink."""
        self._logged(event)

    def _emit(self, record: logging.LogRecord) -> None:
        self._keep_last_resort(record)
        super()._emit(record)

    def _keep_last_resort(self, record: logging.LogRecord) -> None:
        """Print what nobody else handles, as `logging` does where no handler is set: ours must not silence it."""
        if len(logging.root.handlers) > 1 or logging.lastResort is None:
            return
        logger: logging.Logger | None = logging.getLogger(record.name)
        while logger is not None:
            if any(handler is not self for handler in logger.handlers):
                return
            logger = logger.parent if logger.propagate else None
        if record.levelno >= logging.lastResort.level:
            logging.lastResort.handle(record)


def _message(record: logging.LogRecord) -> str:
    try:
        message = record.getMessage()
    except Exception:
        message = f"{record.msg!s:.1000} (its arguments could not be formatted)"
    if len(message) > _MESSAGE_LIMIT:
        message = f"{message[:_MESSAGE_LIMIT]}…[truncated {len(message):,} → {_MESSAGE_LIMIT:,} characters]"
    return legal_text(message)


def _error(record: logging.LogRecord) -> dict[str, str] | None:
    info = record.exc_info
    if not isinstance(info, tuple) or info[1] is None:
        return None
    return {
        "type": error_type(info[1]),
        "message": error_message(info[1]),
        "traceback": error_traceback(info[1]),
    }
