"""How a budget stands, on the span of the operation around the calls that it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry import trace

from spantail import attributes as keys
from spantail.pricing import usd_of_nano
from spantail.scopes.use import innermost_use
from spantail.trouble import report_trouble

if TYPE_CHECKING:
    from opentelemetry.trace import Span

_SHOWN_ON: Final = frozenset({keys.KIND_OPERATION, keys.KIND_PIPELINE})


def operation_span() -> Span | None:
    """Return the span of the operation or pipeline around, else the current one; None where nothing is recorded."""
    found = innermost_use(lambda scope: scope._kind in _SHOWN_ON)
    span: Span = trace.get_current_span() if found is None else found[0].span
    return span if span.is_recording() else None


def show_budget(span: Span | None, *, name: str, limit_nano: int, spent_nano: int, reserved_nano: int) -> None:
    """Write how a budget stands onto a span; amounts in nano-USD. Never raises."""
    if span is None:
        return
    try:
        span.set_attributes(
            {
                keys.BUDGET_NAME: name,
                keys.BUDGET_LIMIT_USD: usd_of_nano(limit_nano),
                keys.BUDGET_SPENT_USD: usd_of_nano(spent_nano),
                keys.BUDGET_RESERVED_USD: usd_of_nano(reserved_nano),
            }
        )
    except Exception:
        report_trouble("the state of a budget could not be written")
