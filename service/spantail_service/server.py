"""One service process from start to stop: port, Redis, demo world, web server, and their end in reverse."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import logging
import signal
import socket
import sys
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Protocol

import uvicorn
from pydantic import SecretStr

from spantail_service.app import SpantailApp, create_app
from spantail_service.bounds.cancel import cancel
from spantail_service.services import services_in
from spantail_service.storage.binary import EmbeddedRedisError
from spantail_service.storage.embedded import EmbeddedRedis
from spantail_service.web.slow_senders import BoundedHttp

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    from fastapi import FastAPI

    from spantail_service.ingest.otlp_grpc import OtlpGrpcServer
    from spantail_service.settings import Settings

logger = logging.getLogger(__name__)

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_BACKLOG = 2_048
_GRPC_SHARE = 0.1  # of the time that a stop may take
_STUCK_MS = 30_000
_OPEN_FILES = 65_536


class Announce(Protocol):
    """Told once the service is ready."""

    def __call__(self, url: str, redis: str, *, live_url: str | None, otlp_grpc: str | None, demo_data: bool) -> None:
        """Take the page's URL, what Redis is used, where OTLP/gRPC is, and whether operations work on demo data.

        `live_url` is the embedded Redis' own, for applications on this machine; it holds no secret.
        """


class CannotServeError(Exception):
    """The service could not start; the message is for the person who started it."""


class PortTakenError(CannotServeError):
    """Somebody else listens on the port."""


def run_server(settings: Settings, *, workload: bool, announce: Announce) -> None:
    """Serve until SIGINT or SIGTERM; returns when everything that was started has stopped.

    `workload` starts demo work now and then.

    Raises:
        PortTakenError: before anything else was started.
        CannotServeError: no Redis could be started, or the service did not come up.
    """
    _allow_many_connections()
    listener = _listen(settings.server.host, settings.server.port)
    with listener, asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(settings, listener, announce, workload=workload))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32" or sys.implementation.name != "cpython":
        return None
    import uvloop  # not installed on the platforms above

    return uvloop.new_event_loop


def _allow_many_connections() -> None:
    """Raise the limit on open files as far as this process may: the usual 1,024 is one page of viewers."""
    if sys.platform == "win32":
        return
    import resource  # not there on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise CannotServeError(f"{host} is no address to listen on: {error.strerror}.") from None
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            # A viewer that takes nothing for so long is dropped (by the kernel: ASGI has no way to). Connections
            # have it from the listener.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _STUCK_MS)
        listener.bind(address)
        # From here on nobody else gets the port. Who connects early waits for the answer until we are ready.
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTakenError(f"Port {port} on {host} is taken.") from None
        raise CannotServeError(f"Cannot listen on {host} port {port}: {error.strerror}.") from None
    listener.setblocking(False)
    return listener


async def _serve(settings: Settings, listener: socket.socket, announce: Announce, *, workload: bool) -> None:
    stop = _StopSignals()
    async with AsyncExitStack() as stack:
        stack.enter_context(stop)
        if settings.storage.redis_url is None:
            settings, redis = await _start_redis(settings, stack)
            live_url = settings.storage.redis_url
        else:
            redis = settings.storage.shown_redis_url
            live_url = None  # whoever has given it knows it, and it may hold a password
        if settings.demo:
            settings = await _start_demo_world(settings, stack)
        url = _url_of(listener, settings.server.host)
        app = create_app(settings)
        work = _DemoWork(app) if workload else None
        grpc_door = _GrpcDoor(app, settings)

        def ready() -> None:
            announce(url, redis, live_url=live_url, otlp_grpc=grpc_door.address, demo_data=settings.demo)
            if work is not None:
                work.start()

        async def stopping() -> None:
            # Viewers first: these calls do not wait, the others may.
            services_in(app).hub.stop()
            services_in(app).wakeups.stop_waiting()
            services_in(app).run_changes.stop_waiting()
            await grpc_door.close()
            if work is not None:
                await work.stop()

        server = _Server(app, settings, grpc_door.open, ready, stopping)
        stop.tell(server)
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


async def _start_demo_world(settings: Settings, stack: AsyncExitStack) -> Settings:
    """Start job board and LLM provider and point the operations at them, where nothing else is set."""
    from spantail_service.demo.server import DemoServer  # only a demo pays for it

    world = await stack.enter_async_context(DemoServer())
    ours: dict[str, object] = {
        "himalayas_url": world.himalayas_url,
        "openai_base_url": world.openai_url,
        "anthropic_base_url": world.anthropic_url,
    }
    ours = {name: url for name, url in ours.items() if not settings.is_given(name)}
    # The clients want keys; with these, a real one in the environment is not even looked at.
    for url, key in (("openai_base_url", "openai_api_key"), ("anthropic_base_url", "anthropic_api_key")):
        if url in ours:
            ours[key] = SecretStr("demo")
    return settings.replaced(**ours)


class _DemoWork:
    """Starts operations of `app` now and then, as somebody at the page would."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        from spantail_service.demo.workload import Workload  # only a demo pays for it

        self._task = asyncio.create_task(Workload(self._launch).run(), name="spantail-demo-work")

    async def stop(self) -> None:
        await cancel(self._task)

    async def _launch(self, name: str, given: dict[str, Any]) -> None:
        services = services_in(self._app)
        op = services.catalogue[name]
        await services.launcher.start(op, op.input_model.model_validate(given))


