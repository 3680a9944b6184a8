"""Scopes for LLM calls: `llm_call` for one attempt at one backend, `llm_group` for a call that may fall back."""

from spantail.llm.attempt import llm_call
from spantail.llm.call import LlmCall
from spantail.llm.group import LlmGroup, llm_group

__all__ = ["LlmCall", "LlmGroup", "llm_call", "llm_group"]
