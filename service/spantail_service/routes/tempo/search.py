"""`/tempo`: Tempo's HTTP API, for Grafana's Tempo data source. Running spans are in it, and say that they run.

Paths, parameters and shapes are those of Tempo's own documentation ("Tempo HTTP API") and `pkg/api`.
"""

from __future__ import annotations

import asyncio
import re
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import PlainTextResponse

from spantail_service import __version__
from spantail_service.errors import RunExpiredError, RunNotFoundError
from spantail_service.routes.rate_limited import HEAVY
from spantail_service.routes.tempo.parameters import LARGEST, Within, bounded, duration, understood
from spantail_service.runs.meta import parse_run_id
from spantail_service.runs.sources import read_tables
from spantail_service.services import services_of
from spantail_service.storage.run_writes import now_us
from spantail_service.tempo import messages
from spantail_service.tempo.schemas import TempoBuild, TempoSearch
from spantail_service.tempo.search import MAX_SPANS_SHOWN, Wanted, search
from spantail_service.tempo.span_filter import SpanFilter
from spantail_service.tempo.tag_search import parse_tags
from spantail_service.tempo.traceql import parse
from spantail_service.transfer.whole_run import read_states
from spantail_service.web.compression import packed_response
from spantail_service.web.large_responses import LargeResponse
from spantail_service.web.openapi import answers
from spantail_service.web.problems import ProblemError

if TYPE_CHECKING:
    from collections.abc import Callable

    from spantail_service.services import Services
    from spantail_service.tempo.messages import TraceAnswer

router = APIRouter(prefix="/tempo/api", tags=["tempo"])

_JSON = "application/json"
_PROTOBUF = "application/protobuf"
_TRACE_ID = re.compile(r"[0-9a-fA-F]{1,32}")
_NO_STORE = {"cache-control": "no-store"}
_TEMPO_VERSION = "2.1.0"  # from 2.2 on Grafana may ask for searches as gRPC streams

_TRACE_ANSWERS: dict[int | str, dict[str, Any]] = {
    **answers(None, 400, 404, 429),
    200: {
        "description": "The trace; in protobuf where `Accept` names `application/protobuf`.",
        "content": {
            _JSON: {"schema": {"type": "object"}},
            _PROTOBUF: {"schema": {"type": "string", "format": "binary"}},
        },
    },
}


@router.get(
    "/echo",
    summary="Tempo: alive",
    response_class=PlainTextResponse,
    responses=answers(None, media="text/plain", says="`echo`."),
)
async def echo() -> Response:
    """Answers `echo`: what Grafana asks when it tests a data source."""
    return PlainTextResponse("echo", headers=_NO_STORE)


@router.get("/status/buildinfo", summary="Tempo: version", responses=answers(TempoBuild))
async def build_info() -> Response:
    """Answers the version of Tempo's API that readers may count on."""
    return _json({"version": _TEMPO_VERSION, "revision": f"spantail {__version__}"})


@router.get(
    "/traces/{trace_id}",
    summary="Tempo: a trace",
    dependencies=[HEAVY],
    response_class=Response,
    responses=_TRACE_ANSWERS,
)
async def read_trace(request: Request, trace_id: str) -> Response:
    """Answers Tempo's `Trace`: what is stored of a run, its running spans included."""
    return _trace(request, trace_id, messages.as_protobuf, messages.as_json)


@router.get(
    "/v2/traces/{trace_id}",
    summary="Tempo: a trace, and whether it is all of it",
    dependencies=[HEAVY],
    response_class=Response,
    responses={**answers(None, 422), **_TRACE_ANSWERS},
)
async def read_trace_v2(
    request: Request,
    trace_id: str,
    q: Annotated[str, Query(description="TraceQL: only spans that fulfil this one `{ … }` of conditions.")] = "",
    keep_hierarchy: Annotated[
        bool | None, Query(description="With `q`: all spans above them too, unless it is `false`.")
    ] = None,
) -> Response:
    """Answers Tempo's `TraceByIDResponse`; its status is `PARTIAL` where the trace was too large."""
    wanted = SpanFilter(understood(parse, q), keep_hierarchy=keep_hierarchy is not False)
    return _trace(request, trace_id, messages.as_protobuf_v2, messages.as_json_v2, wanted)


