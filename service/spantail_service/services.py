"""What the routes work with: made by the app's lifespan, handed out by the app's state."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from spantail_service.web.large_responses import LargeResponses

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI
    from redis.asyncio import Redis
    from starlette.requests import Request

    from spantail_service.access.ended_sessions import EndedSessions
    from spantail_service.access.rate_limits import RateLimits
    from spantail_service.ingest.receiver import OtlpReceiver
    from spantail_service.jobs.launcher import Launcher
    from spantail_service.jobs.parts import Jobs
    from spantail_service.jobs.queue.changes import QueueChanges
    from spantail_service.llm.budget import BudgetLedger
    from spantail_service.metrics import ServiceMetrics
    from spantail_service.notices.store import NoticeStore
    from spantail_service.operations.base import Operation
    from spantail_service.runs.changes import RunListChanges
    from spantail_service.runs.index import RunIndex
    from spantail_service.runs.links import LinkTemplates
    from spantail_service.runs.retention import RunRetention
    from spantail_service.runs.sessions import SessionIndex
    from spantail_service.runs.snapshot import RunSnapshots
    from spantail_service.search.run_search import RunSearch
    from spantail_service.settings import Settings
    from spantail_service.storage.wakeups import WakeUps
    from spantail_service.tail import RunReader, TailHub
    from spantail_service.tempo.recent import RecentRuns
    from spantail_service.trace_windows.whole_run import WholeRuns
    from spantail_service.trace_windows.windows import TraceWindows
    from spantail_service.transfer.importing import RunImporter


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of one running service."""

    settings: Settings
    redis: Redis
    reader: RunReader
    snapshots: RunSnapshots
    trace_windows: TraceWindows
    whole_runs: WholeRuns
    hub: TailHub
    runs: RunIndex
    recent_runs: RecentRuns
    run_search: RunSearch
    run_changes: RunListChanges
    run_retention: RunRetention
    run_sessions: SessionIndex
    importer: RunImporter
    links: LinkTemplates
    wakeups: WakeUps
    receiver: OtlpReceiver
    launcher: Launcher
    jobs: Jobs
    queue_changes: QueueChanges
    catalogue: Mapping[str, Operation]
    budgets: BudgetLedger
    notices: NoticeStore
    webhook_shown: str | None
    """Scheme and host of the webhook that notices are sent to."""
    metrics: ServiceMetrics
    rate_limits: RateLimits
    ended_sessions: EndedSessions | None
    """None where no token is wanted."""
    large_responses: LargeResponses = field(default_factory=LargeResponses)

    async def read_metrics(self) -> None:
        """Bring up to date what the metrics tell of Redis; never raises."""
        await self.metrics.read_redis(self.redis, budgets=self.budgets, notices=self.notices, runners=self.jobs.runners)


def services_of(request: Request) -> Services:
    """The services of the app that serves `request`."""
    services: Services = request.app.state.services
    return services


def services_in(app: FastAPI) -> Services:
    """The services of `app`, between its start and its stop."""
    services: Services = app.state.services
    return services
