"""OpenLLMetry: a workflow with a task and a tool, OpenAI and Anthropic."""

from __future__ import annotations

import os

import anthropic
import openai
from traceloop.sdk import Traceloop
from traceloop.sdk.decorators import task, tool, workflow

Traceloop.init(
    app_name="shop",
    api_endpoint=os.environ["RECEIVER_URL"],
    telemetry_enabled=False,
    disable_batch=True,
)
Traceloop.set_association_properties({"session_id": "s-1", "user_id": "ada"})
client = openai.OpenAI(max_retries=0)
claude = anthropic.Anthropic(max_retries=0)


@tool(name="price_of")
def price_of(title: str) -> str:
    """Tell the price of a book."""
    return f"{title} costs 12 francs."


@task(name="ask")
def ask(question: str) -> None:
    """Ask OpenAI: whole, as a stream, and for an embedding."""
    client.chat.completions.create(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": f"{question} [[demo-usage cached=64 reasoning=8]]"}],
    )
    stream = client.chat.completions.create(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": question}],
        stream=True,
        stream_options={"include_usage": True},
    )
    for _ in stream:
        pass
    client.embeddings.create(model="text-embedding-3-small", input=question)


@workflow(name="sell")
def sell() -> None:
    """Do it all."""
    price_of("Tea")
    ask("What is tea?")
    claude.messages.create(
        model="claude-sonnet-4-5",
        max_tokens=100,
        messages=[{"role": "user", "content": "What is tea? [[demo-usage cached=400 written=100]]"}],
    )


sell()
