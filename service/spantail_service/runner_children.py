"""Further runners of a service, each a process of its own that starts and ends with it."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from asyncio.subprocess import PIPE
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from spantail_service.bounds.cancel import cancel
from spantail_service.settings import as_environment

if TYPE_CHECKING:
    from asyncio.subprocess import Process

    from spantail_service.settings import Settings

logger = logging.getLogger(__name__)

_AGAIN_S: Final = 1.0
_GRACE_S: Final = 2.0


class RunnerChildren:
    """Keeps a number of runner processes alive until `stop`.

    Args:
        settings: Those of the service, which its runners get.
        count: How many.
        drain_s: How long each may take at a stop to end what it has begun, in seconds.
    """

    def __init__(self, settings: Settings, count: int, drain_s: float) -> None:
        # What the service has settled for itself is handed on: its Redis, the demo world, options of the command.
        self._environment = {**os.environ, **as_environment(settings.replaced(runner_drain_s=drain_s))}
        self._drain_s = drain_s
        self._processes: set[Process] = set()
        self._stopping = asyncio.Event()
        self._tasks = [asyncio.create_task(self._keep_one(), name=f"spantail-runner-{i}") for i in range(count)]

    async def stop(self) -> None:
        """End them all: what they cannot end in time goes back into the queue."""
        self._stopping.set()
        for process in self._processes:
            with suppress(ProcessLookupError):
                process.terminate()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._drain_s + _GRACE_S)
        for process in self._processes:
            logger.error("runner process %d did not stop, it is killed", process.pid)
            with suppress(ProcessLookupError):
                process.kill()
        for task in self._tasks:
            await cancel(task)

    async def _keep_one(self) -> None:
        while not self._stopping.is_set():
            try:
                process = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "spantail_service", "runner", "--with-parent",
                    stdin=PIPE, env=self._environment,
                )  # fmt: skip
            except OSError as error:  # no memory, too many processes: it may pass
                logger.warning("a runner process cannot be started, trying again in %.1f s: %s", _AGAIN_S, error)
                await asyncio.sleep(_AGAIN_S)
                continue
            self._processes.add(process)
            try:
                if self._stopping.is_set():  # while it was started
                    process.terminate()
                code = await process.wait()
            finally:
                self._processes.discard(process)
            if not self._stopping.is_set():
                logger.error("runner process %d ended with code %d, another one is started", process.pid, code)
                await asyncio.sleep(_AGAIN_S)
