"""The parts that run operations in a process, put together: the same in the service and in a runner of its own."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from spantail.redaction import Redactor
from spantail_service.jobs.active import ActiveRuns
from spantail_service.jobs.control import RunControl
from spantail_service.jobs.enqueue import Enqueuer
from spantail_service.jobs.execution import Budgets, Executor
from spantail_service.jobs.launcher import Launcher
from spantail_service.jobs.queue.job_queue import JobQueue
from spantail_service.jobs.retry import RunRetry
from spantail_service.jobs.runners.living import RunnerPresence, RunnerRegistry
from spantail_service.jobs.runners.recovery import Recovery
from spantail_service.jobs.runners.runner import QueueRunner
from spantail_service.jobs.states import RunStates
from spantail_service.storage.run_writes import RunStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from redis.asyncio import Redis

    from spantail_service.operations.base import Operation, Tools
    from spantail_service.settings import Settings
    from spantail_service.storage.wakeups import WakeUps


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the parts work with."""

    settings: Settings
    redis: Redis
    wakeups: WakeUps
    tools: Tools
    catalogue: Mapping[str, Operation]
    flush: Callable[[float], bool]
    """Waits until the spans made so far are stored, for as many seconds at most; called on a thread."""
    runner_id: str
    service: str
    kind: Literal["service", "runner"]
    concurrency: int
    """How many items of the queue are taken at a time; 0 for none."""
    budgets: Budgets | None = None


@dataclass(frozen=True, slots=True)
class Jobs:
    """The parts."""

    states: RunStates
    queue: JobQueue
    enqueuer: Enqueuer
    launcher: Launcher
    control: RunControl
    retry: RunRetry
    active: ActiveRuns
    runners: RunnerRegistry
    runner: QueueRunner | None
    """None where this process takes nothing from the queue."""
    presence: RunnerPresence

    async def drain(self, timeout_s: float) -> None:
        """Take nothing more from the queue, and wait for what was begun, at most `timeout_s` seconds."""
        self.presence.draining = True
        if self.runner is not None:
            await self.runner.drain(timeout_s)


@asynccontextmanager
async def open_jobs(around: Surroundings) -> AsyncIterator[Jobs]:
    """The parts of one process, for the time of its life. At its end, what comes from the queue goes back there."""
    settings, redis = around.settings, around.redis
    redactor = Redactor.from_environment()
    states, queue = RunStates(redis, RunStore(redis)), JobQueue(redis)
    enqueuer = Enqueuer(
        queue,
        states,
        redactor,
        around.catalogue,
        demo=around.tools.demo,
        max_attempts=settings.jobs.queue_max_attempts,
        service=around.service,
    )
    executor = Executor(
        states, around.tools, redactor, time_limit_s=settings.jobs.run_time_limit_s, budgets=around.budgets
    )
    async with AsyncExitStack() as stack:
        stack.push_async_callback(queue.close)
        active = await stack.enter_async_context(ActiveRuns(redis, around.wakeups, around.runner_id))
        presence = RunnerPresence(redis, around.runner_id, active, kind=around.kind, concurrency=around.concurrency)
        await stack.enter_async_context(presence)
        await stack.enter_async_context(Recovery(queue, states, enqueuer, lease_s=settings.jobs.queue_lease_s))
        runner = None
        if around.concurrency:
            runner = QueueRunner(
                queue=queue,
                enqueuer=enqueuer,
                executor=executor,
                active=active,
                catalogue=around.catalogue,
                wakeups=around.wakeups,
                runner_id=around.runner_id,
                concurrency=around.concurrency,
                lease_s=settings.jobs.queue_lease_s,
            )
            await stack.enter_async_context(runner)
        launcher = Launcher(redis, executor, active, around.flush, max_runs=settings.limits.max_runs)
        yield Jobs(
            states=states,
            queue=queue,
            enqueuer=enqueuer,
            launcher=launcher,
            control=RunControl(redis, states, enqueuer, active),
            retry=RunRetry(states, queue, enqueuer, launcher, around.catalogue),
            active=active,
            runners=RunnerRegistry(redis),
            runner=runner,
            presence=presence,
        )
