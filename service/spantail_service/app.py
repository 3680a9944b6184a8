"""The application: its parts are made and put together here, and nowhere else."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

import spantail
from spantail import pricing
from spantail.redaction import Redactor
from spantail_service import __version__
from spantail_service.errors import install_error_handlers
from spantail_service.ingest.receiver import TraceReceiver
from spantail_service.launcher import Launcher
from spantail_service.operations import CATALOGUE, WorkSettings, open_tools
from spantail_service.reaper import Reaper
from spantail_service.routes import docs, health, logs, operations, otlp, page, runs, traces
from spantail_service.runs import RunIndex
from spantail_service.security import BodyLimit, SecurityHeaders
from spantail_service.server_spans import instrument, keep_logs_out_of_the_tail, service_name
from spantail_service.services import Services
from spantail_service.store import RunStore
from spantail_service.tail import RunReader
from spantail_service.wakeups import WakeUps

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from spantail_service.settings import Settings

logger = logging.getLogger(__name__)

# Shares of the time that a stop may take.
_CANCEL_SHARE = 0.5
_FLUSH_SHARE = 0.3
_SERVER_SHARE = 0.1


def create_app(settings: Settings) -> FastAPI:
    """The service as an ASGI application.

    Raises:
        ValueError: ``settings`` name no Redis (``spantail serve`` starts one and names it).
    """
    redis_url = settings.redis_url
    if redis_url is None:
        raise ValueError("the service needs a Redis: set SPANTAIL_REDIS_URL")
    app = FastAPI(
        title="Spantail",
        version=__version__,
        summary="Operations and LLM calls, while they run.",
        lifespan=_lifespan_of(settings, redis_url),
        docs_url=None,  # FastAPI's own pages load scripts from elsewhere; see routes/docs.py
        redoc_url=None,
        # FastAPI's own telemetry would write to the global provider, which is the live pipeline: every poll
        # would make a run.
        telemetry={
            "tracing": False,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
            "auto_configure": False,
        },
    )
    install_error_handlers(app)
    for routes in (logs, traces, runs, operations, otlp, health, docs, page):
        app.include_router(routes.router)
    app.mount("/assets", page.assets())
    app.add_middleware(BodyLimit, limit_of=_body_limit_of(settings))
    app.add_middleware(SecurityHeaders)
    app.state.server_spans = instrument(app)
    return app


def _body_limit_of(settings: Settings) -> Callable[[str], int]:
    def limit_of(path: str) -> int:
        return settings.max_ingest_bytes if path.startswith("/v1/") else settings.max_body_bytes

    return limit_of


def _lifespan_of(settings: Settings, redis_url: str) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            app.state.services = await _open_services(settings, redis_url, app.state.server_spans, stack)
            yield

    return lifespan


async def _open_services(
    settings: Settings, redis_url: str, server_spans: spantail.Handle, stack: AsyncExitStack
) -> Services:
    """Make every part. What is entered first is closed last: Redis and the span pipeline outlive the runs."""
    flush_s = settings.shutdown_s * _FLUSH_SHARE
    redis = _redis_client(settings, redis_url)
    stack.push_async_callback(redis.aclose)
    pricing.preload()  # else the first LLM call to end would wait for it, with the event loop
    telemetry = spantail.configure(service_name(), redis_url=redis_url)
    keep_logs_out_of_the_tail()
    stack.push_async_callback(asyncio.to_thread, server_spans.shutdown, settings.shutdown_s * _SERVER_SHARE)
    stack.push_async_callback(asyncio.to_thread, telemetry.shutdown, flush_s)
    wakeups = WakeUps(redis, settings.max_waiters)
    stack.push_async_callback(wakeups.close)
    tools = await stack.enter_async_context(open_tools(work_settings(settings)))
    store = RunStore(redis)
    sink = telemetry.sink
    launcher = Launcher(
        redis,
        store,
        tools,
        sink.flush if sink is not None else lambda _timeout_s: False,
        max_runs=settings.max_runs,
    )
    stack.push_async_callback(launcher.close, settings.shutdown_s * _CANCEL_SHARE)
    await stack.enter_async_context(Reaper(redis_url))
    return Services(
        settings=settings,
        redis=redis,
        reader=RunReader(redis, wakeups),
        runs=RunIndex(redis),
        wakeups=wakeups,
        receiver=TraceReceiver(store, Redactor.from_environment()),
        launcher=launcher,
        catalogue=CATALOGUE,
    )


def work_settings(settings: Settings) -> WorkSettings:
    """The operations' share of the settings; each of theirs has one of the same name in ours."""
    return WorkSettings.model_validate({name: getattr(settings, name) for name in WorkSettings.model_fields})


def _redis_client(settings: Settings, url: str) -> Redis:
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=settings.redis_connections,
        timeout=settings.redis_timeout_s,
        socket_timeout=settings.redis_timeout_s,
        socket_connect_timeout=min(2.0, settings.redis_timeout_s),
        # A connection that Redis closed while it was idle is worth one more try, a Redis that is away is not:
        # the caller is told at once and may come again.
        retry=Retry(NoBackoff(), 1),
    )
    return Redis.from_pool(pool)
