"""Queueing operations: from the moment an item is in the queue its run can be seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import orjson
from opentelemetry import trace

from spantail_service.errors import InputRefusedError
from spantail_service.jobs.identity import root_span_id
from spantail_service.jobs.pending import PendingRun, cancelled_changes, pending_changes
from spantail_service.jobs.states import FINAL_STATUSES, State, first_state
from spantail_service.storage.run_writes import now_us

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Literal

    from pydantic import BaseModel

    from spantail.redaction import Redactor
    from spantail_service.jobs.item import QueueItem
    from spantail_service.jobs.queue import JobQueue
    from spantail_service.jobs.states import RunStates
    from spantail_service.operations.base import Operation

MAX_ATTEMPTS = 3
"""How often an item is run, where its runners die, before it is given up."""


class QueuedRun(NamedTuple):
    """The answer to an enqueue."""

    item_id: str
    run_id: str
    status: str


class Enqueuer:
    """Puts operations into the queue, takes them out again, and shows their runs while they wait.

    Args:
        queue: The queue.
        states: Where their states are written.
        redactor: Keeps secrets out of what is shown.
        catalogue: The operations by name.
        demo: Whether operations work on demo data here.
        max_attempts: How often an item is run before it is given up, where nobody says otherwise.
        service: The name of this service.
    """

    def __init__(
        self,
        queue: JobQueue,
        states: RunStates,
        redactor: Redactor,
        catalogue: Mapping[str, Operation],
        *,
        demo: bool = False,
        max_attempts: int = MAX_ATTEMPTS,
        service: str | None = None,
    ) -> None:
        self._queue = queue
        self._states = states
        self._redactor = redactor
        self._catalogue = catalogue
        self._demo = demo
        self._max_attempts = max_attempts
        self._service = service

    async def enqueue(
        self,
        op: Operation,
        given: BaseModel,
        *,
        priority: str = "normal",
        delay_s: float = 0.0,
        max_attempts: int | None = None,
        item_id: str = "",
        budget_usd: float | None = None,
        session_id: str | None = None,
        links: Sequence[trace.SpanContext] = (),
    ) -> QueuedRun:
        """Queue a run of `op`; returns when its root can be seen.

        Args:
            op: The operation.
            given: Its input.
            priority: `high`, `normal` or `low`.
            delay_s: How long it waits at least, in seconds.
            max_attempts: How often it is run, where its runners die, before it is given up.
            item_id: A name of the caller's; the same one again changes nothing. Made up where it is empty.
            budget_usd: What a run of it may spend, in USD.
            session_id: The user's session.
            links: Spans that it comes from, beside the current one.

        Raises:
            InputRefusedError: The priority is not known, or a number is out of range.
            RedisError: Redis cannot be reached. The item may be in the queue all the same.
        """
        contexts = [trace.get_current_span().get_span_context(), *links]
        try:
            queued = await self._queue.enqueue(
                op.name,
                orjson.dumps(given.model_dump(mode="json")),
                item_id=item_id,
                priority=priority,
                delay_s=delay_s,
                max_attempts=self._max_attempts if max_attempts is None else max_attempts,
                links=[traceparent(context) for context in contexts if context.is_valid],
                session_id=session_id or "",
                budget_usd=budget_usd,
            )
        except ValueError as error:
            raise InputRefusedError(str(error)) from None
        if queued.is_new:
            item = await self._queue.get(queued.item_id)
            if item is not None and item.run_id == queued.run_id:
                await self.show(item)
        return QueuedRun(queued.item_id, queued.run_id, "queued" if queued.is_new else queued.status)

    async def retry(self, item_id: str) -> QueuedRun | None:
        """Queue a failed or cancelled item again, as a new run that is linked to the last one.

        Returns:
            None when it is neither failed nor cancelled, or not known.
        """
        if not (run_id := await self._queue.retry(item_id)):
            return None
        item = await self._queue.get(item_id)
        if item is not None and item.run_id == run_id:
            await self.show(item)
        return QueuedRun(item_id, run_id, "queued")

    async def cancel(self, item_id: str) -> Literal["cancelled", "cancelling", ""]:
        """Cancel an item: `cancelled` where it waited, `cancelling` where its runner will do it.

        Empty when it is over, or not known.
        """
        outcome = await self._queue.cancel(item_id)
        if outcome == "cancelled" and (item := await self._queue.get(item_id)) is not None:
            await self.show_cancelled(item)
        return outcome

    async def cancel_run(self, item_id: str, run_id: str) -> Literal["cancelled", "cancelling", ""]:
        """As `cancel`, but only while `run_id` is the item's present run."""
        item = await self._queue.get(item_id)
        return await self.cancel(item_id) if item is not None and item.run_id == run_id else ""

    async def show(self, item: QueueItem) -> None:
        """Show the run of an item that waits, and say in the state of its last run that this one follows."""
        if (pending := self._pending(item)) is not None:
            await self._states.create(
                self.state_of(item, "queued"), pending_changes(pending, self._redactor)
            )  # unless a runner was faster
        if item.earlier_runs:
            await self._states.change(item.earlier_runs[-1], lambda state: {**state, "retried_as": item.run_id})

    async def show_cancelled(self, item: QueueItem) -> None:
        """End what is shown of an item that was cancelled while it waited."""

        def cancelled(state: State) -> State | None:
            over = state["status"] in FINAL_STATUSES
            return None if over else {**state, "status": "cancelled", "finished": ended}

        ended = now_us()
        pending = self._pending(item)
        changes = cancelled_changes(pending, ended, self._redactor) if pending else ()
        state = {**self.state_of(item, "cancelled"), "finished": ended}
        if not await self._states.create(state, changes):  # there is one, unless it was cancelled before it was shown
            await self._states.change(item.run_id, cancelled, changes)

    def state_of(self, item: QueueItem, status: str) -> State:
        """The state of the present run of an item."""
        return first_state(
            item.run_id,
            item.operation,
            orjson.loads(item.input),
            self._redactor,
            status=status,
            demo=self._demo,
            item=item.id,
            session_id=item.session_id,
            budget_usd=item.budget_usd,
            retry_of=item.earlier_runs[-1] if item.earlier_runs else None,
        )

    def _pending(self, item: QueueItem) -> PendingRun | None:
        op = self._catalogue.get(item.operation)
        if op is None:
            return None
        given = op.input_model.model_validate_json(item.input)
        return PendingRun(
            item.run_id,
            op.title,
            op.run_name(given),
            item.id,
            item.queued,
            op.layers,
            links_of(item),
            item.session_id,
            self._service,
        )


def links_of(item: QueueItem) -> list[str]:
    """The spans that the present run of an item comes from, each as W3C `traceparent`; the run before it comes last."""
    before = [f"00-{run_id}-{root_span_id(run_id)}-01" for run_id in item.earlier_runs[-1:]]
    return [*item.links, *before]


def traceparent(context: trace.SpanContext) -> str:
    """A span's context as W3C `traceparent`."""
    ids = f"{trace.format_trace_id(context.trace_id)}-{trace.format_span_id(context.span_id)}"
    return f"00-{ids}-{int(context.trace_flags):02x}"
