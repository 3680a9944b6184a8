"""Anthropic's client under OpenInference: cached tokens, which Anthropic tells apart from the input."""

from __future__ import annotations

import anthropic
from _otlp import stock_provider
from openinference.instrumentation.anthropic import AnthropicInstrumentor

provider = stock_provider()
AnthropicInstrumentor().instrument(tracer_provider=provider)
client = anthropic.Anthropic(max_retries=0)
QUESTION = "What is tea? [[demo-usage cached=400 written=100]]"
messages = [{"role": "user", "content": QUESTION}]
client.messages.create(model="claude-sonnet-4-5", max_tokens=100, messages=messages)
with client.messages.stream(model="claude-sonnet-4-5", max_tokens=100, messages=messages) as stream:
    stream.get_final_message()
provider.shutdown()