def _trace(
    request: Request,
    trace_id: str,
    as_protobuf: Callable[[TraceAnswer], bytes],
    as_json: Callable[[TraceAnswer], bytes],
    wanted: SpanFilter | None = None,
) -> Response:
    run_id = _run_id(trace_id)
    is_protobuf = _PROTOBUF in request.headers.get("accept", "")
    write = as_protobuf if is_protobuf else as_json

    async def make() -> Response:
        states = await _states(services_of(request), run_id)
        sources = await read_tables(services_of(request).redis, run_id)
        trace = partial(messages.trace_of, states, now_us(), sources, wanted or SpanFilter())
        body = await bounded(asyncio.to_thread(lambda: write(trace())))
        packed = await packed_response(
            body, request.headers.get("accept-encoding", ""), _PROTOBUF if is_protobuf else _JSON
        )
        packed.headers["vary"] = "accept, accept-encoding"
        return packed

    return LargeResponse(services_of(request).large_responses, make)


async def _states(services: Services, run_id: str) -> list[bytes]:
    states = await read_states(services.redis, run_id)
    if not states:
        try:
            await services.snapshots.run(run_id)
        except RunExpiredError as error:  # Tempo has no 410
            raise ProblemError(404, error.kind, error.detail, extra=error.data) from None
        raise ProblemError(404, "no-spans", "This run has no spans yet.")
    return states


def _run_id(trace_id: str) -> str:
    """The run that a trace id names: leading zeros may be missing, as Tempo leaves them out in its answers."""
    if _TRACE_ID.fullmatch(trace_id) and not trace_id.strip("0"):
        raise RunNotFoundError("No trace has the id 0.")
    return parse_run_id(trace_id.zfill(32) if _TRACE_ID.fullmatch(trace_id) else trace_id)


@router.get(
    "/search", summary="Tempo: search traces", dependencies=[HEAVY], responses=answers(TempoSearch, 400, 422, 429)
)
async def search_traces(
    request: Request,
    within: Within,
    q: Annotated[str, Query(description="TraceQL: one `{ … }` of conditions.")] = "",
    tags: Annotated[str, Query(description="Instead of `q`: `key=value`, in logfmt.")] = "",
    min_duration: Annotated[
        str, Query(alias="minDuration", max_length=100, description="Shortest trace, such as `1.5s`.")
    ] = "",
    max_duration: Annotated[
        str, Query(alias="maxDuration", max_length=100, description="Longest trace, such as `2m`.")
    ] = "",
    limit: Annotated[int, Query(ge=1, le=LARGEST, description="Most traces.")] = 20,
    spss: Annotated[
        int, Query(ge=0, le=LARGEST, description=f"Most spans of a trace, up to {MAX_SPANS_SHOWN}; 0 for as many.")
    ] = 3,
) -> Response:
    """Answers the newest traces that have spans which fulfil all conditions.

    `metrics` says how many runs were looked into: the newest ones, up to a bound.
    """
    if q and tags:
        raise ProblemError(400, "two-queries", "Send `q` or `tags`, not both.")
    shortest, longest = duration("minDuration", min_duration), duration("maxDuration", max_duration)
    if longest is not None and (shortest or 0) > longest:
        raise ProblemError(400, "malformed-duration", "`maxDuration` has to be longer than `minDuration`.")
    wanted = Wanted(
        condition=understood(parse_tags, tags) if tags else understood(parse, q),
        within=within,
        limit=limit,
        spans_shown=min(spss or MAX_SPANS_SHOWN, MAX_SPANS_SHOWN),
        has_left=request.is_disconnected,
        min_duration_ns=shortest or 0,
        max_duration_ns=longest,
    )
    return _json(await bounded(search(services_of(request).recent_runs, wanted, now_us())))


def _json(answer: dict[str, Any]) -> Response:
    return Response(orjson.dumps(answer), media_type=_JSON, headers=_NO_STORE)
