"""Code that was written for a structured logger and log callbacks, and is seen by a change of its imports.

Run `make run` in one terminal, and in another, from the same folder:

    export SPANTAIL_REDIS_URL=unix://$PWD/.spantail/redis/redis.sock
    .venv/bin/python -m uvicorn --app-dir examples --port 8000 older_code:app

and then `curl -d '' http://127.0.0.1:8000/search`, or `/ingest`, or `/jobs/7/generate-annotations`.
`tests/fixtures/older_code.py.txt` is the same file as it was before.
"""

import asyncio
from typing import Any

from fastapi import BackgroundTasks, FastAPI

import spantail
from spantail.adapters import StructuredLogger, create_log_callback, create_operation_run

spantail.configure(service_name="older-code")

app = FastAPI(title="Jobs")
JOBS = [{"id": "job-1", "title": "Engineer"}, {"id": "job-2", "title": "Analyst"}]


async def score(job: dict[str, str]) -> tuple[int, float]:
    """Ask a model how well a job fits (made up here, as is what it costs)."""
    await asyncio.sleep(0.05)
    return len(job["title"]), 0.0041


@app.post("/ingest")
async def ingest_jobs(source: str = "himalayas") -> dict[str, Any]:
    """Fetch jobs and score each of them."""
    events = StructuredLogger(job_id="ingest")
    events.info("ingest_start", {"source": source, "keywords": ["python"]})
    total_cost = 0.0
    for job in JOBS:
        points, cost = await score(job)
        total_cost += cost
        scored = {"job_id": job["id"], "score": points, "cost_usd": cost, "backend": "openrouter"}
        events.info("job_scored", scored)
    stats = {"ingested": len(JOBS), "duplicates": 0}
    events.info("ingest_complete", {**stats, "total_cost_usd": total_cost})
    return stats


@app.post("/search")
async def search_jobs() -> dict[str, Any]:
    """Look for jobs in two places."""
    run_id = create_operation_run("search", "job-search")
    log_cb = create_log_callback(run_id)
    log_cb("search_start", {"sources": ["indeed", "bayt"], "job_titles": ["engineer"]})
    for source in ("indeed", "bayt"):
        log_cb(f"source_search_start: {source}")
        await asyncio.sleep(0.05)
        cache_hit = source == "bayt"
        log_cb(f"source_search_complete: {source} ({len(JOBS)} jobs, cache_hit={cache_hit})")
    log_cb("search_complete", {"found": 2 * len(JOBS)})
    return {"run_id": run_id, "jobs": JOBS}


@app.post("/jobs/{job_id}/generate-annotations")
async def generate_annotations(job_id: str, background_tasks: BackgroundTasks) -> dict[str, str]:
    """Start the work and answer at once."""
    run_id = create_operation_run(job_id, "generate-annotations")
    background_tasks.add_task(_generate_annotations_task, job_id, run_id)
    return {"run_id": run_id, "status": "queued"}


async def _generate_annotations_task(job_id: str, run_id: str) -> None:
    log_cb = create_log_callback(run_id)
    log_cb("annotation_start", {"job_id": job_id})
    log_cb("layer_start", {"layer": 1, "layer_name": "match"})
    log_cb("llm_call_start", {"backend": "claude_cli", "model": "claude-sonnet-4-5", "tier": "high"})
    await asyncio.sleep(0.05)
    log_cb("llm_call_fallback", {"from_backend": "claude_cli", "to_backend": "langchain", "reason": "rate limited"})
    log_cb("llm_call_start", {"backend": "langchain", "model": "gpt-4o-mini"})
    await asyncio.sleep(0.05)
    log_cb("llm_call_complete", {"backend": "langchain", "input_tokens": 400, "output_tokens": 60, "cost_usd": 0.0001})
    log_cb("layer_complete", {"layer": 1, "layer_name": "match"})
    log_cb("[annotation_saved] 12 annotations were saved")
    log_cb("that was all")
    log_cb("annotation_complete", {"annotations": 12})
