"""All that operations need in one process, put together: budgets, LLM backends, tools, and the parts that run them."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Literal, NamedTuple

from spantail_service.jobs.parts import Jobs, Surroundings, open_jobs
from spantail_service.llm.budget import BudgetLedger, BudgetLimits
from spantail_service.llm.registry import open_llm
from spantail_service.operations.catalogue import catalogue
from spantail_service.operations.tools import open_tools
from spantail_service.service_name import service_name

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from redis.asyncio import Redis

    from spantail.live import EventSink
    from spantail_service.operations.base import Operation
    from spantail_service.settings import Settings
    from spantail_service.storage.wakeups import WakeUps


class Work(NamedTuple):
    """What a process has that runs operations."""

    jobs: Jobs
    catalogue: Mapping[str, Operation]
    budgets: BudgetLedger


@asynccontextmanager
async def open_work(
    settings: Settings,
    redis: Redis,
    wakeups: WakeUps,
    sink: EventSink | None,
    *,
    kind: Literal["service", "runner"],
    concurrency: int,
) -> AsyncIterator[Work]:
    """Everything that runs operations in this process, for the time of its life.

    Args:
        settings: All of them.
        redis: Where runs, queue and budgets are.
        wakeups: Tells of changes there.
        sink: Where the spans of this process go; None where they go nowhere.
        kind: What the process is.
        concurrency: How many items of the queue are taken at a time; 0 for none.
    """
    budgets = BudgetLedger.from_settings(settings.budgets, redis)
    limits = BudgetLimits.from_settings(settings.budgets, budgets, demo=settings.demo)
    known = catalogue()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(limits.close)
        llm = await stack.enter_async_context(open_llm(settings.llm, demo=settings.demo, redis=redis, limits=limits))
        tools = await stack.enter_async_context(open_tools(settings.operations, llm, redis, demo=settings.demo))
        around = Surroundings(
            settings=settings,
            redis=redis,
            wakeups=wakeups,
            tools=tools,
            catalogue=known,
            flush=sink.flush if sink is not None else lambda _timeout_s: False,
            runner_id=sink.runner_id if sink is not None else "",
            service=service_name(),
            kind=kind,
            concurrency=concurrency,
            budgets=limits.of_run,
        )
        jobs = await stack.enter_async_context(open_jobs(around))
        yield Work(jobs, known, budgets)
