"""Log lines of a span, handed to the live pipeline without `logging`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from spantail.live import LogEvent
from spantail.setup.configure import live_sink_in_use
from spantail.values import legal_text

if TYPE_CHECKING:
    from opentelemetry.trace import SpanContext

_LONGEST: Final = 32 * 1024  # characters


def write_line(context: SpanContext, message: str, *, level: str = "INFO", logger: str) -> None:
    """Write a log line of a span; nothing happens where there is no live pipeline.

    Args:
        context: The span.
        message: The line; what is longer than 32 Ki characters is cut.
        level: The name of its level.
        logger: Who says it.
    """
    sink = live_sink_in_use()
    if sink is None or not context.is_valid or not context.trace_flags.sampled:
        return
    if len(message) > _LONGEST:
        message = f"{message[:_LONGEST]}…[truncated {len(message):,} → {_LONGEST:,} characters]"
    sink.logged(
        LogEvent(time.time_ns(), context.trace_id, context.span_id, level, legal_text(logger), legal_text(message))
    )
