"""Runs: the list, one of them, and the snapshot of its spans."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from spantail_service.web.schemas.base import RUN_ID, Described, RunStatus
from spantail_service.web.schemas.spans import SpanSource, SpanState
from spantail_service.web.schemas.totals import BackendTotals, Layer, Marks, ModelTotals


class RunSummary(Marks):
    """One run as the list shows it."""

    run_id: str = Field(pattern=RUN_ID)
    name: str
    operation: str | None
    status: RunStatus
    start: int | None
    end: int | None
    spans: int
    open: int = Field(description="Spans that run at the moment.")
    errors: int
    cost_usd: float
    cost_nano: int
    unpriced: int
    fallbacks: int
    backends: dict[str, BackendTotals]
    models: dict[str, ModelTotals] = Field(description="Of the calls whose model is known, by its name.")
    service: str | None
    environment: str | None = Field(description="`deployment.environment.name` of the root's resource.")
    version: str | None = Field(description="`service.version` of the root's resource.")
    dropped: dict[str, int]
    demo: bool = Field(description="It worked on demo data.")
    pinned: bool = Field(description="It is kept until somebody says otherwise.")
    imported: bool = Field(description="It came in by an import: what it cost was spent elsewhere.")


class ClockSkew(Described):
    """The spans of one service on one machine whose clock does not go with that of the run's root."""

    service: str | None
    host: str | None = Field(description="Of the processes that gave heartbeats; null where there is none.")
    skew_us: int = Field(description="By so many microseconds it is thought ahead; below zero: behind.")
    spans: int


class Run(RunSummary):
    """One run with its layers, and where its tail stands."""

    layers: list[Layer] = Field(default_factory=list)
    first_index: int = 0
    next_index: int = 0
    expected_log_count: int | None = None
    epoch: str | None = None
    clock_skew: list[ClockSkew] = Field(
        default_factory=list,
        description="Clocks that are thought wrong; absent where none is. Of a run of more than 2,000 spans known "
        "once its snapshot was taken.",
    )
    links: dict[str, str] = Field(default_factory=dict, description="Addresses in other tools, by their name.")


class RunError(Described):
    """Why a run failed."""

    type: str
    message: str


class RunResult(Described):
    """What came of a run that a service or a runner has started."""

    run_id: str = Field(pattern=RUN_ID)
    operation: str | None = Field(
        description="What was run; null for a run of an application, which keeps its results itself."
    )
    status: RunStatus
    result: dict[str, Any] | None = Field(
        description="What the operation gave; null before its end, and where it was larger than 64 KiB."
    )
    error: RunError | None


class RunsPage(Described):
    """One page of the list."""

    runs: list[RunSummary]
    next_cursor: str | None = Field(description="`cursor` of the next page; null on the last.")
    looked_at: int | None = Field(
        None, description="The page ends because so many runs were looked at for it; absent where that is not why."
    )
    sorted_of: int | None = Field(
        None, description="So many runs were sorted: the newest that are wanted. Absent where they are by start."
    )
    sorted_all: bool | None = Field(None, description="Whether those are all that are wanted.")


class NamedCount(Described):
    """A value that runs can be filtered by."""

    name: str
    runs: int


class Facets(Described):
    """What runs can be filtered by."""

    statuses: dict[RunStatus, int]
    operations: list[NamedCount] = Field(description="The latest hundred.")
    environments: list[NamedCount] = Field(description="Those of the newest two hundred runs.")
    versions: list[NamedCount] = Field(description="Those of the newest two hundred runs.")


class Snapshot(Described):
    """Every span's latest state; polling on from `next_index` misses nothing."""

    run: Run
    resources: dict[str, SpanSource] = Field(description="What spans come from, by the keys in their `resource`.")
    scopes: dict[str, SpanSource] = Field(description="Instrumentation scopes, by the keys in their `scope`.")
    spans: list[SpanState]
    next_index: int
    epoch: str | None


class Imported(Described):
    """What came of an import."""

    runs: list[str]
    rejected: int
    reason: str | None = None
