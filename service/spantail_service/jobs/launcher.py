"""Starting operations directly: each is a task of its own and the root of a new trace."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from typing import TYPE_CHECKING, Final, NamedTuple

from opentelemetry import trace

from spantail_exporters.model import keys
from spantail_exporters.redis.errors import REDIS_UNREACHABLE
from spantail_service.errors import RETRY_AFTER_S, LimitReachedError, UnavailableError
from spantail_service.jobs.active import ActiveRun
from spantail_service.jobs.execution import Run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pydantic import BaseModel
    from redis.asyncio import Redis

    from spantail_service.jobs.active import ActiveRuns
    from spantail_service.jobs.execution import Executor, Outcome
    from spantail_service.llm import OnText
    from spantail_service.operations.base import Operation

logger = logging.getLogger(__name__)

ROOT_STORED_S: Final = 2.0
"""How long a start may wait for its root event to be stored, in seconds."""

_AGAIN_S: Final = 5  # after so many seconds a caller that was refused may come again


class StartedRun(NamedTuple):
    """The answer to a start."""

    run_id: str
    status: str


class Launcher:
    """Starts operations in the background, counts them, and stops them when the process ends.

    Args:
        redis: Where runs are stored.
        executor: Runs them.
        active: Knows what runs in this process.
        flush: Waits until the spans made so far are stored, for as many seconds at most; called on a thread.
        max_runs: How many may run at a time.
    """

    def __init__(
        self,
        redis: Redis,
        executor: Executor,
        active: ActiveRuns,
        flush: Callable[[float], bool],
        *,
        max_runs: int,
    ) -> None:
        self._redis = redis
        self._executor = executor
        self._active = active
        self._flush = flush
        self._max_runs = max_runs
        self._tasks: dict[asyncio.Task[None], Run] = {}
        self._closing = False

    @property
    def running(self) -> int:
        """How many operations run at the moment."""
        return len(self._tasks)

    async def start(
        self,
        op: Operation,
        given: BaseModel,
        *,
        on_text: OnText | None = None,
        on_end: Callable[[Outcome], None] | None = None,
        budget_usd: float | None = None,
        session_id: str | None = None,
        links: Sequence[trace.SpanContext] = (),
        retry_of: str | None = None,
    ) -> StartedRun:
        """Start `op`; returns when its root event is stored, while the work goes on.

        Args:
            op: The operation.
            given: Its input.
            on_text: Takes the text of answers as it arrives, see `Tools.on_text`.
            on_end: Is told how the run ended, once that is stored.
            budget_usd: What the run may spend, in USD.
            session_id: The user's session.
            links: Spans that it comes from, beside the current one.
            retry_of: The run that it repeats.

        Raises:
            LimitReachedError: too many operations run.
            UnavailableError: the root event could not be stored in time, or the process is stopping. The work has
                not begun then.
        """
        if self._closing:
            raise UnavailableError("The service is about to stop.", kind="stopping", retry_after_s=_AGAIN_S)
        if len(self._tasks) >= self._max_runs:
            raise LimitReachedError(
                f"{self._max_runs} operations are running, which is the limit.",
                kind="too-many-runs",
                retry_after_s=_AGAIN_S,
            )
        contexts = [trace.get_current_span().get_span_context(), *links]
        run = Run(
            op,
            given,
            [trace.Link(context) for context in contexts if context.is_valid],
            on_text=on_text,
            budget_usd=budget_usd,
            session_id=session_id,
            retry_of=retry_of,
        )
        # A context of its own: what is logged about the run must not stand in the request's span.
        task = asyncio.create_task(
            self._run(run, on_end), name=f"spantail-run-{op.name}", context=contextvars.Context()
        )
        self._tasks[task] = run
        task.add_done_callback(self._tasks.pop)
        try:
            await self._store_start(run, await run.root)
        except BaseException:
            task.cancel()
            raise
        active = ActiveRun(run, task)
        self._active.add(active)
        task.add_done_callback(lambda _: self._active.remove(active))
        run.may_work.set()
        return StartedRun(run.run_id, "running")

    def cancel(self, run_id: str) -> bool:
        """Ask a run of this process to stop; False when there is none of that id, or its work is over."""
        return self._active.cancel(run_id)

    def stop_waiting(self) -> None:
        """Take no more, and stop the runs whose text somebody reads: the web server's end waits for such readers."""
        self._closing = True
        for task, run in self._tasks.items():
            if run.on_text is not None and not run.is_over:
                task.cancel()

    async def close(self, timeout_s: float) -> None:
        """Take no more, cancel what works, and wait until the end of each is written, at most `timeout_s` seconds."""
        self._closing = True
        self._executor.hurry()
        for task, run in self._tasks.items():
            if not run.is_over:
                task.cancel()
        if self._tasks:
            _, pending = await asyncio.wait(list(self._tasks), timeout=timeout_s)
            for task in pending:
                logger.error("%s did not stop within %.1f s", task.get_name(), timeout_s)
                task.cancel()

    async def _run(self, run: Run, on_end: Callable[[Outcome], None] | None) -> None:
        outcome = await self._executor.execute(run)
        try:
            if run.state is not None:
                await self._executor.conclude(run, outcome)
        finally:
            if on_end is not None:
                on_end(outcome)

    async def _store_start(self, run: Run, span_id: str) -> None:
        try:
            async with asyncio.timeout(ROOT_STORED_S):
                await asyncio.to_thread(self._flush, ROOT_STORED_S)
                if await self._redis.hexists(keys.run_keys(run.run_id).spans, span_id):
                    await self._executor.running(run)
                    return
                logger.warning("%s was not started, its root was not stored: is sampling off?", run.op.name)
        except (TimeoutError, *REDIS_UNREACHABLE) as error:
            logger.warning("%s was not started, its root could not be stored: %r", run.op.name, error)
        raise UnavailableError(
            f"The run could not be recorded within {ROOT_STORED_S:.0f} seconds, so it was not started.",
            kind="run-not-stored",
            retry_after_s=RETRY_AFTER_S,
        )
