"""Working on the queue: claims items, runs them, keeps their leases, and hands back what it cannot end."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from typing import TYPE_CHECKING, Final, Literal, Self, TypeVar

from spantail_exporters.model import keys
from spantail_exporters.redis.errors import will_be_back
from spantail_service.jobs.active import ActiveRun
from spantail_service.jobs.execution import Outcome
from spantail_service.jobs.runners.item_run import ItemRefusedError, run_of
from spantail_service.jobs.runners.recovery import LEASE_EXPIRED

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from spantail_service.jobs.active import ActiveRuns
    from spantail_service.jobs.enqueue import Enqueuer
    from spantail_service.jobs.execution import Executor, Run
    from spantail_service.jobs.queue.item import QueueItem
    from spantail_service.jobs.queue.job_queue import JobQueue
    from spantail_service.operations.base import Operation
    from spantail_service.storage.wakeups import WakeUps

logger = logging.getLogger(__name__)

POLL_S: Final = 1.0
"""How often an idle runner looks into the queue, in seconds, whatever it hears of it."""

T = TypeVar("T")

_HANDED_BACK: Final = "handed_back"  # why a run was abandoned that its runner had not begun
_RENEWALS: Final = 3  # in the time of a lease
_AGAIN_S: Final = (0.1, 0.5, 1.0, 2.0, 5.0)
_END_S: Final = 5.0


class _Held:
    """An item that this runner has claimed."""

    __slots__ = ("active", "item", "stopped", "task")

    def __init__(self, item: QueueItem) -> None:
        self.item = item
        self.task: asyncio.Task[None]
        self.active: ActiveRun | None = None
        self.stopped: Literal["", "lost", "drained"] = ""
        """Why its work was stopped, where nobody had cancelled it."""

    def stop(self, why: Literal["lost", "drained"]) -> None:
        """Stop its work, if it goes on; the first reason stays."""
        active = self.active
        if active is not None and not self.stopped and (why == "lost" or not active.run.is_over):
            self.stopped = why
            active.cancel()


class QueueRunner:
    """Works on the queue while its `async with` block lasts; `drain` before its end.

    Args:
        queue: The queue.
        enqueuer: Shows what becomes of items.
        executor: Runs them.
        active: Knows what runs in this process.
        catalogue: The operations by name.
        wakeups: Tells of items at once; without it they are seen within a second.
        runner_id: This process.
        concurrency: How many items it takes at a time.
        lease_s: How long a claim holds, in seconds; it is renewed while the work goes on.
    """

    def __init__(
        self,
        *,
        queue: JobQueue,
        enqueuer: Enqueuer,
        executor: Executor,
        active: ActiveRuns,
        catalogue: Mapping[str, Operation],
        wakeups: WakeUps,
        runner_id: str,
        concurrency: int,
        lease_s: float,
    ) -> None:
        self._queue = queue
        self._enqueuer = enqueuer
        self._executor = executor
        self._active = active
        self._catalogue = catalogue
        self._wakeups = wakeups
        self._runner_id = runner_id
        self._concurrency = concurrency
        self._lease_s = lease_s
        self._held: dict[asyncio.Task[None], _Held] = {}
        self._changed = asyncio.Event()
        self._draining = False
        self._loops: list[asyncio.Task[None]] = []

    @property
    def running(self) -> int:
        """How many items it works on at the moment."""
        return len(self._held)

    async def __aenter__(self) -> Self:
        await self._wakeups.add(keys.QUEUE_READY_CHANNEL, self)
        self._loops = [
            asyncio.create_task(self._claim_again_and_again(), name="spantail-queue-claims"),
            asyncio.create_task(self._renew_again_and_again(), name="spantail-queue-leases"),
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.drain(0.0)
        await self._wakeups.remove(keys.QUEUE_READY_CHANNEL, self)
        for task in self._loops:
            task.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)

    async def drain(self, timeout_s: float) -> None:
        """Take no more, and wait for what was begun, `timeout_s` seconds at most; the rest goes back into the queue."""
        self._draining = True
        self._changed.set()
        if self._loops:
            # What it may just be claiming has to be known. It ends by itself, once Redis answers or does not.
            await asyncio.wait(self._loops[:1], timeout=_END_S)
        if self._held and timeout_s > 0:
            await asyncio.wait(list(self._held), timeout=timeout_s)
        for held in self._held.values():
            held.stop("drained")
        self._executor.hurry()
        if self._held:
            _, left = await asyncio.wait(list(self._held), timeout=_END_S)
            for task in left:
                logger.error("%s did not stop within %.1f s", task.get_name(), _END_S)
                task.cancel()

    # -- as a target of wake-ups --

    def subscribed(self) -> None:
        """Look: what was said before was not heard."""
        self._changed.set()

    def wake(self) -> None:
        """Look."""
        self._changed.set()

    def lost(self) -> None:
        """Do nothing: it looks every second anyway."""

    def close(self) -> None:
        """Do nothing: `drain` ends it."""

    # -- claims --

    async def _claim_again_and_again(self) -> None:
        failures = 0
        while not self._draining:
            self._changed.clear()
            free = self._concurrency - len(self._held)
            wait_s: float | None = None  # until something changes here
            if free > 0:
                try:
                    wait_s = await self._claim(free)
                    failures = 0
                except Exception as error:  # whatever it is, the queue is still there
                    wait_s = _AGAIN_S[min(failures, len(_AGAIN_S) - 1)]
                    failures += 1
                    message = "no items can be claimed, trying again in %.1f s: %r"
                    logger.warning(message, wait_s, error, exc_info=not will_be_back(error))
                    self._changed.clear()
            await self._wait(wait_s)

    async def _claim(self, free: int) -> float:
        """Claim at most `free` items; in how many seconds to look again."""
        claims = await self._queue.claim(self._runner_id, self._lease_s, free)
        for item in claims.items:
            held = _Held(item)
            # A context of its own: the run is not the child of a span.
            task = asyncio.create_task(self._run(held), name=f"spantail-item-{item.id}", context=contextvars.Context())
            held.task = task
            self._held[task] = held
            task.add_done_callback(self._let_go)
        if len(claims.items) == free:
            return 0.0
        return POLL_S if claims.next_due_s is None else min(POLL_S, claims.next_due_s)

    def _let_go(self, task: asyncio.Task[None]) -> None:
        held = self._held.pop(task)
        if held.active is not None:
            self._active.remove(held.active)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("the end of item %s could not be written", held.item.id, exc_info=error)
        self._changed.set()

    async def _wait(self, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return

    # -- one item --

    async def _run(self, held: _Held) -> None:
        item = held.item
        if self._draining:  # its run has not begun, and never will
            next_run_id = await self._until_heard(lambda: self._hand_back(item))
            await self._until_heard(lambda: self._enqueuer.show_abandoned(item, _HANDED_BACK, next_run_id))
            return
        try:
            run = run_of(item, self._catalogue)
        except ItemRefusedError as refused:
            reason = str(refused)
            await self._until_heard(lambda: self._enqueuer.show_ended(item, error=reason))
            await self._until_heard(lambda: self._queue.fail(item, reason))
            return
        held.active = ActiveRun(run, held.task)
        self._active.add(held.active)
        run.begun = asyncio.create_task(self._say_running(run), name="spantail-item-begun")
        outcome = await self._executor.execute(run)
        await asyncio.wait([run.begun])
        await self._end(held, run, outcome)

    async def _say_running(self, run: Run) -> None:
        try:
            await self._executor.running(run)
            if run.item is not None:
                await self._enqueuer.show_followed(run.item)
        except Exception as error:  # noqa: BLE001 - whatever it is, its final state says all of it
            logger.warning("the state of run %s could not be written: %r", run.run_id, error)

    async def _end(self, held: _Held, run: Run, outcome: Outcome) -> None:
        item = held.item
        if held.stopped == "lost":
            logger.warning("item %s was given to another runner: what this one did counts no more", item.id)
            # Where a run follows, the end of this one is written already. Else only this runner can still write it.
            await self._executor.conclude(run, Outcome("abandoned", {"abandoned": {"reason": LEASE_EXPIRED}}))
            return
        if held.stopped == "drained" and outcome.status == "cancelled":
            next_run_id = await self._until_heard(lambda: self._hand_back(item))
            await self._executor.conclude(run, outcome, **({"retried_as": next_run_id} if next_run_id else {}))
            return
        if not run.has_begun:  # so nobody else ends the spans that stand for it
            reason = outcome.fields.get("error", {}).get("message", "")
            await self._until_heard(lambda: self._enqueuer.show_ended(item, error=reason))
        await self._executor.conclude(run, outcome)
        if not await self._until_heard(lambda: self._finish(item, outcome)):
            logger.warning("item %s was given to another runner: its result is not written twice", item.id)

    async def _finish(self, item: QueueItem, outcome: Outcome) -> bool:
        if outcome.status == "completed":
            return await self._queue.succeed(item, outcome.fields.get("result"))
        if outcome.status == "cancelled":
            return await self._queue.stopped(item)
        error = outcome.fields["error"]
        return await self._queue.fail(item, f"{error['type']}: {error['message']}")

    async def _hand_back(self, item: QueueItem) -> str:
        next_run_id = await self._queue.hand_back(item)
        again = await self._queue.get(item.id) if next_run_id else None
        if again is not None and again.run_id == next_run_id:
            await self._enqueuer.show(again)
        return next_run_id

    async def _until_heard(self, say: Callable[[], Awaitable[T]]) -> T:
        """Repeat a call to Redis until it answers; at the end of the process only a few times."""
        failures = 0
        while True:
            try:
                return await say()
            except Exception as error:
                if not will_be_back(error) or (self._draining and failures >= _RENEWALS):
                    raise
            await asyncio.sleep(_AGAIN_S[0 if self._draining else min(failures, len(_AGAIN_S) - 1)])
            failures += 1

    # -- leases --

    async def _renew_again_and_again(self) -> None:
        while True:
            await asyncio.sleep(self._lease_s / _RENEWALS)
            try:
                await self._renew()
            except Exception as error:  # whatever it is, a lease that nobody takes is still ours
                message = "leases cannot be renewed: %r"
                logger.warning(message, error, exc_info=not will_be_back(error))

    async def _renew(self) -> None:
        held = list(self._held.values())
        answers = await self._queue.renew([one.item for one in held], self._lease_s)
        present = set(self._held.values())
        for one, answer in zip(held, answers, strict=True):
            if one not in present:
                continue  # it ended meanwhile, so the answer says nothing
            if answer is None:
                one.stop("lost")
            elif not answer and one.active is not None:
                one.active.cancel()