class _GrpcDoor:
    """OTLP/gRPC of `app`, while it serves. That it cannot be had is said, and stops nothing else."""

    def __init__(self, app: SpantailApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._server: OtlpGrpcServer | None = None
        self.address: str | None = None
        """`host:port`, while it is open."""

    async def open(self) -> None:
        settings = self._settings
        if settings.server.otlp_grpc_port is None:
            return
        from spantail_service.ingest.otlp_grpc import OtlpGrpcServer, PortError  # gRPC is 20 MB

        server = OtlpGrpcServer(
            services_in(self._app).receiver,
            self._app.state.guard,
            host=settings.server.host,
            port=settings.server.otlp_grpc_port,
            max_bytes=settings.limits.max_ingest_bytes,
        )
        try:
            port = await server.start()
        except PortError:
            logger.warning(
                "no OTLP/gRPC: port %d on %s is taken, perhaps by a Collector. OTLP/HTTP is there all the same. "
                "SPANTAIL_OTLP_GRPC_PORT names another port, or `off`",
                settings.server.otlp_grpc_port,
                settings.server.host,
            )
            return
        self._server = server
        self.address = (
            f"[{settings.server.host}]:{port}" if ":" in settings.server.host else f"{settings.server.host}:{port}"
        )

    async def close(self) -> None:
        if self._server is not None:
            await self._server.stop(self._settings.server.shutdown_s * _GRPC_SHARE)


def _url_of(listener: socket.socket, host: str) -> str:
    port = listener.getsockname()[1]
    if host in ("0.0.0.0", "::"):  # noqa: S104 - what is shown, not what is bound
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def web_config(app: SpantailApp, settings: Settings) -> uvicorn.Config:
    """How the web server is set up."""
    return uvicorn.Config(
        app.entrance,  # what `app` itself would call: one call less for each poll
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

    def tell(self, server: uvicorn.Server) -> None:
        """Pass requests on to `server`, one that has come already included."""
        self._server = server
        server.should_exit = self._asked

    def _stop(self) -> None:
        self._asked = True
        if self._server is not None:
            # No `force_exit` when asked twice: it leaves the lifespan's end out, where runs are ended and spans
            # are stored. A stop is bounded in time as it is.
            self._server.should_exit = True

    def __enter__(self) -> None:
        loop = asyncio.get_running_loop()
        for number in _STOP_SIGNALS:
            loop.add_signal_handler(number, self._stop)

    def __exit__(self, *_: object) -> None:
        loop = asyncio.get_running_loop()
        for number in _STOP_SIGNALS:
            loop.remove_signal_handler(number)
