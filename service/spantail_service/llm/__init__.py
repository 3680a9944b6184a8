"""LLM backends behind one small interface, and the chain that falls back from one to the next."""

from spantail_service.llm.base import (
    BackendError,
    Completion,
    LlmBackend,
    Message,
    Reason,
    Tier,
)
from spantail_service.llm.chain import Answer, ChainError, Failure, LlmChain
from spantail_service.llm.claude_cli.backend import ClaudeCli
from spantail_service.llm.langchain.backend import LangChain
from spantail_service.llm.langchain.embeddings import LangChainEmbedder

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
