"""Stopping a run, whichever process runs it, and also while it waits in the queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from spantail_exporters.model import keys
from spantail_service.jobs.states import FINAL_STATUSES

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from spantail_service.jobs.active import ActiveRuns
    from spantail_service.jobs.enqueue import Enqueuer
    from spantail_service.jobs.states import RunStates

_WANTED_S: Final = 3_600


class RunControl:
    """Stops runs.

    Args:
        redis: Where runs are stored.
        states: Their states.
        enqueuer: Takes what waits out of the queue.
        active: What this process runs.
    """

    def __init__(self, redis: Redis, states: RunStates, enqueuer: Enqueuer, active: ActiveRuns) -> None:
        self._redis = redis
        self._states = states
        self._enqueuer = enqueuer
        self._active = active

    async def cancel(self, run_id: str) -> bool:
        """Ask a run to stop; False when none of that id waits or runs, or the process that ran it is gone.

        Raises:
            RedisError: Redis cannot be reached.
        """
        state = await self._states.get(run_id)
        item_id = str((state or {}).get("item", ""))
        if item_id and state is not None and state["status"] not in FINAL_STATUSES:
            outcome = await self._enqueuer.cancel_run(item_id, run_id)
            if outcome == "cancelling" and not self._active.cancel(run_id):
                await self._tell(run_id)  # it would hear of it with the next renewal of its lease
            return bool(outcome)
        if self._active.cancel(run_id):
            return True
        if state is None or state["status"] in FINAL_STATUSES:
            return False
        return await self._tell(run_id)

    async def _tell(self, run_id: str) -> bool:
        pipe = self._redis.pipeline(transaction=False)
        pipe.exists(keys.run_owner(run_id))
        pipe.set(keys.run_cancel(run_id), 1, ex=_WANTED_S)
        pipe.publish(keys.RUN_CONTROL_CHANNEL, run_id)
        has_owner, *_ = await pipe.execute()
        return bool(has_owner)
