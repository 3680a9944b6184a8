"""A pipeline that is visible while it runs: `spantail.configure()` and a few `with` statements.

Run `make run` in one terminal, and in another, from the same folder:

    SPANTAIL_REDIS_URL=unix://$PWD/.spantail/redis/redis.sock .venv/bin/python examples/live_pipeline.py

and open the address that it prints: the tree grows as it works.
"""

import logging
import os
import time

import spantail

handle = spantail.configure(service_name="live-example")
log = logging.getLogger("examples.live")
page = os.environ.get("SPANTAIL_URL", "http://127.0.0.1:8321")


@spantail.phase("summarise a document")
def summarise(number: int) -> str:
    """Ask a model for a summary (made up here, as are its tokens)."""
    with spantail.llm_call(backend="openai", model="gpt-4o-mini", provider="openai") as call:
        time.sleep(0.3)
        call.usage(input_tokens=400 + number, output_tokens=60)
    log.warning("document %d is short", number)
    return f"summary {number}"


with spantail.operation("summarise a folder", root=True, layers=["read", "summarise"]) as run:
    print(f"{page}/runs/{run.run_id}", flush=True)
    with spantail.layer("read"):
        time.sleep(0.2)
    with spantail.layer("summarise"):
        for number in range(5):
            summarise(number)
            spantail.progress(number + 1, total=5)

handle.shutdown()
