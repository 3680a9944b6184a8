"""LLM backends behind one small interface, and the chain that falls back from one to the next.

A backend is a folder; `registry.py` makes them all from the settings. This module imports none of them.
"""

from spantail_service.llm.base import BackendError, Completion, Embedder, LlmBackend, Message, Reason, Tier
from spantail_service.llm.chain import Answer, ChainError, Failure, LlmChain

__all__ = [
    "Answer",
    "BackendError",
    "ChainError",
    "Completion",
    "Embedder",
    "Failure",
    "LlmBackend",
    "LlmChain",
    "Message",
    "Reason",
    "Tier",
]
