"""LLM backends behind one small interface, and the chain that falls back from one to the next."""

from spantail_service.backends.base import (
    BackendError,
    Completion,
    LlmBackend,
    Message,
    Reason,
    Tier,
)
from spantail_service.backends.chain import Answer, ChainError, Failure, LlmChain
from spantail_service.backends.claude_cli import ClaudeCli
from spantail_service.backends.embeddings import LangChainEmbedder
from spantail_service.backends.langchain import LangChain

__all__ = [
    "Answer",
    "BackendError",
    "ChainError",
    "ClaudeCli",
    "Completion",
    "Failure",
    "LangChain",
    "LangChainEmbedder",
    "LlmBackend",
    "LlmChain",
    "Message",
    "Reason",
    "Tier",
]
