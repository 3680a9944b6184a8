"""A FastAPI application, each of whose requests is seen while it is served.

Run `make run` in one terminal, and in another, from the same folder:

    export SPANTAIL_REDIS_URL=unix://$PWD/.spantail/redis/redis.sock
    .venv/bin/python -m uvicorn --app-dir examples --port 8000 fastapi_app:app

and then: `curl -d '' 'http://127.0.0.1:8000/summaries?document=report'`. The answer has the address of its trace.
"""

import asyncio
import os

from fastapi import FastAPI
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

import spantail

PAGE = os.environ.get("SPANTAIL_URL", "http://127.0.0.1:8321")

spantail.configure(service_name="fastapi-example")
app = FastAPI(title="Summaries")
# OpenTelemetry's own instrumentation makes the request's span, below which all others stand.
FastAPIInstrumentor.instrument_app(app, exclude_spans=["receive", "send"])


@spantail.retrieval("find the document")
async def find(document: str) -> str:
    """Find a text (made up here)."""
    await asyncio.sleep(0.05)
    return f"All that there is to say about {document}."


@spantail.phase("summarise")
async def summarise(text: str) -> str:
    """Ask a model for a summary (made up here, as are its tokens)."""
    async with spantail.llm_call(backend="openai", model="gpt-4o-mini") as call:
        await asyncio.sleep(0.2)
        call.usage(input_tokens=100 + len(text), output_tokens=20)
    return text[:10]


@app.post("/summaries")
async def create_summary(document: str) -> dict[str, str]:
    """Summarise a document."""
    summary = await summarise(await find(document))
    return {"summary": summary, "trace": f"{PAGE}/runs/{spantail.current_run_id()}"}
