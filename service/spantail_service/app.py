"""The application: its parts are made and put together here, and nowhere else."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

import spantail
from spantail import pricing
from spantail.redaction import Redactor
from spantail_service import __version__
from spantail_service.access.ended_sessions import EndedSessions
from spantail_service.access.guard import Guard
from spantail_service.access.hosts import Hosts
from spantail_service.access.rate_limits import RateLimits, WrongTokens
from spantail_service.access.sessions import Sessions
from spantail_service.ingest.receiver import OtlpReceiver
from spantail_service.jobs.launcher import Launcher
from spantail_service.jobs.queue.changes import QueueChanges
from spantail_service.jobs.queue.frame import QueueFrames
from spantail_service.jobs.work import open_work
from spantail_service.metrics import ServiceMetrics
from spantail_service.notices.conditions import Conditions
from spantail_service.notices.failed_runs import FailedRuns
from spantail_service.notices.notifier import Notifier
from spantail_service.notices.spend_window import SpendWindow
from spantail_service.notices.store import NoticeStore
from spantail_service.notices.webhook import webhook_of
from spantail_service.reaper import Reaper
from spantail_service.routes.pages import page
from spantail_service.routes.runs import transfer
from spantail_service.routes.table import all_routes
from spantail_service.runs.changes import RunListChanges
from spantail_service.runs.index import RunIndex
from spantail_service.runs.links import LinkTemplates
from spantail_service.runs.retention import RunRetention
from spantail_service.runs.sessions import SessionIndex
from spantail_service.runs.snapshot import RunSnapshots
from spantail_service.runs.spending import Bookkeeper
from spantail_service.search.run_search import RunSearch
from spantail_service.service_name import service_name
from spantail_service.services import Services
from spantail_service.storage.connect import connect
from spantail_service.storage.run_writes import RunStore
from spantail_service.storage.wakeups import WakeUps
from spantail_service.tail import RunReader, TailHub
from spantail_service.tempo.recent import RecentRuns
from spantail_service.trace_windows.whole_run import WholeRuns
from spantail_service.trace_windows.windows import TraceWindows
from spantail_service.transfer.importing import RunImporter
from spantail_service.web.body_limit import BodyLimit
from spantail_service.web.entry import Entry
from spantail_service.web.fast_poll import FastPoll
from spantail_service.web.openapi import describe
from spantail_service.web.problems import install_error_handlers
from spantail_service.web.server_spans import instrument, keep_logs_out_of_the_tail

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from opentelemetry.sdk.metrics.export import ScopeMetrics
    from redis.asyncio import Redis
    from starlette.types import Receive, Scope, Send

    from spantail_service.jobs.launcher import Launcher
    from spantail_service.settings import Settings

logger = logging.getLogger(__name__)

# Shares of the time that a stop may take.
_CANCEL_SHARE = 0.5
_FLUSH_SHARE = 0.3
_SERVER_SHARE = 0.1


class SpantailApp(FastAPI):
    """FastAPI behind the entry: what that does not let in, no route and no middleware sees."""

    entry: Entry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        await self.entry(scope, receive, send)


def create_app(settings: Settings) -> SpantailApp:
    """The service as an ASGI application.

    Raises:
        ValueError: `settings` name no Redis (`spantail serve` starts one and names it).
    """
    redis_url = settings.storage.redis_url
    if redis_url is None:
        raise ValueError("the service needs a Redis: set SPANTAIL_REDIS_URL")
    app = SpantailApp(
        title="Spantail",
        version=__version__,
        summary="Operations and LLM calls, while they run.",
        lifespan=_lifespan_of(settings, redis_url),
        docs_url=None,  # FastAPI's own pages load scripts from elsewhere; see routes/pages/docs.py
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
    # Not `include_router`: that builds every route a second time, at the first request, and costs each one later.
    app.router.routes.extend(all_routes())
    app.mount("/assets", page.assets())
    app.add_middleware(BodyLimit, limit_of=_body_limit_of(settings))
    app.state.server_spans = instrument(app)
    app.state.metrics = ServiceMetrics()
    app.state.guard = guard_of(settings)
    app.entry = Entry(super(SpantailApp, app).__call__, FastPoll(), app.state.guard, app.state.metrics)
    describe(app, wants_token=settings.access.token is not None)
    return app


def guard_of(settings: Settings) -> Guard:
    """The guard that the settings ask for."""
    token = settings.access.token.get_secret_value() if settings.access.token else None
    sessions = Sessions(token, settings.access.session_s) if token else None
    return Guard(Hosts(settings.server.host, settings.access.allowed_hosts), token, sessions, WrongTokens())


def _body_limit_of(settings: Settings) -> Callable[[str], int]:
    def limit_of(path: str) -> int:
        is_data = path.startswith("/v1/") or path == transfer.IMPORT_PATH
        return settings.limits.max_ingest_bytes if is_data else settings.limits.max_body_bytes

    return limit_of


def _lifespan_of(settings: Settings, redis_url: str) -> Callable[[SpantailApp], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: SpantailApp) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            app.state.services = await _open_services(app, settings, redis_url, stack)
            app.entry.ready.hub = app.state.services.hub
            yield

    return lifespan


async def _open_services(app: FastAPI, settings: Settings, redis_url: str, stack: AsyncExitStack) -> Services:
    """Make every part. What is entered first is closed last: Redis and the span pipeline outlive the runs."""
    redis = connect(
        redis_url, max_connections=settings.storage.redis_connections, timeout_s=settings.storage.redis_timeout_s
    )
    stack.push_async_callback(redis.aclose)
    telemetry = _open_telemetry(app, settings, redis_url, stack)
    wakeups = WakeUps(redis, settings.limits.max_waiters)
    stack.push_async_callback(wakeups.close)
    links = LinkTemplates(settings.links.jaeger_link, settings.links.grafana_link)
    reader = RunReader(redis, links)
    hub = TailHub(
        reader,
        wakeups,
        max_viewers=settings.limits.max_waiters,
        cache_bytes=settings.limits.tail_cache_bytes,
        lag=app.state.metrics.lag,
    )
    stack.push_async_callback(hub.close)
    concurrency = settings.jobs.runner_concurrency if settings.jobs.runners else 0
    work = await stack.enter_async_context(
        open_work(settings, redis, wakeups, telemetry.sink, kind="service", concurrency=concurrency)
    )
    launcher = work.jobs.launcher
    stack.push_async_callback(launcher.close, settings.server.shutdown_s * _CANCEL_SHARE)
    queue_changes = QueueChanges(work.jobs.queue, QueueFrames(work.catalogue), wakeups)
    stack.push_async_callback(queue_changes.close)
    await stack.enter_async_context(Reaper(redis_url, abandoned=app.state.metrics.abandoned))
    index = RunIndex(redis)
    run_changes = RunListChanges(redis, index, wakeups)
    stack.push_async_callback(run_changes.close)
    await stack.enter_async_context(Bookkeeper(redis))
    signed_in: Sessions | None = app.state.guard.sessions
    ended = await stack.enter_async_context(EndedSessions(redis, signed_in)) if signed_in else None
    receiver = _receiver(settings, redis, app.state.metrics)
    notices, webhook = NoticeStore(redis), webhook_of(settings.notices)
    conditions = Conditions(index, FailedRuns(redis, index), work.budgets, work.jobs.queue, SpendWindow(redis))
    await stack.enter_async_context(Notifier(redis, notices, conditions, webhook))
    _watch(app.state.metrics, hub, launcher, receiver)
    snapshots = RunSnapshots(redis, links)
    windows = TraceWindows(redis, reader, snapshots)
    stack.push_async_callback(windows.close)
    return Services(
        settings=settings,
        redis=redis,
        reader=reader,
        snapshots=snapshots,
        trace_windows=windows,
        whole_runs=WholeRuns(redis, windows),
        hub=hub,
        runs=index,
        recent_runs=RecentRuns(redis, index),
        run_search=RunSearch(redis, links),
        run_changes=run_changes,
        run_retention=RunRetention(redis, links),
        run_sessions=SessionIndex(redis, index),
        importer=RunImporter(redis, RunStore(redis), Redactor.from_environment()),
        links=links,
        wakeups=wakeups,
        receiver=receiver,
        launcher=launcher,
        queue_changes=queue_changes,
        jobs=work.jobs,
        catalogue=work.catalogue,
        budgets=work.budgets,
        notices=notices,
        webhook_shown=webhook.shown if webhook is not None else None,
        metrics=app.state.metrics,
        rate_limits=RateLimits.of(settings),
        ended_sessions=ended,
    )


def _receiver(settings: Settings, redis: Redis, metrics: ServiceMetrics) -> OtlpReceiver:
    return OtlpReceiver(
        redis,
        Redactor.from_environment(where="service"),
        max_bytes=settings.limits.max_ingest_bytes,
        max_decoded_bytes=settings.limits.max_ingest_decoded_bytes,
        ingested=metrics.ingested,
    )


def _open_telemetry(app: FastAPI, settings: Settings, redis_url: str, stack: AsyncExitStack) -> spantail.Handle:
    """Have the operations of this process write their spans to Redis, as any application does."""
    pricing.preload()  # else the first LLM call to end would wait for it, with the event loop
    metrics: ServiceMetrics = app.state.metrics
    reader, loop = InMemoryMetricReader(), asyncio.get_running_loop()
    metrics.show_instruments(reader)

    def produced() -> list[ScopeMetrics]:
        services: Services | None = getattr(app.state, "services", None)
        return [] if services is None or loop.is_closed() else [metrics.produced(loop, services.read_metrics)]

    telemetry = spantail.configure(
        service_name(), redis_url=redis_url, metric_readers=[reader], metric_producers=[produced]
    )
    keep_logs_out_of_the_tail()
    server_spans: spantail.Handle = app.state.server_spans
    stop_s = settings.server.shutdown_s
    stack.push_async_callback(asyncio.to_thread, server_spans.shutdown, stop_s * _SERVER_SHARE)
    stack.push_async_callback(asyncio.to_thread, telemetry.shutdown, stop_s * _FLUSH_SHARE)
    return telemetry


def _watch(metrics: ServiceMetrics, hub: TailHub, launcher: Launcher, receiver: OtlpReceiver) -> None:
    """Show how much of everything there is at the moment."""
    metrics.watch("viewers", "WebSockets, event streams and long polls held open.", lambda: hub.viewers)
    metrics.watch("watched_runs", "Runs that are followed for viewers.", lambda: hub.watched)
    metrics.watch("tail_cache_bytes", "Memory of the tails of watched runs.", lambda: hub.cached_bytes)
    metrics.watch("operations_running", "Operations that this process runs.", lambda: launcher.running)
    metrics.watch("tasks", "asyncio tasks of this process.", lambda: len(asyncio.all_tasks()))
    metrics.watch(
        "otlp_passed_over",
        "Spans and log records that are live already, or belong to no span or to an unsampled trace.",
        lambda: receiver.passed_over,
    )
