"""For code that was written for the older system: it becomes visible when its imports are changed.

Thin: each of these writes to the current span, or to the run that `create_operation_run` began. What becomes of an
event is said by its name:

| event | becomes |
|---|---|
| `llm_call_start`, `_complete`, `_error`, `_skip` | an `llm_call` span for each attempt, with tokens, cost and error |
| `llm_call_fallback` | the end of the attempt that failed, and a span event; the next attempt names both |
| `pipeline_*`, `layer_*`, `phase_*`, `subphase_*` | a span of that kind, which `_complete`, `_error` or `_skip` ends |
| any other | a span event of that name |
"""

from spantail.adapters.capture import AsyncCapture, Capture, capture_output
from spantail.adapters.operation_runs import (
    LogCallback,
    create_log_callback,
    create_operation_run,
    finish_operation_run,
    operation_run,
)
from spantail.adapters.pubsub_handler import RedisPubSubHandler
from spantail.adapters.structured_logger import StructuredLogger

__all__ = [
    "AsyncCapture",
    "Capture",
    "LogCallback",
    "RedisPubSubHandler",
    "StructuredLogger",
    "capture_output",
    "create_log_callback",
    "create_operation_run",
    "finish_operation_run",
    "operation_run",
]
