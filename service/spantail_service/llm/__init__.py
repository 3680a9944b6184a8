"""LLM backends behind one small interface, and the chain that falls back from one to the next.

A backend is a folder; `registry.py` makes them all from the settings. This module imports none of them.
"""

from spantail_service.llm.attempt import Failure
from spantail_service.llm.base import (
    BackendError,
    BudgetRefusedError,
    Completion,
    Embedder,
    LlmBackend,
    Message,
    OnText,
    Reason,
    Restart,
    Tier,
)
from spantail_service.llm.chain import Answer, ChainError, LlmChain
from spantail_service.llm.gates import Breaker, Hold, Limits, Permit

__all__ = [
    "Answer",
    "BackendError",
    "Breaker",
    "BudgetRefusedError",
    "ChainError",
    "Completion",
    "Embedder",
    "Failure",
    "Hold",
    "Limits",
    "LlmBackend",
    "LlmChain",
    "Message",
    "OnText",
    "Permit",
    "Reason",
    "Restart",
    "Tier",
]
