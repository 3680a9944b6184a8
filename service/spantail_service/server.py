"""One service process from start to stop: port, what stands around it, web server, and their end in reverse."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import uvicorn

from spantail_service.app import SpantailApp, create_app
from spantail_service.event_loop import loop_factory
from spantail_service.runner_children import RunnerChildren
from spantail_service.services import services_in
from spantail_service.surroundings import StopSignals, prepare
from spantail_service.web.listener import CannotServeError, allow_many_connections, listen, url_of
from spantail_service.web.slow_senders import BoundedHttp

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Generator

    from spantail_service.demo.in_service import DemoWork
    from spantail_service.ingest.otlp_grpc import OtlpGrpcServer
    from spantail_service.settings import Settings
    from spantail_service.surroundings import Announce

logger = logging.getLogger(__name__)

# Shares of the time that a stop may take.
_GRPC_SHARE = 0.1
_RUNNERS_SHARE = 0.5


def run_server(settings: Settings, *, workload: bool, announce: Announce) -> None:
    """Serve until SIGINT or SIGTERM; returns when everything that was started has stopped.

    `workload` starts demo work while somebody looks.

    Raises:
        PortTakenError: before anything else was started.
        CannotServeError: no Redis could be started, or the service did not come up.
    """
    allow_many_connections()
    listener = listen(settings.server.host, settings.server.port)
    with listener, asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_serve(settings, listener, announce, workload=workload))


async def _serve(settings: Settings, listener: socket.socket, announce: Announce, *, workload: bool) -> None:
    async with AsyncExitStack() as stack:
        stop = stack.enter_context(StopSignals())
        settings, redis, live_url = await prepare(settings, stack)
        app = create_app(settings)
        beside = Beside(app, settings)

        def ready() -> None:
            url = url_of(listener, settings.server.host)
            beside.start_runners()
            announce(url, redis, live_url=live_url, otlp_grpc=beside.grpc_address, demo_data=settings.demo)
            if workload:
                beside.start_demo_work()

        await serve_app(beside, listener, ready, stop)


async def serve_app(beside: Beside, listener: socket.socket, ready: Callable[[], None], stop: StopSignals) -> None:
    """Serve until `stop` says so; returns when the app and all beside it have stopped.

    Args:
        beside: What starts after the app and stops before it.
        listener: Where the app is served.
        ready: Called once requests are answered.
        stop: Ends it.

    Raises:
        CannotServeError: The app could not start; the log says why.
    """
    server = _Server(beside, ready)
    stop.pass_on_to(server.stop)
    try:
        await server.serve(sockets=[listener])
    except SystemExit:  # uvicorn's way to say that the lifespan failed; its log has the reason
        raise CannotServeError("The service could not start; the reason stands above.") from None


class Beside:
    """What runs beside the web server: OTLP/gRPC, further runners, demo work.

    It starts after the app, and stops before it.

    Args:
        app: The app.
        settings: Its settings.
        shares_port: Other workers of this service listen on the same port for OTLP/gRPC.
    """

    def __init__(self, app: SpantailApp, settings: Settings, *, shares_port: bool = False) -> None:
        self.app = app
        self.settings = settings
        self._shares_port = shares_port
        self._grpc: OtlpGrpcServer | None = None
        self._work: DemoWork | None = None
        self._runners: RunnerChildren | None = None
        self.grpc_address: str | None = None
        """`host:port` of OTLP/gRPC, while it is there."""

    async def start_grpc(self) -> None:
        """Listen for OTLP/gRPC, where that is wanted. Without its port the service starts all the same."""
        host, port = self.settings.server.host, self.settings.server.otlp_grpc_port
        if port is None:
            return
        # This process starts programs and is never forked: gRPC would say each time that it skips its fork handlers.
        os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")
        from spantail_service.ingest.otlp_grpc import OtlpGrpcServer, PortError  # gRPC is 20 MB

        receiver, max_bytes = services_in(self.app).receiver, self.settings.limits.max_ingest_bytes
        server = OtlpGrpcServer(
            receiver,
            self.app.state.guard,
            host=host,
            port=port,
            max_bytes=max_bytes,
            shares_port=self._shares_port,
        )
        try:
            taken = await server.start()
        except PortError:
            logger.warning(
                "no OTLP/gRPC: port %d on %s is taken, perhaps by a Collector. OTLP/HTTP is there all the same. "
                "SPANTAIL_OTLP_GRPC_PORT names another port, or `off`",
                port,
                host,
            )
            return
        self._grpc = server
        self.grpc_address = f"[{host}]:{taken}" if ":" in host else f"{host}:{taken}"

    def start_runners(self) -> None:
        """Start the runners that are processes of their own: all but the first, which works in this one."""
        count = self.settings.jobs.runners - 1
        if count > 0:
            self._runners = RunnerChildren(self.settings, count, self.settings.server.shutdown_s * _RUNNERS_SHARE)

    def start_demo_work(self, is_watched: Callable[[], bool] | None = None) -> None:
        """Start operations of the app while somebody looks at it, or `is_watched` says that somebody does elsewhere."""
        from spantail_service.demo.in_service import DemoWork  # only a demo pays for it

        self._work = DemoWork(services_in(self.app), is_watched)

    async def stop(self) -> None:
        """End all that waits or works for somebody outside."""
        services = services_in(self.app)
        # Viewers first: these calls do not wait, the others may.
        services.hub.stop()
        services.wakeups.stop_waiting()
        services.run_changes.stop_waiting()
        services.queue_changes.stop_waiting()
        services.launcher.stop_waiting()
        if self._grpc is not None:
            await self._grpc.stop(self.settings.server.shutdown_s * _GRPC_SHARE)
        if self._work is not None:
            await self._work.stop()
        if self._runners is not None:
            await self._runners.stop()


def web_config(app: SpantailApp, settings: Settings) -> uvicorn.Config:
    """How the web server is set up."""
    return uvicorn.Config(
        app.entry,  # what `app` itself would call: one call less for each poll
        http=BoundedHttp,
        ws="websockets-sansio",
        # A client has nothing to say but that it is there. Frames go out to many as they are: packing each for each
        # would cost more than sending it, and a proxy may do it.
        ws_max_size=4_096,
        ws_per_message_deflate=False,
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=max(1, int(settings.server.shutdown_s / 2)),
        # Said here, for without it uvicorn believes everybody on this machine, and whom FORWARDED_ALLOW_IPS names.
        proxy_headers=bool(settings.access.trusted_proxies),
        forwarded_allow_ips=list(settings.access.trusted_proxies),
    )


class _Server(uvicorn.Server):
    """uvicorn with our signals, a word when it is ready, and no wait for long polls when it stops."""

    def __init__(
        self,
        beside: Beside,
        ready: Callable[[], None],
    ) -> None:
        super().__init__(web_config(beside.app, beside.settings))
        self._beside = beside
        self._ready = ready

    def stop(self) -> None:
        """Ask for a stop, once or more often."""
        # No `force_exit` when asked twice: it leaves the lifespan's end out, where runs are ended and spans
        # are stored. A stop is bounded in time as it is.
        self.should_exit = True

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave signals to us: uvicorn raises them again at the end, which skips what we have to stop."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and not self.should_exit:
            await self._beside.start_grpc()
            # What lives as long as the process (half a million objects) is left out of each full garbage collection, in
            # which everybody would wait for as long as a large request's own objects take.
            gc.freeze()
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._beside.stop()
        await super().shutdown(sockets)
