"""`GET /api/runs`: the list of runs, its changes as they happen, one run, and what can be done with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Depends, Header, Query, Request, Response

from spantail.pricing import NANO
from spantail_service.routes.rate_limited import HEAVY, take_heavy
from spantail_service.routes.runs.event_stream import EventStream
from spantail_service.runs.filter import Calls, RunFilter
from spantail_service.runs.index import MAX_RUNS
from spantail_service.runs.meta import parse_run_id
from spantail_service.runs.sorting import Sort, sorted_page
from spantail_service.services import services_of
from spantail_service.web.openapi import answers, nothing
from spantail_service.web.problems import ProblemError
from spantail_service.web.schemas.runs import Facets, Run, RunsPage

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from spantail_service.runs.changes import ListUpdate, RunListChanges

router = APIRouter(tags=["runs"])

HEARTBEAT_S = 15.0
"""Seconds after which a stream without update says that it is still there."""

_NO_STORE = {"cache-control": "no-store"}
_MAX_TIME = 2**53 - 1

Status = Literal["queued", "running", "completed", "failed", "cancelled", "abandoned"]


def wanted_runs(
    status: Annotated[list[Status] | None, Query(max_length=6, description="Any of these; may be repeated.")] = None,
    operation: Annotated[str | None, Query(max_length=200, description="Name of the operation, whole.")] = None,
    backend: Annotated[str | None, Query(max_length=200, description="Served at least one call.")] = None,
    model: Annotated[str | None, Query(max_length=200, description="Served at least one call.")] = None,
    calls: Annotated[
        Calls | None,
        Query(
            description="At least one call failed, or went on to another backend after it failed: of the `backend` or "
            "`model` that is named, else any. Which model was left is not counted: `fell_back` looks at backends."
        ),
    ] = None,
    service: Annotated[str | None, Query(max_length=200, description="Service of the run's root.")] = None,
    environment: Annotated[
        str | None, Query(max_length=200, description="`deployment.environment.name` of the run's root.")
    ] = None,
    version: Annotated[str | None, Query(max_length=200, description="`service.version` of the run's root.")] = None,
    q: Annotated[
        str | None, Query(max_length=200, description="Words in name, operation, service, backends or id.")
    ] = None,
    started_from: Annotated[int | None, Query(ge=0, le=_MAX_TIME, description="First start (µs since epoch).")] = None,
    started_before: Annotated[
        int | None, Query(ge=0, le=_MAX_TIME, description="First start that is too late (µs since epoch).")
    ] = None,
    first: Annotated[
        int | None, Query(alias="from", ge=0, le=_MAX_TIME, description="Another name for `started_from`.")
    ] = None,
    to: Annotated[int | None, Query(ge=0, le=_MAX_TIME, description="Another name for `started_before`.")] = None,
    min_cost_usd: Annotated[float | None, Query(ge=0, le=1e9, description="Least cost in USD.")] = None,
    errors: Annotated[bool | None, Query(description="Only runs with, or without, spans in error.")] = None,
    pinned: Annotated[bool | None, Query(description="Only runs that are, or are not, pinned.")] = None,
    demo: Annotated[bool | None, Query(description="Only runs on demo data, or without them.")] = None,
) -> RunFilter:
    """Which runs are wanted."""
    return RunFilter(
        statuses=tuple(dict.fromkeys(status or ())),
        operation=operation or None,
        started_from=first if started_from is None else started_from,
        started_before=to if started_before is None else started_before,
        backend=backend or None,
        model=model or None,
        calls=calls,
        service=service or None,
        environment=environment or None,
        version=version or None,
        text=q or "",
        min_cost_nano=round(min_cost_usd * NANO) if min_cost_usd else None,
        has_errors=errors,
        pinned=pinned,
        demo=demo,
    )


Wanted = Annotated[RunFilter, Depends(wanted_runs)]


@router.get("/api/runs", summary="Runs, newest first or sorted otherwise", responses=answers(RunsPage, 400, 422, 429))
async def list_runs(
    request: Request,
    wanted: Wanted,
    cursor: Annotated[str | None, Query(max_length=128, description="`next_cursor` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_RUNS, description="Most runs to return.")] = 50,
    sort: Annotated[
        Sort, Query(description="What comes first: the latest start, the longest, the dearest, the most errors.")
    ] = "start",
) -> Response:
    """Answers `{runs, next_cursor}`; `next_cursor` is null on the last page.

    A page may have fewer runs than asked for and still not be the last: the service looks at a bounded number of runs
    for conditions other than status, operation and time; `looked_at` says how many, where there are more. Sorted by
    anything but the start, these are the newest two thousand that are wanted: `sorted_of` says how many there were,
    `sorted_all` whether those are all.
    """
    if wanted.looks_inside or sort != "start":
        await take_heavy(request)
    services = services_of(request)
    services.run_changes.asked()
    answer: dict[str, Any]
    if sort == "start":
        page = await services.runs.page(cursor, limit, wanted)
        answer = {"runs": page.runs, "next_cursor": page.next_cursor}
        if page.looked_at is not None:
            answer["looked_at"] = page.looked_at
    else:
        ranked = await sorted_page(services.runs, wanted, sort, cursor, limit)
        answer = {"runs": ranked.runs, "next_cursor": ranked.next_cursor}
        answer |= {"sorted_of": ranked.sorted_of, "sorted_all": ranked.is_all}
    return Response(orjson.dumps(answer), media_type="application/json", headers=_NO_STORE)


@router.get("/api/runs/facets", summary="What runs can be filtered by", responses=answers(Facets))
async def run_facets(request: Request) -> Response:
    """Answers `{statuses: {status: runs}, operations: [{name, runs}], environments, versions}`.

    Operations are the latest hundred; environments and versions are those of the newest two hundred runs.
    """
    counts = await services_of(request).runs.counts()
    return Response(orjson.dumps(counts), media_type="application/json", headers=_NO_STORE)


@router.get(
    "/api/runs/events",
    summary="Changes of the list (SSE)",
    response_class=Response,
    responses=answers(None, 422, media="text/event-stream", says="`runs` events, for as long as one listens."),
)
async def run_events(
    request: Request,
    wanted: Wanted,
    last_event_id: Annotated[str | None, Header(max_length=64, description="Where to go on.")] = None,
) -> Response:
    """`event: runs` with `{runs, removed, reset}`: the present state of runs that changed and are wanted, the ids
    of those that are not any more; with `reset` the list has to be taken anew. A comment is the heartbeat.
    """
    return _NewsStream(services_of(request).run_changes, wanted, last_event_id)


class _NewsStream(EventStream):
    """Writes what one watcher of the list is sent until it leaves or the process stops."""

    def __init__(self, feed: RunListChanges, wanted: RunFilter, since: str | None) -> None:
        super().__init__()
        self._feed = feed
        self._wanted = wanted
        self._since = since

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer. What is wrong before the watch stands is raised, and becomes a problem document."""
        async with self._feed.watch(self._wanted, self._since) as watcher:
            if watcher is None:
                raise ProblemError(
                    503,
                    "too-many-watchers",
                    "Too many watch the list at the moment: try again.",
                    headers={"retry-after": "5"},
                )
            async with self.opened(receive, send, watcher.close) as write:
                await write(b"retry: 1000\nid: %b\n: watching\n\n" % watcher.position.encode())
                while not watcher.closed:
                    update = await watcher.next(HEARTBEAT_S)
                    await write(b": still here\n\n" if update is None else _event(update))


