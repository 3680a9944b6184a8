"""Queueing operations: from the moment an item is in the queue its run can be seen."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import orjson
from opentelemetry import trace

from spantail_service.errors import InputRefusedError
from spantail_service.jobs.pending import PendingRun, abandoned_changes, ended_changes, pending_changes
from spantail_service.jobs.queue.identity import root_span_id, wait_span_id
from spantail_service.jobs.queue.item import ItemStatus
from spantail_service.jobs.states import FINAL_STATUSES, State, first_state
from spantail_service.storage.run_writes import now_us

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Literal

    from pydantic import BaseModel

    from spantail.redaction import Redactor
    from spantail_service.jobs.queue.item import QueueItem
    from spantail_service.jobs.queue.job_queue import JobQueue
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
        item = await self._queue.get(queued.item_id)
        if item is not None and item.run_id == queued.run_id:
            await self.show_as_it_is(item)
        return QueuedRun(queued.item_id, queued.run_id, "queued" if queued.is_new else queued.status)

    async def retry(self, item_id: str) -> QueuedRun | None:
        """Queue a failed or cancelled item again, as a new run that is linked to the last one.

        Returns:
            None when it is neither failed nor cancelled, or not known.
        """
        if (item := await self._queue.get(item_id)) is not None:
            await self.show_as_it_is(item)
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
        if outcome != "cancelling" and (item := await self._queue.get(item_id)) is not None:
            await self.show_as_it_is(item)
        return outcome

    async def cancel_run(self, item_id: str, run_id: str) -> Literal["cancelled", "cancelling", ""]:
        """As `cancel`, but only while `run_id` is the item's present run."""
        item = await self._queue.get(item_id)
        return await self.cancel(item_id) if item is not None and item.run_id == run_id else ""

    async def show_as_it_is(self, item: QueueItem) -> None:
        """Bring what is shown of an item's run to what the queue says of it.

        Whoever asked for the change may have died right after it: then the one who asks again finds it done.
        """
        # A runner may have it already, and not have said so of the run yet.
        if item.status in {ItemStatus.PENDING, ItemStatus.DELAYED, ItemStatus.RUNNING}:
            await self.show(item)
        elif item.status is ItemStatus.CANCELLED:
            state = await self._states.get(item.run_id)
            if state is None or state["status"] == "queued":
                await self.show_ended(item)

    async def show(self, item: QueueItem) -> None:
        """Show the run of an item that waits, and say in the state of its last run that this one follows."""
        # Where a runner was faster, there is a state, and nothing to be done.
        await self._states.create(self.state_of(item, "queued"), pending_changes(self._pending(item), self._redactor))
        await self.show_followed(item)

    async def show_followed(self, item: QueueItem) -> None:
        """Say in the state of an item's last run that its present one follows."""
        if item.earlier_runs:
            await self._states.change(
                item.earlier_runs[-1],
                lambda state: None if "retried_as" in state else {**state, "retried_as": item.run_id},
            )

    async def show_ended(self, item: QueueItem, *, error: str = "") -> None:
        """End what is shown of a run that never began: it was cancelled where there is no `error`."""
        ended = now_us()
        changes = ended_changes(self._pending(item), ended, self._redactor, error=error)
        status = "failed" if error else "cancelled"
        over: State = {"finished": ended}
        if error:
            over["error"] = {"type": "OperationError", "message": error}
        # There is a state, unless it ended before it was shown.
        if not await self._states.create({**self.state_of(item, status), **over}, changes):
            await self._states.change(
                item.run_id,
                lambda state: None if state["status"] in FINAL_STATUSES else {**state, **over, "status": status},
                changes,
            )

    async def show_abandoned(self, item: QueueItem, reason: str, next_run_id: str) -> None:
        """End the present run of an item whose runner has died, as far as it is not over.

        Args:
            item: The item as it was then.
            reason: A word for why.
            next_run_id: The run that follows; empty where none does.
        """
        ended = now_us()
        root, wait = root_span_id(item.run_id), wait_span_id(item.run_id)
        unclaimed = await self._states.without_runner(item.run_id, [root, wait])
        pending = abandoned_changes(self._pending(item), ended, reason, self._redactor)

        def abandoned(state: State) -> State:
            followed = {"retried_as": next_run_id} if next_run_id else {}
            over = {} if state["status"] in {"completed", "failed"} else {
                "status": "abandoned", "finished": ended, "abandoned": {"reason": reason},
            }  # fmt: skip
            return {**state, **over, **followed}

        await self._states.change(item.run_id, abandoned, [one for one in pending if one.span_id in unclaimed])

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

    def _pending(self, item: QueueItem) -> PendingRun:
        op = self._catalogue.get(item.operation)
        title = name = item.operation
        if op is not None:
            title = name = op.title
            # It may take another input by now, and its name may be somebody else's code.
            with suppress(Exception):
                name = op.run_name(op.input_model.model_validate_json(item.input))
        return PendingRun(
            item.run_id,
            title,
            name,
            item.id,
            item.queued,
            op.layers if op else (),
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
