"""What metrics record of an attempt; nothing is measured where no meter provider is set up."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Self

from spantail import attributes as keys
from spantail.error_text import error_type
from spantail.metrics.calls import CallMetrics, EndedCall, call_metrics
from spantail.scopes.outcome import is_failure
from spantail.scopes.run_scope import run_around
from spantail.trouble import report_trouble
from spantail.values import legal_attributes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.context import Context
    from opentelemetry.trace import Span

    from spantail.scopes.outcome import Outcome


class MeasuredCall:
    """What is measured of an open attempt.

    Args:
        metrics: Where it is recorded.
        context: The context in which its span is current: exemplars take its ids from there.
    """

    __slots__ = ("_began_s", "_context", "_first_chunk_s", "_last_chunk_s", "_metrics", "_run")

    def __init__(self, metrics: CallMetrics, context: Context) -> None:
        self._metrics = metrics
        self._context = context
        self._run = run_around(context)
        self._began_s = self._last_chunk_s = time.perf_counter()
        self._first_chunk_s: float | None = None

    @classmethod
    def of(cls, context: Context) -> Self | None:
        """Begin to measure the attempt whose span is current in `context`; None where nobody has asked for it."""
        try:
            metrics = call_metrics()
            return None if metrics is None else cls(metrics, context)
        except Exception:
            report_trouble("a call could not be measured")
            return None

    def chunk(self, span: Span) -> None:
        """A chunk of the answer came."""
        now_s = time.perf_counter()
        if self._first_chunk_s is None:
            self._first_chunk_s = now_s - self._began_s
        else:
            one: Any = span
            known = getattr(one, "attributes", None)
            if known is not None:
                self._metrics.chunk(now_s - self._last_chunk_s, known, self._context)
        self._last_chunk_s = now_s

    def ended(
        self,
        span: Span,
        cost_nano: int | None,
        known: Mapping[str, object],
        outcome: Outcome | None,
        error: BaseException | None,
    ) -> None:
        """Record the attempt. Never raises.

        Args:
            span: Its span, which has ended.
            cost_nano: What it cost, in nano-USD; None where nobody knows.
            known: What its attributes would be, where the span is not recorded.
            outcome: What the application said of it.
            error: What ended it; None when it went well.
        """
        try:
            one: Any = span  # of the SDK, or one that is not recorded
            end, start = getattr(one, "end_time", None), getattr(one, "start_time", None)
            duration_s = (end - start) / 1e9 if end and start else time.perf_counter() - self._began_s
            attributes = getattr(one, "attributes", None)
            if attributes is None:
                status = outcome.status if outcome is not None else None
                failure = error_type(error) if is_failure(error) else None
                attributes = legal_attributes({**known, keys.STATUS: status, keys.ERROR_TYPE: failure})
            call = EndedCall(attributes, self._context, self._run, max(duration_s, 0.0), self._first_chunk_s, cost_nano)
            self._metrics.ended(call)
        except Exception:
            report_trouble("a call could not be measured")
