"""An asyncio pipeline whose calls fall back from one backend to another: each attempt is seen, with reason and cost.

Run `make run` in one terminal, and in another, from the same folder:

    SPANTAIL_REDIS_URL=unix://$PWD/.spantail/redis/redis.sock .venv/bin/python examples/fallback.py

and open the address that it prints.
"""

import asyncio
import os

import spantail

PAGE = os.environ.get("SPANTAIL_URL", "http://127.0.0.1:8321")


class RateLimitedError(Exception):
    """A backend wants us to come again later."""


async def ask_anthropic(question: str, call: spantail.LlmCall) -> str:
    """Ask the first backend (made up here), which is too busy for every other question."""
    await asyncio.sleep(0.1)
    if question.endswith(("2", "4")):
        raise RateLimitedError("come again in 30 s")
    call.usage(input_tokens=300, output_tokens=40)
    return "an answer"


async def ask_openai(question: str, call: spantail.LlmCall) -> str:
    """Ask the second backend (made up here), word by word."""
    for word in question.split():
        await asyncio.sleep(0.05)
        call.chunk(word)  # the first one is the time to first chunk
    call.usage(input_tokens=290, output_tokens=50)
    return "another answer"


# Backend, model, and the function that asks it; in this order.
CHAIN = (
    ("anthropic", "claude-sonnet-4-5", ask_anthropic),
    ("openai", "gpt-4o-mini", ask_openai),
)


async def ask(question: str) -> str:
    """Ask one backend after the other until one answers."""
    failed: str | None = None
    async with spantail.llm_group(f"answer {question}") as group:
        for attempt, (backend, model, function) in enumerate(CHAIN, start=1):
            reason = None
            if failed:
                reason = "rate limited"
                group.fallback(failed, backend, reason)
            try:
                async with spantail.llm_call(
                    backend=backend, model=model, attempt=attempt, fallback_from=failed, fallback_reason=reason
                ) as call:
                    return await function(question, call)
            except RateLimitedError:
                failed = backend
        raise RuntimeError("no backend answers")


async def main() -> None:
    """Ask four questions at a time."""
    with spantail.operation("answer questions", root=True, layers=["ask", "store"]) as run:
        print(f"{PAGE}/runs/{run.run_id}", flush=True)
        with spantail.layer("ask"):
            await asyncio.gather(*(ask(f"question {number}") for number in range(1, 5)))
        with spantail.layer("store"):
            await asyncio.sleep(0.05)


handle = spantail.configure(service_name="fallback-example")
asyncio.run(main())
handle.shutdown()
