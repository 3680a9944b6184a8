"""Keeps the workers of a service alive: one that ends is started again, unless it ends again and again."""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from spantail_service.bounds.cancel import cancel
from spantail_service.settings import as_environment
from spantail_service.web.listener import CannotServeError
from spantail_service.workers.exchange import Exchange
from spantail_service.workers.process import WorkerProcess

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from spantail_service.settings import Settings

logger = logging.getLogger(__name__)

MOST_EARLY_ENDS: Final = 5
"""So often one after the other a worker may end soon after its start, before the service gives up."""

_EARLY_S: Final = 10.0
_PAUSE_S: Final = 0.5  # after the first early end; each further one doubles it
_LONGEST_PAUSE_S: Final = 8.0
_GRACE_S: Final = 2.0


class Keeper:
    """Starts the workers, and starts them again, until `stop`.

    Args:
        settings: Those of the service, with its Redis.
        listener: The port.
        grpc_port: The port of OTLP/gRPC; None for none.
        workload: Whether the first worker starts demo work while somebody looks at any of them.
        pause_s: Seconds until a worker is started again that has ended early; doubled each time.
    """

    def __init__(
        self,
        settings: Settings,
        listener: socket.socket,
        *,
        grpc_port: int | None,
        workload: bool,
        pause_s: float = _PAUSE_S,
    ) -> None:
        self._settings = settings
        self._listener = listener
        self._grpc_port = grpc_port
        self._options = ("--workload",) if workload else ()
        self._pause_s = pause_s
        self._exchange = Exchange()
        self._alive: dict[int, WorkerProcess] = {}
        self._all_ready = [asyncio.Event() for _ in range(settings.server.workers)]
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()

    async def start(self, stopping: asyncio.Event) -> None:
        """Start all of them; returns when each serves, or `stopping` is set.

        The first one comes alone: what is wrong with all of them is said once.

        Raises:
            CannotServeError: The first one does not come up, or another one ends again and again.
        """
        for numbers in ((1,), range(2, self._settings.server.workers + 1)):
            self._tasks += [asyncio.create_task(self._keep(n), name=f"spantail-keep-{n}") for n in numbers]
            await self._until(stopping, [self._all_ready[n - 1] for n in numbers])
            if stopping.is_set():
                return

    async def keep(self, stopping: asyncio.Event) -> None:
        """Keep them alive until `stopping` is set.

        Raises:
            CannotServeError: One ended again and again.
        """
        await self._until(stopping)

    async def stop(self) -> None:
        """End all of them; what does not end in time is killed."""
        self._stopping.set()
        self._listener.close()  # else a client that connects now would wait for a worker that never comes
        for worker in self._alive.values():
            worker.terminate()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._settings.server.shutdown_s + _GRACE_S)
        for number, worker in self._alive.items():
            logger.error("worker %d (process %d) did not stop, it is killed", number, worker.pid)
            worker.kill()
        for task in self._tasks:
            if not task.done():  # what one has raised is known
                await cancel(task)
        await self._exchange.close()

    async def _until(self, stopping: asyncio.Event, ready: Sequence[asyncio.Event] = ()) -> None:
        """Wait for `stopping`, or until all are `ready`; what the keeping of a worker raises is raised here."""
        waiting = [asyncio.create_task(_all_set([stopping]))]
        if ready:
            waiting.append(asyncio.create_task(_all_set(ready)))
        try:
            await asyncio.wait([*waiting, *self._tasks], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                await cancel(task)
        for kept in self._tasks:
            if kept.done():
                kept.result()

    async def _keep(self, number: int) -> None:
        clock = asyncio.get_running_loop().time
        early_ends = 0
        while not self._stopping.is_set():
            begun = clock()
            worker = await self._begin(number)
            if worker is not None:
                code = await self._watch(number, worker)
                if self._stopping.is_set():
                    return
                logger.error("worker %d (process %d) ended %s", number, worker.pid, _how(code))
                if number == 1 and not self._all_ready[0].is_set():
                    raise CannotServeError("The service could not start; the reason stands above.")
            early_ends = early_ends + 1 if clock() - begun < _EARLY_S else 0
            if early_ends == MOST_EARLY_ENDS:
                raise CannotServeError(
                    f"Worker {number} ended {early_ends} times within {_EARLY_S:g} s of its start: the service stops. "
                    "What it said stands above."
                )
            pause_s = min(self._pause_s * 2 ** (early_ends - 1), _LONGEST_PAUSE_S) if early_ends else 0.0
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._stopping.wait()

    async def _begin(self, number: int) -> WorkerProcess | None:
        try:
            return await WorkerProcess.start(
                number, self._listener, self._environment(number), self._exchange, *self._options
            )
        except OSError as error:  # no memory, too many processes: it may pass
            logger.warning("worker %d cannot be started: %s", number, error)
            return None

    async def _watch(self, number: int, worker: WorkerProcess) -> int:
        self._alive[number] = worker
        try:
            if self._stopping.is_set():  # while it was started
                worker.terminate()
            if await worker.ready():
                self._all_ready[number - 1].set()
            return await worker.ended()
        finally:
            del self._alive[number]

    def _environment(self, number: int) -> dict[str, str]:
        """What the service has settled for itself is handed on; runners in all workers together are those wanted."""
        settings = self._settings.replaced(runners=int(number <= self._settings.jobs.runners))
        return {
            **os.environ,
            **as_environment(settings),
            "SPANTAIL_OTLP_GRPC_PORT": str(self._grpc_port or "off"),
        }


async def _all_set(events: Sequence[asyncio.Event]) -> None:
    for event in events:
        await event.wait()


def _how(code: int) -> str:
    return f"with code {code}" if code >= 0 else f"by signal {-code}"
