"""MLflow: traced functions and its OpenAI autologging, exported over OTLP instead of to a tracking server."""

from __future__ import annotations

import mlflow
import openai
from mlflow.entities import SpanType

mlflow.openai.autolog()
client = openai.OpenAI(max_retries=0)


@mlflow.trace(span_type=SpanType.TOOL)
def price_of(title: str) -> str:
    return f"{title} costs 12 francs."


@mlflow.trace(span_type=SpanType.CHAIN)
def sell(title: str) -> None:
    mlflow.update_current_trace(metadata={"mlflow.trace.session": "s-1", "mlflow.trace.user": "ada"})
    price_of(title)
    client.chat.completions.create(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": "What is tea? [[demo-usage cached=64 reasoning=8]]"}],
    )
    client.embeddings.create(model="text-embedding-3-small", input="tea")


sell("Tea")
mlflow.flush_trace_async_logging()
