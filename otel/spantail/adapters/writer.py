"""Events of one run, written as spans and span events."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace

from spantail import attributes as keys
from spantail.adapters.calls import Calls
from spantail.adapters.costs import ReportedCosts
from spantail.adapters.event_names import ERROR, SKIP, START, Name, split_name, step_labels
from spantail.adapters.failures import exception_attributes, fail, with_exception
from spantail.adapters.fields import Failure, cost_in, duration_ns, plain, take_failure, take_text
from spantail.adapters.steps import Steps, leave_ended_step, start_before, where_now
from spantail.scopes.operation import layer, operation, phase, pipeline, subphase
from spantail.trouble import report_trouble
from spantail.values import legal_attributes, legal_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from opentelemetry.context import Context

    from spantail.adapters.steps import OpenStep
    from spantail.scopes.scope import Scope

INFO: Final = "INFO"
ERROR_LEVEL: Final = "ERROR"

# The SDK keeps the last 128 events of a span; the live pipeline looks for new ones five times a second.
_MOST_AT_ONCE: Final = 100
_BURST_NS: Final = 500_000_000


_inherited: Final[set[int]] = set()  # ids of spans that are open in the process that this one was forked from


def inherit(span: trace.Span) -> None:
    """Take note that a span is the parent's: what is written on its copy here is seen by nobody."""
    _inherited.add(span.get_span_context().span_id)


