"""LiteLLM with its `otel` callback: each call is a trace of its own, and one fails."""

from __future__ import annotations

import contextlib

import litellm
from _otlp import stock_provider
from litellm.litellm_core_utils.thread_pool_executor import executor

provider = stock_provider()
litellm.callbacks = ["otel"]
litellm.completion(
    model="openai/gpt-4o-mini",
    messages=[{"role": "user", "content": "What is tea? [[demo-usage cached=64 reasoning=8]]"}],
    metadata={"session_id": "s-1"},
)
with contextlib.suppress(litellm.RateLimitError):
    litellm.completion(model="openai/demo-error-429", messages=[{"role": "user", "content": "Hello"}])
executor.shutdown(wait=True)  # its spans are made on threads of this pool
provider.shutdown()
