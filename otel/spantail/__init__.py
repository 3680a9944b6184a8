"""See every operation and every LLM call of a pipeline while it runs, on plain OpenTelemetry.

Example::

    import spantail

    spantail.configure(service_name="jobs")
    with spantail.operation("job search"):
        with spantail.llm_call(backend="langchain", model="gpt-4o-mini") as call:
            answer = ask_the_model()
            call.usage(input_tokens=412, output_tokens=96)
"""

from spantail.budgets import (
    Budget,
    BudgetError,
    BudgetExceededError,
    Reservation,
    WorstCaseUnknownError,
    budget,
    reserve,
)
from spantail.live import EventSink, LiveSpanProcessor
from spantail.llm import LlmCall, LlmGroup, llm_call, llm_group
from spantail.redaction import Redactor
from spantail.scopes.operation import (
    Scope,
    current_run_id,
    event,
    layer,
    operation,
    phase,
    pipeline,
    progress,
    retrieval,
    subphase,
    tool,
)
from spantail.setup.configure import Handle, configure

__all__ = [
    "Budget",
    "BudgetError",
    "BudgetExceededError",
    "EventSink",
    "Handle",
    "LiveSpanProcessor",
    "LlmCall",
    "LlmGroup",
    "Redactor",
    "Reservation",
    "Scope",
    "WorstCaseUnknownError",
    "budget",
    "configure",
    "current_run_id",
    "event",
    "layer",
    "llm_call",
    "llm_group",
    "operation",
    "phase",
    "pipeline",
    "progress",
    "reserve",
    "retrieval",
    "subphase",
    "tool",
]
