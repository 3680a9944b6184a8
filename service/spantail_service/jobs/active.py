"""The operations that this process runs: they can be cancelled from here, and from any other process."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final, Self

from spantail_exporters.model import keys
from spantail_exporters.redis.errors import will_be_back
from spantail_service.bounds.cancel import cancel
from spantail_service.storage.run_writes import now_us

if TYPE_CHECKING:
    from collections.abc import Iterator

    from redis.asyncio import Redis

    from spantail_service.jobs.execution import Run
    from spantail_service.storage.wakeups import WakeUps

logger = logging.getLogger(__name__)

OWNER_S: Final = 15.0
"""How long the lease of a run lasts, in seconds; it is renewed while the run goes on."""

_RENEW_S: Final = OWNER_S / 3
_AGAIN_S: Final = 1.0


class ActiveRun:
    """A run in this process, with the task that it runs in."""

    __slots__ = ("run", "since", "task", "was_cancelled")

    def __init__(self, run: Run, task: asyncio.Task[None]) -> None:
        self.run = run
        self.task = task
        self.since = now_us()
        self.was_cancelled = False
        """Somebody wanted it to stop."""

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.run.run_id

    @property
    def item_id(self) -> str:
        """The item of the queue that it is a run of; empty where it was started directly."""
        return self.run.item.id if self.run.item else ""

    def cancel(self) -> bool:
        """Stop it; False when its work is over."""
        if self.run.is_over or self.task.done():
            return False
        self.was_cancelled = True
        return self.task.cancel()


class ActiveRuns:
    """Keeps what runs here, says in Redis that it is ours, and hears when one of them is to stop.

    Works while its `async with` block lasts.

    Args:
        redis: Where runs are stored.
        wakeups: Tells of cancellations at once; without it they are seen within seconds.
        runner_id: This process.
    """

    def __init__(self, redis: Redis, wakeups: WakeUps, runner_id: str) -> None:
        self._redis = redis
        self._wakeups = wakeups
        self._runner_id = runner_id
        self._runs: dict[str, ActiveRun] = {}
        self._left: list[str] = []
        self._changed = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    def __iter__(self) -> Iterator[ActiveRun]:
        """The runs, the oldest first."""
        return iter(list(self._runs.values()))

    def __len__(self) -> int:
        """How many there are."""
        return len(self._runs)

    def add(self, run: ActiveRun) -> None:
        """Keep a run until it is removed."""
        self._runs[run.run_id] = run
        self._changed.set()

    def remove(self, run: ActiveRun) -> None:
        """Let go of a run that is over."""
        if self._runs.pop(run.run_id, None) is not None:
            self._left.append(run.run_id)
            self._changed.set()

    def cancel(self, run_id: str) -> bool:
        """Stop a run of this process; False when there is none of that id, or its work is over."""
        run = self._runs.get(run_id)
        return run is not None and run.cancel()

    async def __aenter__(self) -> Self:
        await self._wakeups.add(keys.RUN_CONTROL_CHANNEL, self)
        self._task = asyncio.create_task(self._keep(), name="spantail-active-runs")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing = True
        await self._wakeups.remove(keys.RUN_CONTROL_CHANNEL, self)
        await cancel(self._task)
        try:
            await self._say()
        except Exception as error:  # noqa: BLE001 - whatever it is, they expire
            logger.info("the leases of ended runs are left to expire: %r", error)

    # -- as a target of wake-ups --

    def subscribed(self) -> None:
        """Look: what was said before was not heard."""
        self._changed.set()

    def wake(self) -> None:
        """Look."""
        self._changed.set()

    def lost(self) -> None:
        """Do nothing: it is looked every few seconds anyway."""

    def close(self) -> None:
        """Do nothing: runs are stopped by whoever started them."""

    async def _keep(self) -> None:
        while not self._closing:
            self._changed.clear()
            try:
                await self._say()
                wait_s = _RENEW_S
            except Exception as error:  # whatever it is, the runs go on, and so must this
                message = "nobody can cancel from elsewhere what runs here: %r"
                logger.warning(message, error, exc_info=not will_be_back(error))
                wait_s = _AGAIN_S
            try:
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _say(self) -> None:
        """Renew the leases of all runs, give back those that have ended, and see which are to stop."""
        left, self._left = self._left, []
        runs = list(self) if not self._closing else []
        if not (left or runs):
            return
        pipe = self._redis.pipeline(transaction=False)
        for run_id in left:
            pipe.delete(keys.run_owner(run_id))
        for run in runs:
            pipe.set(keys.run_owner(run.run_id), self._runner_id, px=int(OWNER_S * 1000))
            pipe.get(keys.run_cancel(run.run_id))
        try:
            answers = await pipe.execute()
        except BaseException:
            self._left += left
            raise
        for run, wanted in zip(runs, answers[len(left) + 1 :: 2], strict=True):
            if wanted is not None and not run.was_cancelled:
                run.cancel()
