"""One process of `bench.figures.queue`; `python -m bench.support.queue_worker KIND URL COUNT` waits for a line first.

`items` claims and finishes items that do nothing; `runs` is a whole runner, whose operation does nothing; `lags` too,
and prints how long each item took from its enqueue to its work (ns); `cost` prints what a run of seven spans takes
(us).
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Final

import uvloop
from pydantic import BaseModel
from redis.asyncio import Redis

import spantail
from spantail.redaction import Redactor
from spantail_service.jobs.execution import Executor, Run
from spantail_service.jobs.parts import Jobs, Surroundings, open_jobs
from spantail_service.jobs.queue.job_queue import JobQueue
from spantail_service.llm.registry import open_llm
from spantail_service.operations.base import Operation, Tools
from spantail_service.operations.tools import open_tools
from spantail_service.settings import Settings
from spantail_service.storage.connect import connect
from spantail_service.storage.wakeups import WakeUps

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

CONCURRENCY: Final = 64
_REPORT_S: Final = 0.02
_LEASE_S: Final = 60.0


class Given(BaseModel):
    """What the operation is given: when it was queued (ns since the epoch)."""

    sent: int = 0


def operation_of(work: Callable[[int], Awaitable[None]]) -> Operation:
    """The operation `noop`."""

    async def with_tools(given: BaseModel, _: Tools) -> dict[str, Any]:
        await work(given.sent if isinstance(given, Given) else 0)
        return {}

    return Operation(
        name="noop", title="noop", description="", input_model=Given, layers=(), work=with_tools, subject=lambda _: "n"
    )


class Count:
    """Says in Redis how many items this process has done."""

    def __init__(self, url: str) -> None:
        self.done = 0
        self._url = url

    async def report(self) -> None:
        """Say it again and again."""
        async with Redis.from_url(self._url) as redis:
            while True:
                await redis.set(f"bench:count:{os.getpid()}", self.done)
                await asyncio.sleep(_REPORT_S)


async def items(url: str, count: Count) -> None:
    """Claim and finish until the end of the process."""
    redis = connect(url, max_connections=4, timeout_s=10)
    queue = JobQueue(redis)
    while True:
        claimed = (await queue.claim(f"bench:{os.getpid()}:1", _LEASE_S, CONCURRENCY)).items
        await asyncio.gather(*(queue.succeed(item) for item in claimed))
        count.done += len(claimed)
        if not claimed:
            await asyncio.sleep(0.01)


async def opened(url: str, op: Operation, concurrency: int, stack: AsyncExitStack) -> Jobs:
    """The parts of a runner."""
    redis = connect(url, max_connections=16, timeout_s=10)
    telemetry = spantail.configure("bench", redis_url=url)
    settings = Settings(redis_url=url)
    llm = await stack.enter_async_context(open_llm(settings.llm, demo=True, redis=redis))
    tools = await stack.enter_async_context(open_tools(settings.operations, llm, redis, demo=True))
    around = Surroundings(
        settings=settings, redis=redis, wakeups=WakeUps(redis, 8), tools=tools, catalogue={op.name: op},
        flush=lambda _: True, runner_id=telemetry.sink.runner_id if telemetry.sink else "", service="bench",
        kind="runner", concurrency=concurrency,
    )  # fmt: skip
    return await stack.enter_async_context(open_jobs(around))


async def runs(url: str, count: Count) -> None:
    """Be a runner until the end of the process."""

    async def work(_: int) -> None:
        count.done += 1

    async with AsyncExitStack() as stack:
        await opened(url, operation_of(work), CONCURRENCY, stack)
        await asyncio.Event().wait()


async def lags(url: str, count: Count) -> None:
    """Be a runner that says how late each item is."""

    async def work(sent: int) -> None:
        print(time.time_ns() - sent, flush=True)
        count.done += 1

    async with AsyncExitStack() as stack:
        await opened(url, operation_of(work), 4, stack)
        print("ready", flush=True)
        await asyncio.Event().wait()


async def cost(url: str, number: int) -> None:
    """Run an operation of seven spans, one after the other; whether they are traced says the environment."""

    async def work(_: int) -> None:
        for name in ("one", "two", "three"):
            with spantail.layer(name), spantail.phase(f"{name} again"):
                await asyncio.sleep(0)

    op = operation_of(work)
    async with AsyncExitStack() as stack:
        jobs = await opened(url, op, 0, stack)
        executor = Executor(jobs.states, _no_tools(), Redactor.from_environment(), time_limit_s=60)
        begin = time.perf_counter()
        for _ in range(number):
            run = Run(op, Given())
            run.may_work.set()
            await executor.execute(run)
        print((time.perf_counter() - begin) / number * 1e6)


def _no_tools() -> Any:
    return None  # the operation takes none


async def main(kind: str, url: str, number: int) -> None:
    """Do what `kind` says."""
    if kind == "cost":
        await cost(url, number)
        return
    count = Count(url)
    if kind != "lags":
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
    await asyncio.gather({"items": items, "runs": runs, "lags": lags}[kind](url, count), count.report())


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        loop.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
