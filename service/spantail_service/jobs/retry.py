"""Running a run once more: a new run on the same input, which is linked to the old one."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import orjson
from opentelemetry import trace
from pydantic import ValidationError

from spantail_service.errors import ConflictError, RunNotFoundError
from spantail_service.jobs.states import FINAL_STATUSES, State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spantail_service.jobs.enqueue import Enqueuer
    from spantail_service.jobs.launcher import Launcher
    from spantail_service.jobs.queue.job_queue import JobQueue
    from spantail_service.jobs.states import RunStates
    from spantail_service.operations.base import Operation


class RetriedRun(NamedTuple):
    """The answer to a retry."""

    run_id: str
    status: str
    retry_of: str


class RunRetry:
    """Repeats runs: those of a failed or cancelled item of the queue by the queue, others at once.

    Args:
        states: Their states.
        queue: Keeps the input of what was queued.
        enqueuer: Queues an item again.
        launcher: Starts all others.
        catalogue: The operations by name.
    """

    def __init__(
        self,
        states: RunStates,
        queue: JobQueue,
        enqueuer: Enqueuer,
        launcher: Launcher,
        catalogue: Mapping[str, Operation],
    ) -> None:
        self._states = states
        self._queue = queue
        self._enqueuer = enqueuer
        self._launcher = launcher
        self._catalogue = catalogue

    async def retry(self, run_id: str) -> RetriedRun:
        """Run it again; the old run's state then says so (`retried_as`).

        Raises:
            RunNotFoundError: No operation of the service has this run id, or its state has expired.
            ConflictError: It has not ended (`run-not-over`), its input was redacted (`input-redacted`), or its
                operation is gone or takes another input now (`unknown-operation`, `input-not-valid`).
            LimitReachedError: Too many operations run.
            UnavailableError: It could not be recorded.
        """
        state = await self._states.get(run_id)
        if state is None:
            raise RunNotFoundError("No operation of this service has this run id, or its state has expired.")
        if state["status"] not in FINAL_STATUSES:
            raise ConflictError("The run has not ended.", kind="run-not-over")
        item_id = state.get("item")
        item = await self._queue.get(item_id) if item_id else None
        if item is not None and item.run_id == run_id and (queued := await self._enqueuer.retry(item.id)):
            return RetriedRun(queued.run_id, queued.status, run_id)
        given = self._input(state) if item is None else orjson.loads(item.input)
        op = self._catalogue.get(state["operation"])
        if op is None:
            raise ConflictError("There is no operation of this name any more.", kind="unknown-operation")
        try:
            parsed = op.input_model.model_validate(given)
        except ValidationError:
            raise ConflictError("The operation takes another input now.", kind="input-not-valid") from None
        started = await self._launcher.start(
            op,
            parsed,
            links=await self._links(run_id),
            retry_of=run_id,
            session_id=state.get("session_id"),
            budget_usd=state.get("budget_usd"),
        )
        await self._states.change(run_id, lambda held: {**held, "retried_as": started.run_id})
        return RetriedRun(started.run_id, started.status, run_id)

    @staticmethod
    def _input(state: State) -> object:
        if state.get("input_redacted"):
            raise ConflictError(
                "The run's input held something secret, which was not kept: start it anew.", kind="input-redacted"
            )
        return state["input"]

    async def _links(self, run_id: str) -> list[trace.SpanContext]:
        root = await self._states.root_of(run_id)
        flags = trace.TraceFlags(trace.TraceFlags.SAMPLED)
        return [trace.SpanContext(int(run_id, 16), int(root, 16), is_remote=True, trace_flags=flags)] if root else []
