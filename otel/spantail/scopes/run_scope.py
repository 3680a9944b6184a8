"""The scope of an operation: the outermost one in a process is a run, and is measured as one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Self

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import StatusCode

from spantail import attributes as keys
from spantail.metrics.run_labels import RunLabels
from spantail.metrics.runs import run_metrics
from spantail.scopes.outcome import is_cancellation, is_failure
from spantail.scopes.scope import Scope
from spantail.scopes.use import open_uses
from spantail.trouble import report_trouble

if TYPE_CHECKING:
    from opentelemetry.context import Context


class RunScope(Scope):
    """A scope that `operation()` and `pipeline()` make.

    Where it stands inside of no other one, its duration and how it ended are recorded with
    `spantail.run.duration`, and the LLM calls inside of it are told apart by its name.
    """

    _given_labels: RunLabels | None = None

    def _reset(self) -> None:
        super()._reset()
        self._is_run = False
        self._began_s = 0.0

    def measured_as(self, operation: str, *, demo: bool = False) -> Self:
        """Have metrics call it otherwise than its span.

        Args:
            operation: A name that many runs have in common; the span's own by default.
            demo: Whether it works on demo data, whose cost is not real money.

        Returns:
            The scope itself.
        """
        self._given_labels = RunLabels(operation, demo)
        return self

    @property
    def labels(self) -> RunLabels:
        """What metrics say of it."""
        return self._given_labels or RunLabels(str(self._name or self._kind))

    @property
    def begins_trace(self) -> bool:
        """Whether it is a run of its own, whatever is around it."""
        return self._root

    def begin(self, start_ns: int | None = None) -> Context:
        """Start the span; see `Scope.begin`."""
        outer = otel_context.get_current()
        parent = trace.get_current_span(outer).get_span_context()
        # under a span of another process it is a part of that one's run
        is_inside = parent.is_valid and (parent.is_remote or run_around(outer) is not None)
        self._is_run = self._root or not is_inside
        self._began_s = time.perf_counter()
        return super().begin(start_ns)

    def finish(self, error: BaseException | None = None, end_ns: int | None = None) -> None:
        """End the span; see `Scope.finish`."""
        outcome, is_run = self._outcome, self._is_run and self._use is not None
        super().finish(error, end_ns)
        metrics = run_metrics() if is_run else None
        if metrics is None:
            return
        self._is_run = False
        try:
            span: Any = self._span  # of the SDK, or one that is not recorded
            says_cancelled = outcome is not None and outcome.status == keys.STATUS_CANCELLED
            if says_cancelled or is_cancellation(error):
                status = "cancelled"
            elif is_failure(error) or getattr(getattr(span, "status", None), "status_code", None) is StatusCode.ERROR:
                status = "failed"
            else:
                status = "completed"
            end, start = getattr(span, "end_time", None), getattr(span, "start_time", None)
            duration_s = (end - start) / 1e9 if end and start else time.perf_counter() - self._began_s
            metrics.ended(max(duration_s, 0.0), status, self.labels, trace.set_span_in_context(span))
        except Exception:
            report_trouble("a run could not be measured")


def run_around(context: Context) -> RunLabels | None:
    """Return what metrics say of the run that a context stands in; None outside of any operation."""
    labels = None
    for scope, _ in open_uses(context):
        if isinstance(scope, RunScope):
            labels = scope.labels
            if scope.begins_trace:
                break
    return labels
