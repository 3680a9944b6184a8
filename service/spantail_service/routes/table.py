"""Every route, in the order in which they are looked through; those that are asked most stand first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from spantail_service.routes import operations, otlp, outreach
from spantail_service.routes.jobs import queue, queue_socket, runners
from spantail_service.routes.pages import docs, login, page
from spantail_service.routes.runs import (
    compare,
    control,
    events,
    logs,
    result,
    run_list,
    search,
    sessions,
    spend,
    traces,
    transfer,
    websocket,
    whole,
    window,
)
from spantail_service.routes.service import about, breakers, budgets, health, metrics, notices
from spantail_service.routes.tempo import search as tempo_search
from spantail_service.routes.tempo import tags

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

_MODULES: Final = (
    logs, events, websocket, traces, window, whole, search, compare, sessions, transfer, run_list, result, control,
    spend, operations, outreach, queue, queue_socket, runners, otlp, tempo_search, tags, health, about, breakers,
    budgets, notices, metrics, login, docs, page,
)  # fmt: skip


def all_routes() -> list[BaseRoute]:
    """The routes of all modules."""
    return [route for module in _MODULES for route in module.router.routes]
