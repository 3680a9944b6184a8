"""Running an operation as a run: its root span, its state, its time limit and budget, its end.

Whoever starts operations does it by this: directly, with the text of answers to the caller, or from the queue.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from opentelemetry import trace

from spantail import Scope, operation
from spantail.attributes import KIND_QUEUE, RUN_NAME
from spantail.scopes.prescription import prescribed
from spantail_exporters.redis.errors import will_be_back
from spantail_service.bounds.cancel import cancel
from spantail_service.jobs.pending import WAIT_NAME, wait_attributes
from spantail_service.jobs.queue.identity import root_span_id, wait_span_id
from spantail_service.jobs.queue.wait import measure_wait
from spantail_service.jobs.states import State, error_fields, first_state, result_fields
from spantail_service.operations.base import OperationError
from spantail_service.storage.run_writes import now_us

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator, Sequence
    from contextlib import AbstractAsyncContextManager

    from pydantic import BaseModel

    from spantail.redaction import Redactor
    from spantail_service.jobs.queue.item import QueueItem
    from spantail_service.jobs.states import RunStates
    from spantail_service.llm import OnText
    from spantail_service.operations.base import Operation, Tools

logger = logging.getLogger(__name__)

_STATE_RETRY_S: Final = (0.1, 0.5, 1.0, 2.0, 5.0)
_BEGUN_S: Final = 1.0  # at most: it is late only while Redis is away, and then so are the spans


class TimeLimitError(OperationError):
    """A run took longer than it may."""


class NoPrescribedIdError(OperationError):
    """A queued run cannot have the id that it was given."""

    def __init__(self) -> None:
        super().__init__(
            "the tracer provider of this process was not made by spantail.configure(), so a queued run cannot have "
            "the id that it was given: start the process without another one"
        )


class NotRecordedError(OperationError):
    """Nobody would see what a queued run does."""

    def __init__(self) -> None:
        super().__init__("its spans are not recorded, so it was not begun: is sampling off (OTEL_TRACES_SAMPLER)?")


class Budgets(Protocol):
    """Opens the budget of a run."""

    def __call__(
        self, run_id: str, operation: str, *, session_id: str | None, limit_usd: float | None
    ) -> AbstractAsyncContextManager[object]:
        """Bound what is spent within the block.

        Args:
            run_id: The run.
            operation: The operation's name.
            session_id: The user's session, if there is one.
            limit_usd: What this run may spend; None as the settings say.
        """


class Outcome(NamedTuple):
    """How a run ended."""

    status: str
    """`completed`, `failed` or `cancelled`; `abandoned` where its item was taken from its runner."""
    fields: State
    """What its final state says beside that: `result`, `error` or `abandoned`."""


@dataclass(slots=True, eq=False)
class Run:
    """One run on its way; made on a running event loop."""

    op: Operation
    given: BaseModel
    links: Sequence[trace.Link] = ()
    on_text: OnText | None = None
    budget_usd: float | None = None
    session_id: str | None = None
    retry_of: str | None = None
    """The run that this one repeats."""
    item: QueueItem | None = None
    """The item of the queue that it is a run of, which says its id."""
    run_id: str = ""
    root: asyncio.Future[str] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    """Its root's span id, once that has started."""
    may_work: asyncio.Event = field(default_factory=asyncio.Event)
    """Set by whoever starts it, once all is stored that has to be before."""
    begun: asyncio.Task[None] | None = None
    """Writes that it runs. Its root ends after that: a run that ended before it had a state would settle twice."""
    has_begun: bool = False
    """Its root has started."""
    is_over: bool = False
    """Its work has ended; only its final state may still have to be written."""
    state: State | None = None
    """The last state of it that was written; None before the first."""


