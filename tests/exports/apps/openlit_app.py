"""OpenLIT: OpenAI, whole, as a stream and for an embedding, and Anthropic."""

from __future__ import annotations

import os

import anthropic
import openai
import openlit

openlit.init(
    application_name="shop",
    otlp_endpoint=os.environ["RECEIVER_URL"],
    disable_batch=True,
    disable_metrics=True,
    disable_events=True,
)
client = openai.OpenAI(max_retries=0)
claude = anthropic.Anthropic(max_retries=0)


@openlit.trace
def sell() -> None:
    """Do it all."""
    client.chat.completions.create(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": "What is tea? [[demo-usage cached=64 reasoning=8]]"}],
    )
    stream = client.chat.completions.create(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": "What is tea?"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    for _ in stream:
        pass
    client.embeddings.create(model="text-embedding-3-small", input="tea")
    claude.messages.create(
        model="claude-sonnet-4-5",
        max_tokens=100,
        messages=[{"role": "user", "content": "What is tea? [[demo-usage cached=400 written=100]]"}],
    )


sell()
