"""One service process from start to stop: port, Redis, demo world, web server, and their end in reverse."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Protocol, Self

import uvicorn

from spantail_service.app import SpantailApp, create_app
from spantail_service.runner_children import RunnerChildren
from spantail_service.runner_process import loop_factory
from spantail_service.services import services_in
from spantail_service.storage.binary import EmbeddedRedisError
from spantail_service.storage.embedded import EmbeddedRedis
from spantail_service.web.listener import CannotServeError, allow_many_connections, listen, url_of
from spantail_service.web.slow_senders import BoundedHttp

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable, Generator

    from spantail_service.demo.in_service import DemoWork
    from spantail_service.ingest.otlp_grpc import OtlpGrpcServer
    from spantail_service.settings import Settings

logger = logging.getLogger(__name__)

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
# Shares of the time that a stop may take.
_GRPC_SHARE = 0.1
_RUNNERS_SHARE = 0.5


class Announce(Protocol):
    """Called once the service is ready."""

    def __call__(self, url: str, redis: str, *, live_url: str | None, otlp_grpc: str | None, demo_data: bool) -> None:
        """Take the page's URL, what Redis is used, where OTLP/gRPC is, and whether operations work on demo data.

        `live_url` is the embedded Redis' own, for applications on this machine; it holds no secret.
        """


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
        stop = stack.enter_context(_StopSignals())
        if settings.storage.redis_url is None:
            settings, redis = await _start_redis(settings, stack)
            live_url = settings.storage.redis_url
        else:
            redis = settings.storage.shown_redis_url
            live_url = None  # whoever has given it knows it, and it may hold a password
        if settings.demo:
            from spantail_service.demo.in_service import start_demo_world  # only a demo pays for it

            settings = await start_demo_world(settings, stack)
        app = create_app(settings)
        beside = _Beside(app, settings)

        def ready() -> None:
            url = url_of(listener, settings.server.host)
            beside.start_runners()
            announce(url, redis, live_url=live_url, otlp_grpc=beside.grpc_address, demo_data=settings.demo)
            if workload:
                beside.start_demo_work()

        server = _Server(app, settings, beside.start_grpc, ready, beside.stop)
        stop.pass_on_to(server)
        try:
            await server.serve(sockets=[listener])
        except SystemExit:  # uvicorn's way to say that the lifespan failed; its log has the reason
            raise CannotServeError("The service could not start; the reason stands above.") from None


async def _start_redis(settings: Settings, stack: AsyncExitStack) -> tuple[Settings, str]:
    folder = settings.server.data_dir / "redis"
    server = EmbeddedRedis(folder)
    # Registered first: a start that is cut short is cleaned up too; stopping what never ran is allowed.
    stack.push_async_callback(asyncio.to_thread, server.stop)
    try:
        url = await asyncio.to_thread(server.start)
    except EmbeddedRedisError as error:
        raise CannotServeError(str(error)) from None
    return settings.replaced(redis_url=url), f"embedded {_name_of(server)}, data in {folder}"


def _name_of(server: EmbeddedRedis) -> str:
    binary = server.running_binary
    return f"{binary.name} {'.'.join(map(str, binary.version))}" if binary else "Redis"


class _Beside:
    """What runs beside the web server: OTLP/gRPC, further runners, demo work.

    It starts after the app, and stops before it.
    """

    def __init__(self, app: SpantailApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._grpc: OtlpGrpcServer | None = None
        self._work: DemoWork | None = None
        self._runners: RunnerChildren | None = None
        self.grpc_address: str | None = None
        """`host:port` of OTLP/gRPC, while it is there."""

    async def start_grpc(self) -> None:
        """Listen for OTLP/gRPC, where that is wanted. Without its port the service starts all the same."""
        host, port = self._settings.server.host, self._settings.server.otlp_grpc_port
        if port is None:
            return
        # This process starts programs and is never forked: gRPC would say each time that it skips its fork handlers.
        os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")
        from spantail_service.ingest.otlp_grpc import OtlpGrpcServer, PortError  # gRPC is 20 MB

        receiver, max_bytes = services_in(self._app).receiver, self._settings.limits.max_ingest_bytes
        server = OtlpGrpcServer(receiver, self._app.state.guard, host=host, port=port, max_bytes=max_bytes)
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
        count = self._settings.jobs.runners - 1
        if count > 0:
            self._runners = RunnerChildren(self._settings, count, self._settings.server.shutdown_s * _RUNNERS_SHARE)

    def start_demo_work(self) -> None:
        """Start operations of the app while somebody looks."""
        from spantail_service.demo.in_service import DemoWork  # only a demo pays for it

        self._work = DemoWork(services_in(self._app))

    async def stop(self) -> None:
        """End all that waits or works for somebody outside."""
        services = services_in(self._app)
        # Viewers first: these calls do not wait, the others may.
        services.hub.stop()
        services.wakeups.stop_waiting()
        services.run_changes.stop_waiting()
        services.queue_changes.stop_waiting()
        services.launcher.stop_waiting()
        if self._grpc is not None:
            await self._grpc.stop(self._settings.server.shutdown_s * _GRPC_SHARE)
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
        app: SpantailApp,
        settings: Settings,
        starting: Callable[[], Awaitable[None]],
        ready: Callable[[], None],
        stopping: Callable[[], Awaitable[None]],
    ) -> None:
        super().__init__(web_config(app, settings))
        self._starting = starting
        self._ready = ready
        self._stopping = stopping

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave signals to us: uvicorn raises them again at the end, which skips what we have to stop."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and not self.should_exit:
            await self._starting()
            # What lives as long as the process (half a million objects) is not looked through at each full collection,
            # which would hold everybody up for as long as a large request's own objects do.
            gc.freeze()
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._stopping()
        await super().shutdown(sockets)


class _StopSignals:
    """Turns SIGINT and SIGTERM into a request to stop, from the first moment to the last."""

    def __init__(self) -> None:
        self._server: uvicorn.Server | None = None
        self._asked = False

    def pass_on_to(self, server: uvicorn.Server) -> None:
        """Stop `server` when a signal comes, or at once if one has come already."""
        self._server = server
        server.should_exit = self._asked

    def _stop(self) -> None:
        self._asked = True
        if self._server is not None:
            # No `force_exit` when asked twice: it leaves the lifespan's end out, where runs are ended and spans
            # are stored. A stop is bounded in time as it is.
            self._server.should_exit = True

    def __enter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for number in _STOP_SIGNALS:
            loop.add_signal_handler(number, self._stop)
        return self

    def __exit__(self, *_: object) -> None:
        loop = asyncio.get_running_loop()
        for number in _STOP_SIGNALS:
            loop.remove_signal_handler(number)