class Executor:
    """Runs operations, each in a task of its caller's.

    Args:
        states: Where the states of runs are written.
        tools: What operations work with.
        redactor: Keeps secrets out of the states.
        time_limit_s: How long a run may take, in seconds, where its operation does not say.
        budgets: Opens the budget of a run; None where there are none.
    """

    def __init__(
        self,
        states: RunStates,
        tools: Tools,
        redactor: Redactor,
        *,
        time_limit_s: float,
        budgets: Budgets | None = None,
    ) -> None:
        self._states = states
        self._tools = tools
        self._redactor = redactor
        self._time_limit_s = time_limit_s
        self._budgets = budgets
        self._closing = asyncio.Event()

    def hurry(self) -> None:
        """The process is about to end: wait no longer for a Redis that is away."""
        self._closing.set()

    async def execute(self, run: Run) -> Outcome:
        """Do the work of a run; whatever it raises, a cancellation too, becomes the outcome."""
        try:
            with self._root(run) as scope:
                run.run_id, run.has_begun = scope.run_id, True
                run.root.set_result(scope.span_id)
                await run.may_work.wait()
                try:
                    result = await self._work(run)
                finally:
                    if run.begun is not None:
                        await asyncio.wait([run.begun], timeout=_BEGUN_S)
            return Outcome("completed", self._kept(result))
        except asyncio.CancelledError:
            if task := asyncio.current_task():
                task.uncancel()
            return Outcome("cancelled", {})
        except Exception as error:  # noqa: BLE001 - whatever it is, the run has failed
            # The span has it with its traceback; this is what the run state and our own log keep.
            fields = error_fields(error, self._redactor)
            logger.warning("%s failed: %s: %s", run.op.name, type(error).__name__, fields["error"]["message"])
            if not run.root.done():
                run.root.set_exception(error)
                run.root.exception()  # perhaps nobody waits for it
            return Outcome("failed", fields)
        finally:
            run.root.cancel()
            run.is_over = True

    async def running(self, run: Run) -> None:
        """Write that a run has begun. Raises redis-py's errors."""
        item = run.item
        run.state = first_state(
            run.run_id,
            run.op.name,
            run.given.model_dump(mode="json"),
            self._redactor,
            status="running",
            demo=self._tools.demo,
            item=item.id if item else None,
            session_id=run.session_id,
            budget_usd=run.budget_usd,
            retry_of=run.retry_of,
        )
        if item is not None:
            run.state["created"] = item.queued
        await self._states.write(run.state)

    async def conclude(self, run: Run, outcome: Outcome, **more: Any) -> None:
        """Write the final state of a run, however long Redis is away: without it the run would never settle.

        A run that was given to another runner meanwhile is left as it is.
        """
        attempt = 0
        while True:
            try:
                await self._write(run, {"status": outcome.status, "finished": now_us(), **outcome.fields, **more})
            except Exception as error:
                may_pass = will_be_back(error)
                if not may_pass or (self._closing.is_set() and attempt > 0):
                    message = "the final state of run %s could not be stored: %r"
                    logger.log(logging.ERROR, message, run.run_id, error, exc_info=not may_pass)
                    return
            else:
                return
            await self._pause(attempt)
            attempt += 1

    async def _write(self, run: Run, fields: State) -> None:
        before = run.state or {}

        def final(held: State) -> State | None:
            is_elsewhere = held.get("retried_as") not in {None, fields.get("retried_as")}
            return None if is_elsewhere else {**held, **before, **fields}

        if await self._states.change(run.run_id, final) is None and await self._states.get(run.run_id) is None:
            await self._states.write({**before, **fields})  # Redis lost it

    async def _pause(self, attempt: int) -> None:
        if self._closing.is_set():
            await asyncio.sleep(_STATE_RETRY_S[0])
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(_STATE_RETRY_S[min(attempt, len(_STATE_RETRY_S) - 1)]):
                await self._closing.wait()

    @contextmanager
    def _root(self, run: Run) -> Iterator[Scope]:
        scope = operation(
            run.op.title,
            root=True,
            links=run.links,
            layers=run.op.layers,
            attributes={RUN_NAME: run.op.run_name(run.given)},
            session_id=run.session_id,
        ).measured_as(run.op.name, demo=self._tools.demo)
        with ExitStack() as stack:
            if run.item is None:
                yield stack.enter_context(scope)
                return
            # not later than now, whatever Redis' clock says
            start_ns = min(run.item.queued, now_us()) * 1_000
            with prescribed(run.item.run_id, root_span_id(run.item.run_id), start_ns):
                stack.enter_context(scope)
            if scope.run_id != run.item.run_id:
                raise NoPrescribedIdError
            if not scope.span.is_recording():
                raise NotRecordedError
            wait = operation(WAIT_NAME, kind=KIND_QUEUE, attributes=wait_attributes(run.item.id))
            with prescribed(run.item.run_id, wait_span_id(run.item.run_id), start_ns):
                wait.__enter__()
            wait.__exit__(None, None, None)
            measure_wait(run.item, trace.set_span_in_context(scope.span))
            yield scope

    async def _work(self, run: Run) -> dict[str, Any]:
        limit_s = self._time_limit_s if run.op.time_limit_s is None else run.op.time_limit_s
        tools = self._tools if run.on_text is None else replace(self._tools, on_text=run.on_text)
        async with AsyncExitStack() as stack:
            if self._budgets is not None:
                budget = self._budgets(run.run_id, run.op.name, session_id=run.session_id, limit_usd=run.budget_usd)
                await stack.enter_async_context(budget)
            return await _within(limit_s, run.op, run.op.work(run.given, tools))

    def _kept(self, result: dict[str, Any]) -> State:
        try:
            return result_fields(result, self._redactor)
        except TypeError:
            logger.exception("a result is not JSON")
            return {}


async def _within(limit_s: float, op: Operation, work: Awaitable[dict[str, Any]]) -> dict[str, Any]:
    """The result of some work; it is over when this returns or raises, and for certain, see `_stop`."""

    async def result() -> dict[str, Any]:
        return await work

    task = asyncio.create_task(result(), name=f"spantail-work-{op.name}")
    try:
        done, _ = await asyncio.wait({task}, timeout=limit_s)
    except asyncio.CancelledError:
        await _stop(task)
        raise
    if not done:
        await _stop(task)
        raise TimeLimitError(f"{op.title} was stopped after {limit_s:g} s, its time limit")
    return task.result()


async def _stop(task: asyncio.Task[Any]) -> None:
    """As `cancel`, also where its caller is cancelled meanwhile: by a second request, or because the process ends."""
    stopping = asyncio.ensure_future(cancel(task))
    impatient: asyncio.CancelledError | None = None
    while not stopping.done():
        try:
            await asyncio.wait({stopping})
        except asyncio.CancelledError as error:
            impatient = error
    if impatient is not None:
        raise impatient
