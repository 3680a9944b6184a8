"""Logfire: manual spans, a log line, the OpenAI instrumentation and httpx below it, with pending spans."""

from __future__ import annotations

import contextlib
import os

import httpx
import logfire
import openai
from _logfire import configure

configure()
client = openai.OpenAI(max_retries=0)
logfire.instrument_openai(client)
logfire.instrument_httpx()

with logfire.span("answer {customer}", customer="Ada", session_id="s-1"):
    logfire.force_flush()  # what is open is told of now, not half a second later
    logfire.info("the basket has {items} items", items=3)
    client.chat.completions.create(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": "What is in it? [[demo-usage cached=64 reasoning=8]]"}],
    )
    stream = client.chat.completions.create(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": "And what does it cost?"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    for _ in stream:
        pass
    client.embeddings.create(model="text-embedding-3-small", input="a basket")
    with contextlib.suppress(openai.RateLimitError):
        client.chat.completions.create(model="demo-error-429", messages=[{"role": "user", "content": "Hello"}])
    httpx.get(f"{os.environ['DEMO_URL']}/himalayas/jobs/api?limit=1")
logfire.shutdown()
