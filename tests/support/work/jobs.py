"""Operations made for tests, and the parts that run them, as a process of the service has them."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from opentelemetry import propagate, trace
from pydantic import BaseModel, ConfigDict

import spantail
from spantail_service.jobs.parts import Jobs, Surroundings, open_jobs
from spantail_service.jobs.queue.job_queue import JobQueue
from spantail_service.llm.registry import open_llm
from spantail_service.operations.base import Operation, OperationError, Tools, subject_of, work_on
from spantail_service.operations.tools import open_tools
from spantail_service.settings import Settings
from spantail_service.storage.connect import connect
from spantail_service.storage.wakeups import WakeUps
from tests.support.waiting import eventually_async

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from redis.asyncio import Redis

    from spantail_service.operations.base import Result

PART = "test:part"
"""Set once the part of another process is done."""

BEGUN, DONE, GO = "test:begun", "test:done", "test:go"
"""Lists of the names of steps that were begun and done; what is set when those that hold may go on."""


class Step(BaseModel):
    """What a test operation is given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = "one"
    hold: bool = False
    """It waits until `GO` is set."""
    note: str = ""
    """Anything; a secret in it is not kept."""


def operation_of(
    name: str, work: Callable[[Step, Tools], Awaitable[Result]], *, time_limit_s: float | None = None
) -> Operation:
    """An operation that takes a `Step`."""
    return Operation(
        name=name,
        title=name.replace("-", " "),
        description=f"Made for a test: {name}.",
        input_model=Step,
        layers=("before", "after"),
        work=work_on(Step, work),
        subject=subject_of(Step, lambda step: step.name),
        time_limit_s=time_limit_s,
    )


def operations_in(redis: Redis) -> dict[str, Operation]:
    """`step` says in Redis what it does, `fail` fails, `stuck` has a short time limit, `endless` a long one; `both`
    leaves a part of its work to another process, which runs `part`.
    """

    async def step(given: Step, _: Tools) -> Result:
        redis_lists: Any = redis
        with spantail.layer("before"):
            await redis_lists.rpush(BEGUN, given.name)
        with spantail.layer("after"):
            if given.hold:
                await eventually_async(lambda: _exists(redis, GO), 600)
            await redis_lists.rpush(DONE, given.name)
        return {"name": given.name}

    async def fail(given: Step, _: Tools) -> Result:
        raise OperationError(f"{given.name} cannot be done")

    async def stuck(_: Step, __: Tools) -> Result:
        with spantail.phase("waiting for ever"):
            await asyncio.Event().wait()
        return {}

    async def both(_: Step, __: Tools) -> Result:
        carrier: dict[str, str] = {}
        propagate.inject(carrier)
        await JobQueue(redis).enqueue("part", Step(note=carrier["traceparent"]).model_dump_json().encode())
        await eventually_async(lambda: _exists(redis, PART), 60)
        return {}

    async def part(given: Step, _: Tools) -> Result:
        outer = propagate.extract({"traceparent": given.note})
        tracer = trace.get_tracer("test")
        with tracer.start_as_current_span("part of another", context=outer), spantail.phase("inside"):
            await redis.set(PART, 1)
        return {}

    made = (
        operation_of("both", both),
        operation_of("part", part),
        operation_of("step", step),
        operation_of("fail", fail),
        operation_of("stuck", stuck, time_limit_s=0.05),
        operation_of("endless", stuck),
    )
    return {op.name: op for op in made}


async def _exists(redis: Redis, key: str) -> Any:
    return await redis.exists(key)


@asynccontextmanager
async def opened_jobs(
    redis_url: str,
    *,
    concurrency: int = 2,
    runner_id: str = "",
    operations: Mapping[str, Operation] | None = None,
    **settings: Any,
) -> AsyncIterator[Jobs]:
    """The parts of a process, with the operations of `operations_in` and those that are given beside them.

    Args:
        redis_url: The Redis.
        concurrency: How many items of the queue are taken at a time; 0 for none.
        runner_id: Who it is; made by the span pipeline where it is empty.
        operations: Further operations, by name.
        settings: As for the service.
    """
    redis = connect(redis_url, max_connections=16, timeout_s=5.0)
    telemetry = spantail.configure("test", redis_url=redis_url, log_capture=False, handle_sigterm=False)
    wakeups = WakeUps(redis, 16)
    assert telemetry.sink is not None
    made = Settings(redis_url=redis_url, **settings)
    try:
        async with open_llm(made.llm, demo=True) as llm, open_tools(made.operations, llm, redis, demo=True) as tools:
            around = Surroundings(
                settings=made,
                redis=redis,
                wakeups=wakeups,
                tools=tools,
                catalogue={**operations_in(redis), **(operations or {})},
                flush=telemetry.sink.flush,
                runner_id=runner_id or telemetry.sink.runner_id,
                service="test",
                kind="runner",
                concurrency=concurrency,
            )
            async with open_jobs(around) as jobs:
                yield jobs
                await jobs.launcher.close(5.0)
    finally:
        await wakeups.close()
        await asyncio.to_thread(telemetry.shutdown, 5.0)
        await redis.aclose()
