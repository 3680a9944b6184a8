"""The parts that work on the queue, in a process made for tests: its operations, its ids, its end."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ConfigDict

import spantail
from spantail_service.jobs.parts import Jobs, Surroundings, open_jobs
from spantail_service.llm.registry import open_llm
from spantail_service.operations.base import Operation, OperationError, Tools, subject_of, work_on
from spantail_service.operations.tools import open_tools
from spantail_service.settings import Settings
from spantail_service.storage.wakeups import WakeUps

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from redis.asyncio import Redis

    from spantail_service.operations.base import Result

EFFECTS: Final = "test:effects"
"""LIST of the names of items whose work was done, each time it was: what an operation does to the world."""


class Given(BaseModel):
    """What an operation of these tests is given."""

    model_config = ConfigDict(extra="forbid")

    name: str
    work_s: float = 0.0


def operations_on(redis: Redis) -> dict[str, Operation]:
    """`step` works for a time and leaves an effect, `fail` fails."""

    async def step(given: Given, _: Tools) -> Result:
        with spantail.layer("before"):
            await asyncio.sleep(given.work_s)
        with spantail.layer("after"):
            lists: Any = redis
            await lists.rpush(EFFECTS, given.name)
        return {"name": given.name}

    async def fail(given: Given, _: Tools) -> Result:
        raise OperationError(f"{given.name} cannot be done")

    return {op.name: op for op in (_operation("step", step), _operation("fail", fail))}


def _operation(name: str, work: Callable[[Given, Tools], Awaitable[Result]]) -> Operation:
    return Operation(
        name=name,
        title=f"test {name}",
        description="Made for a test.",
        input_model=Given,
        layers=("before", "after") if name == "step" else (),
        work=work_on(Given, work),
        subject=subject_of(Given, lambda given: given.name),
    )


@asynccontextmanager
async def jobs_on(redis: Redis, url: str, *, concurrency: int, lease_s: float) -> AsyncIterator[Jobs]:
    """The parts of a runner that uses `redis`; with no `concurrency` those of a service that leaves the work to others.

    Args:
        redis: What all of the parts use, but for the span pipeline.
        url: The same Redis.
        concurrency: How many items are taken at a time.
        lease_s: How long a claim holds, in seconds.
    """
    telemetry = spantail.configure("queue-test", redis_url=url, log_capture=False, handle_sigterm=False)
    assert telemetry.sink is not None
    wakeups = WakeUps(redis, 8)
    settings = Settings(redis_url=url, queue_lease_s=lease_s)
    try:
        async with (
            open_llm(settings.llm, demo=True) as llm,
            open_tools(settings.operations, llm, redis, demo=True) as tools,
            open_jobs(
                Surroundings(
                    settings=settings,
                    redis=redis,
                    wakeups=wakeups,
                    tools=tools,
                    catalogue=operations_on(redis),
                    flush=telemetry.sink.flush,
                    runner_id=telemetry.sink.runner_id,
                    service="queue-test",
                    kind="runner" if concurrency else "service",
                    concurrency=concurrency,
                )
            ) as jobs,
        ):
            yield jobs
    finally:
        await wakeups.close()
        await asyncio.to_thread(telemetry.shutdown, 5.0)