class EventWriter:
    """Writes the events of one run, from any thread. No method raises.

    | event | becomes |
    |---|---|
    | `llm_call_*` | an `llm_call` span for each attempt |
    | `pipeline_*`, `layer_*`, `phase_*`, `subphase_*` | a span of that kind |
    | any other | a span event of what is current in the run |

    Args:
        base: The context of the span that is the run's root, or that was current when the run was joined.
        event_costs: Whether a cost on an event that is no LLM call may count, see `adapters/costs.py`.
        now_ns: The time, in nanoseconds since 1970.
    """

    def __init__(self, base: Context, *, event_costs: bool = True, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._lock = threading.RLock()
        self._base = base
        self._steps = Steps(base)
        self._costs = ReportedCosts()
        self._calls = Calls(self._steps, self._costs, self._note, now_ns)
        self._event_costs = event_costs
        self._now_ns = now_ns
        self._burst_of: trace.Span | None = None  # the span that gets events now, since when, and how many so far
        self._burst_ns = 0
        self._burst = 0

    def write(self, event: str, data: object = None, level: str = INFO, *, is_sum: bool = False) -> None:
        """Write one event.

        Args:
            event: Its name.
            data: Its data, a mapping.
            level: `INFO`, `WARNING` or `ERROR`.
            is_sum: Whether a cost in it is the sum of a whole run, and so belongs to no call.
        """
        try:
            fields = plain(data)
            name = split_name(event)
            with self._lock:
                leave_ended_step()
                if name.is_llm_call:
                    self._calls.write(name.action, fields)
                elif name.is_step:
                    self._step(name, fields)
                else:
                    self._other(event, fields, level, is_sum=is_sum)
        except Exception:
            report_trouble("an event could not be written")

    def end_all(self, reason: str) -> None:
        """End the steps that are open, with the reason why their end is not known."""
        with self._lock:
            self._steps.end_all(reason)
            leave_ended_step()

    def after_fork(self) -> None:
        """Begin anew in a forked child: what is open is the parent's, and another thread may have held the lock."""
        self._lock = threading.RLock()
        inherit(trace.get_current_span(self._base))
        for span in self._steps.forget():
            inherit(span)

    def parent(self) -> Context:
        """Return the context of what is current in the run."""
        with self._lock:
            return self._steps.parent()

    def _step(self, name: Name, fields: dict[str, Any]) -> None:
        kind, action = name
        labels = step_labels(kind, fields)
        if action == START:
            same = self._steps.find(lambda step: step.kind == kind and bool(labels) and step.labels == labels)
            if same is not None and same.where == where_now():
                self._steps.end(same, lambda scope: scope.cancel("it began again, and no end was reported"))
            self._steps.begin(kind, labels, _new_scope(kind, labels, fields), {})
            return
        step = self._steps.find(lambda step: step.kind == kind and _is_meant(step, labels))
        if step is None:
            scope = _new_scope(kind, labels, fields)
            step = self._steps.begin(kind, labels, scope, {}, start_ns=start_before(duration_ns(fields)))
        self._steps.end(step, lambda scope: _say_end(scope, action, fields))

    def _other(self, event: str, fields: dict[str, Any], level: str, *, is_sum: bool) -> None:
        cost = cost_in(fields)
        if cost and self._event_costs and not is_sum and not self._costs.claim(cost, _backend(fields), where_now()):
            self._calls.reported(event, cost, fields)
        if level != INFO:
            fields = {**fields, "level": level}
        if level == ERROR_LEVEL and "traceback" not in fields:
            fields = {**exception_attributes(with_exception(Failure("", "", ""))), **fields}
        self._note(event, fields)

    def _note(self, event: str, fields: dict[str, Any]) -> None:
        """Add a span event to what is current in the run.

        A span takes no more events once it has ended, or where it belongs to the process that this one was forked from.
        One that gets more of them at once than the SDK keeps would lose some. In these cases a short span inside of it
        says the same.
        """
        context = self._steps.parent()
        span = trace.get_current_span(context)
        is_ours = span.get_span_context().span_id not in _inherited
        if span.is_recording() and is_ours and self._has_room(span):
            span.add_event(legal_text(event), legal_attributes(fields))
            return
        if span.get_span_context().trace_flags.sampled:
            step = self._steps.begin(keys.KIND_SUBPHASE, (), _short_span(event, fields), {})
            self._steps.end(step)

    def _has_room(self, span: trace.Span) -> bool:
        """Tell whether a span takes one more event before the live pipeline has looked at those that it has."""
        now_ns = self._now_ns()
        if span is not self._burst_of or now_ns - self._burst_ns > _BURST_NS:
            self._burst_of, self._burst_ns, self._burst = span, now_ns, 0
        self._burst += 1
        return self._burst <= _MOST_AT_ONCE


def _new_scope(kind: str, labels: tuple[str, ...], fields: dict[str, Any]) -> Scope:
    name = labels[0] if labels else kind
    if kind == keys.KIND_PIPELINE:
        return pipeline(name, layers=_layers(fields), attributes=fields)
    return {keys.KIND_LAYER: layer, keys.KIND_PHASE: phase, keys.KIND_SUBPHASE: subphase}[kind](name, attributes=fields)


def _layers(fields: dict[str, Any]) -> list[str]:
    names = fields.get("layers")
    return [one for one in names if isinstance(one, str)] if isinstance(names, list | tuple) else []


def _short_span(event: str, fields: dict[str, Any]) -> Scope:
    return operation(event, kind=keys.KIND_SPAN, attributes=fields)


def _is_meant(step: OpenStep, labels: tuple[str, ...]) -> bool:
    return not labels or not step.labels or not set(labels).isdisjoint(step.labels)


def _say_end(scope: Scope, action: str, fields: dict[str, Any]) -> None:
    """Write how a step ended, as its last event tells."""
    failure = take_failure(fields) if action == ERROR else None
    reason = take_text(fields, "reason", "message") if action == SKIP else ""
    write_sum(scope, cost_in(fields, total=True), _backend(fields))
    for name, value in fields.items():
        scope.set(name, value)
    if failure is not None:
        fail(scope, failure)
    elif action == SKIP:
        scope.skip(reason or "no reason was reported")


def write_sum(scope: Scope, cost: Decimal | None, backend: str) -> None:
    """Write on a span the sum over the calls inside of it; it counts only where these calls are no spans."""
    if cost:
        scope.set(keys.GEN_AI_USAGE_COST_AMOUNT, cost)
        scope.set(keys.GEN_AI_USAGE_COST_CURRENCY, "USD")
        scope.set(keys.BACKEND, backend or None)


def _backend(fields: dict[str, Any]) -> str:
    return str(fields.get("backend") or "")
