"""The supervisor: holds the port, keeps the workers alive that serve there, and ends them.

It starts what there must be one of: the embedded Redis, the demo world, further runners.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final

from spantail_service.event_loop import loop_factory
from spantail_service.runner_children import RunnerChildren
from spantail_service.surroundings import StopSignals, prepare
from spantail_service.web.listener import CannotServeError, allow_many_connections, listen, url_of
from spantail_service.workers.grpc_port import reserve_grpc_port
from spantail_service.workers.keeper import Keeper

if TYPE_CHECKING:
    import socket

    from spantail_service.settings import Settings
    from spantail_service.surroundings import Announce, Prepared

_RUNNERS_SHARE: Final = 0.5  # of the time that a stop may take


def run_supervisor(settings: Settings, *, workload: bool, announce: Announce) -> None:
    """Have workers serve until SIGINT or SIGTERM; returns when everything that was started has stopped.

    Args:
        settings: Those of the service; `workers` says how many.
        workload: Whether demo work is started while somebody looks.
        announce: Called once all workers serve.

    Raises:
        PortTakenError: Before anything else was started.
        CannotServeError: No Redis could be started, or workers do not come up.
    """
    if sys.platform == "win32":
        raise CannotServeError("Workers cannot share a port on Windows. Start the service with SPANTAIL_WORKERS=1.")
    allow_many_connections()
    listener = listen(settings.server.host, settings.server.port)
    with listener, asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_supervise(settings, listener, announce, workload=workload))


async def _supervise(settings: Settings, listener: socket.socket, announce: Announce, *, workload: bool) -> None:
    async with AsyncExitStack() as stack:
        stop = stack.enter_context(StopSignals())
        stopping = asyncio.Event()
        stop.pass_on_to(stopping.set)
        around = await prepare(settings, stack)
        grpc = reserve_grpc_port(settings.server)
        if grpc is not None:
            stack.enter_context(grpc.held)
        keeper = Keeper(around.settings, listener, grpc_port=grpc.port if grpc else None, workload=workload)
        runners: RunnerChildren | None = None
        try:
            await keeper.start(stopping)
            if not stopping.is_set():
                runners = _further_runners(around.settings)
                _announce(announce, around, listener, grpc.address if grpc else None)
                await keeper.keep(stopping)
        finally:
            await asyncio.gather(keeper.stop(), *([runners.stop()] if runners else []))


def _further_runners(settings: Settings) -> RunnerChildren:
    """Start the runners beyond those that work within the workers, of which each has one at most."""
    further = max(0, settings.jobs.runners - settings.server.workers)
    return RunnerChildren(settings, further, settings.server.shutdown_s * _RUNNERS_SHARE)


def _announce(announce: Announce, around: Prepared, listener: socket.socket, grpc: str | None) -> None:
    settings = around.settings
    url = url_of(listener, settings.server.host)
    announce(url, around.redis, live_url=around.live_url, otlp_grpc=grpc, demo_data=settings.demo)