def _event(update: ListUpdate) -> bytes:
    return b"event: runs\nid: %b\ndata: %b\n\n" % (update.position.encode(), update.as_json())


@router.get("/api/runs/{run_id}", summary="One run with its totals", responses=answers(Run, 400, 404, 410))
async def read_run(request: Request, run_id: str) -> Response:
    """Answers the run as in the list, its layers, and `links` to it in other tools, by their name."""
    services = services_of(request)
    run = await services.snapshots.run(parse_run_id(run_id))
    run["links"] = services.links.of(run["run_id"], run["start"], run["end"], run["service"])
    return Response(orjson.dumps(run), media_type="application/json", headers=_NO_STORE)


@router.delete(
    "/api/runs/{run_id}",
    status_code=204,
    summary="Remove a run",
    dependencies=[HEAVY],
    responses=nothing(400, 404, 409, 410, 429),
)
async def delete_run(request: Request, run_id: str) -> Response:
    """204 once it is gone, 409 while it is going on. What it cost stays in `/api/spend`."""
    await services_of(request).run_retention.delete(parse_run_id(run_id))
    return Response(status_code=204, headers=_NO_STORE)


@router.post("/api/runs/{run_id}/pin", status_code=204, summary="Keep a run", responses=nothing(400, 404, 409, 410))
async def pin_run(request: Request, run_id: str) -> Response:
    """204: the run does not expire until it is unpinned; 409 when too many are kept, or nothing of it is here yet."""
    await services_of(request).run_retention.pin(parse_run_id(run_id))
    return Response(status_code=204, headers=_NO_STORE)


@router.delete(
    "/api/runs/{run_id}/pin", status_code=204, summary="Let a kept run expire", responses=nothing(400, 404, 409, 410)
)
async def unpin_run(request: Request, run_id: str) -> Response:
    """204: the run expires as any other, counted from now on."""
    await services_of(request).run_retention.unpin(parse_run_id(run_id))
    return Response(status_code=204, headers=_NO_STORE)
