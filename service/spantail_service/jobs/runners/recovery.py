"""Items whose runner has died: those whose run had ended are finished, the others run again."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final, Self

import orjson

from spantail_exporters.model.limits import OPEN_EXPIRY_S
from spantail_exporters.redis.errors import will_be_back
from spantail_service.bounds.cancel import cancel
from spantail_service.jobs.queue.item import ItemStatus, QueueItem
from spantail_service.storage.liveness import GAP_SHARE, Interrupted, Liveness, clock
from spantail_service.storage.run_writes import now_us

if TYPE_CHECKING:
    from spantail_service.jobs.enqueue import Enqueuer
    from spantail_service.jobs.queue.job_queue import JobQueue
    from spantail_service.jobs.states import RunStates, State

logger = logging.getLogger(__name__)

LEASE_EXPIRED: Final = "lease_expired"
"""Why a run was abandoned: its runner did not renew the lease of its item."""

_SWEEP_S: Final = 1.0
_LEAST_GAP_S: Final = 2 * _SWEEP_S
_SHOWN_S: Final = 10.0  # whoever has just cancelled an item is about to show it
_QUEUED_AT_A_TIME: Final = 50
_RENEWED_S: Final = OPEN_EXPIRY_S / 2  # a run that waits is kept for longer when less than this is left of its time
_WAITS: Final = frozenset({ItemStatus.PENDING, ItemStatus.DELAYED})
_DELETED: Final = "its item was deleted from the queue"


class Recovery:
    """Looks every second for items whose lease has run out, while its `async with` block lasts.

    Any number of processes may do so at a time: each item is taken by one. Nothing is taken until Redis has answered
    without a gap for one whole lease: while it was away, or stood still, nobody could renew one.

    Args:
        queue: The queue.
        states: The states of runs.
        enqueuer: Shows what becomes of an item.
        lease_s: How long a lease of the queue lasts, in seconds.
    """

    def __init__(self, queue: JobQueue, states: RunStates, enqueuer: Enqueuer, *, lease_s: float) -> None:
        self._queue = queue
        self._states = states
        self._enqueuer = enqueuer
        self._lease_s = lease_s
        self._liveness = Liveness(max(lease_s * GAP_SHARE, _LEAST_GAP_S))
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self._next_queued = 0

    @property
    def waited_s(self) -> float:
        """For how many seconds Redis has answered without a gap; nothing is taken before that is one lease."""
        return self._liveness.waited_s

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._sweep_again_and_again(), name="spantail-queue-recovery")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing = True
        await cancel(self._task)

    async def _sweep_again_and_again(self) -> None:
        while not self._closing:
            try:
                await self.sweep()
                await self.look_at_queued()
            except Interrupted:
                logger.info("Redis or this process has paused: no item is taken for %g s", self._lease_s)
            except Exception as error:  # whatever it is, they wait for it
                self._liveness.broken()
                message = "items of dead runners cannot be looked for: %r"
                logger.warning(message, error, exc_info=not will_be_back(error))
            if not self._closing:
                await asyncio.sleep(_SWEEP_S)

    async def sweep(self) -> int:
        """Look once; how many items were taken from their runners.

        Raises:
            RedisError: Redis cannot be reached.
            Interrupted: Redis or this process has paused.
        """
        self._liveness.asked(clock())
        expired = await self._queue.expired()
        self._liveness.answered(clock())
        self._liveness.redis_clock(expired.at_us, clock())
        left = [item for item in expired.items if not await self._settle(item)]
        if self._liveness.waited_s < self._lease_s:
            return 0
        before = {item.id: item for item in left}
        taken = await self._queue.recover(left)
        for one in taken:
            logger.warning("item %s was taken from runner %r: %s", one.id, before[one.id].runner, one.became)
            again = await self._queue.get(one.id) if one.next_run_id else None
            if again is not None and again.run_id == one.next_run_id:
                await self._enqueuer.show(again)
            await self._enqueuer.show_abandoned(before[one.id], LEASE_EXPIRED, one.next_run_id)
        return len(taken)

    async def look_at_queued(self, *, at_least_s: float = _SHOWN_S) -> int:
        """End some of the runs that are shown as queued, and that the queue does not have any more.

        Whoever cancelled an item may have died before that was shown. What is queued still is kept from expiring.
        Each call goes on where the last one ended, so that a long queue costs little.

        Args:
            at_least_s: How long a run has to be queued before it is looked at, in seconds.

        Returns:
            How many were ended.
        """
        run_ids = await self._states.queued(self._next_queued, _QUEUED_AT_A_TIME)
        ended = 0
        for run_id, waiting in zip(run_ids, await self._states.with_expiry(run_ids), strict=True):
            state = waiting.state
            if state is None or state["status"] != "queued":
                continue
            if now_us() - state["created"] >= at_least_s * 1e6 and await self._end_unless_queued(run_id, state):
                ended += 1
            elif 0 <= waiting.expires_in_s < _RENEWED_S:  # nothing else is written while it waits
                await self._states.renew(run_id)
        is_last = len(run_ids) < _QUEUED_AT_A_TIME
        self._next_queued = 0 if is_last else self._next_queued + len(run_ids) - ended
        return ended

    async def _end_unless_queued(self, run_id: str, state: State) -> bool:
        item = await self._queue.get(str(state.get("item", "")))
        if item is None:
            await self._enqueuer.show_ended(_as_it_was(run_id, state), error=_DELETED)
        elif item.run_id != run_id:  # a later run has taken its place
            await self._show_replaced(item, run_id, state)
        elif item.status is ItemStatus.CANCELLED:
            await self._enqueuer.show_as_it_is(item)
        elif item.status is ItemStatus.FAILED:  # its runner died, and so did who took it back
            await self._enqueuer.show_abandoned(item, LEASE_EXPIRED, "")
        else:
            return False
        logger.info("run %s is not in the queue any more", run_id)
        return True

    async def _show_replaced(self, item: QueueItem, run_id: str, state: State) -> None:
        runs = [*item.earlier_runs, item.run_id]
        at = runs.index(run_id) if run_id in runs else 0
        before = item._replace(run_id=run_id, queued=state["created"], earlier_runs=tuple(runs[:at]))
        # Who queues an item again by hand has its attempts begin anew; who takes it from a dead runner has not.
        if item.attempts > (0 if item.status in _WAITS else 1):
            await self._enqueuer.show_abandoned(before, LEASE_EXPIRED, runs[at + 1] if run_id in runs else item.run_id)
        else:
            await self._enqueuer.show_ended(before)

    async def _settle(self, item: QueueItem) -> bool:
        """Finish an item whose run had ended before its runner died; False when it had not."""
        state = await self._states.get(item.run_id)
        if state is None or "retried_as" in state:
            return False
        if state["status"] == "completed":
            return await self._queue.succeed(item, state.get("result"))
        if state["status"] == "cancelled":
            return await self._queue.stopped(item)
        return state["status"] == "failed" and await self._queue.fail(item, _error_of(state))


def _as_it_was(run_id: str, state: State) -> QueueItem:
    """An item that is gone, as far as the state of its run says it."""
    return QueueItem(
        id=str(state["item"]),
        operation=state["operation"],
        input=orjson.dumps(state.get("input", {})),
        priority="normal",
        status=ItemStatus.FAILED,
        attempts=0,
        max_attempts=1,
        token=0,
        enqueued=state["created"],
        run_id=run_id,
        queued=state["created"],
        session_id=state.get("session_id", ""),
        budget_usd=state.get("budget_usd"),
    )


def _error_of(state: State) -> str:
    error = state.get("error")
    return f"{error['type']}: {error['message']}" if isinstance(error, dict) else "it failed"
