"""OpenTelemetry's own instrumentations: OpenAI by the GenAI conventions, HTTP client and server, a database."""

from __future__ import annotations

import os
import sqlite3

import httpx
import openai
from _otlp import stock_provider
from opentelemetry import trace
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor
from opentelemetry.instrumentation.sqlite3 import SQLite3Instrumentor
from opentelemetry.instrumentation.starlette import StarletteInstrumentor
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

provider = stock_provider()
OpenAIInstrumentor().instrument()
HTTPXClientInstrumentor().instrument()
SQLite3Instrumentor().instrument()
client = openai.OpenAI(max_retries=0)


def sell(request: object) -> PlainTextResponse:
    with sqlite3.connect(":memory:") as database:
        database.cursor().execute("select 1")
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
    httpx.get(f"{os.environ['DEMO_URL']}/himalayas/jobs/api?limit=1")
    return PlainTextResponse("sold")


app = Starlette(routes=[Route("/sell", sell)])
StarletteInstrumentor.instrument_app(app)
# a caller outside, whose own span never arrives
remote = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
TestClient(app).get("/sell", headers=remote)
trace.get_tracer("shop")
provider.shutdown()
