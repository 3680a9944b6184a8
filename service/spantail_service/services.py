"""What the routes work with: made by the app's lifespan, handed out by the app's state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI
    from redis.asyncio import Redis
    from starlette.requests import Request

    from spantail_service.ingest.receiver import TraceReceiver
    from spantail_service.launcher import Launcher
    from spantail_service.operations.base import Operation
    from spantail_service.runs import RunIndex
    from spantail_service.settings import Settings
    from spantail_service.tail import RunReader
    from spantail_service.wakeups import WakeUps


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of one running service."""

    settings: Settings
    redis: Redis
    reader: RunReader
    runs: RunIndex
    wakeups: WakeUps
    receiver: TraceReceiver
    launcher: Launcher
    catalogue: Mapping[str, Operation]


def services_of(request: Request) -> Services:
    """The services of the app that serves ``request``."""
    services: Services = request.app.state.services
    return services


def services_in(app: FastAPI) -> Services:
    """The services of ``app``, between its start and its stop."""
    services: Services = app.state.services
    return services
