"""LiteLLM inside a span of the application's own: what it knows of the call goes onto that span."""

from __future__ import annotations

import litellm
from _otlp import stock_provider
from litellm.litellm_core_utils.thread_pool_executor import executor
from opentelemetry import trace

provider = stock_provider()
litellm.callbacks = ["otel"]
with trace.get_tracer("shop").start_as_current_span("sell"):
    litellm.completion(
        model="anthropic/claude-sonnet-4-5",
        messages=[{"role": "user", "content": "What is tea? [[demo-usage cached=400 written=100]]"}],
    )
    executor.shutdown(wait=True)  # its spans are made on threads of this pool
provider.shutdown()
