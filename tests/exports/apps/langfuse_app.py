"""Langfuse: an observed function, a tool, a generation by its OpenAI wrapper and one by hand with a cost."""

from __future__ import annotations

import os

from langfuse import Langfuse, get_client, observe, propagate_attributes
from langfuse.openai import OpenAI

Langfuse(
    public_key="pk-lf-local",
    secret_key="sk-lf-local",
    base_url=os.environ["RECEIVER_URL"],
    environment="test",
)
client = OpenAI(max_retries=0)


@observe(as_type="tool")
def price_of(title: str) -> str:
    return f"{title} costs 12 francs."


@observe()
def sell(title: str) -> None:
    with propagate_attributes(session_id="s-1", user_id="ada"):
        price_of(title)
        client.chat.completions.create(
            model="gpt-4o-mini",
            messages=[{"role": "user", "content": "What is tea? [[demo-usage cached=64 reasoning=8]]"}],
        )
        with get_client().start_as_current_observation(
            as_type="generation", name="by hand", model="house-model", input="Tea?"
        ) as generation:
            generation.update(
                output="Yes.",
                usage_details={"input": 12, "output": 3},
                cost_details={"input": 0.0012, "output": 0.0006, "total": 0.0018},
            )


sell("Tea")
get_client().shutdown()
