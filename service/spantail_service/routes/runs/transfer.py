"""`GET /api/runs/{run_id}/export` and `POST /api/runs/import`: a run out, and in again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from spantail_service.bounds.byte_budget import BusyError
from spantail_service.bounds.chunks import chunks
from spantail_service.errors import InputRefusedError, SpanNotFoundError
from spantail_service.ingest.decoding.body import (
    DecodedTooLargeError,
    MalformedRequestError,
    TooManyError,
    UnknownEncodingError,
    is_gzip,
)
from spantail_service.routes.otlp import read_body
from spantail_service.routes.rate_limited import HEAVY
from spantail_service.runs.meta import parse_run_id, parse_span_id
from spantail_service.runs.sources import read_tables
from spantail_service.services import services_of
from spantail_service.storage.run_writes import now_us
from spantail_service.transfer import ndjson
from spantail_service.transfer.otlp import otlp_file
from spantail_service.transfer.perfetto import perfetto_file
from spantail_service.transfer.whole_run import read_span, read_spans, read_tail
from spantail_service.web.large_responses import LargeResponse, TooBusyError
from spantail_service.web.openapi import answers
from spantail_service.web.problems import ProblemError
from spantail_service.web.schemas.runs import Imported

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from redis.asyncio import Redis

    from spantail_service.services import Services

router = APIRouter(tags=["runs"])

IMPORT_PATH = "/api/runs/import"

_NDJSON = "application/x-ndjson"
_JSON = "application/json"
_TAKEN = {_JSON, _NDJSON, "application/ndjson", "application/octet-stream"}
_MAX_JSON_BYTES = 16_777_216  # parsing JSON holds everything else up: 100 ms for so much


@router.get(
    "/api/runs/{run_id}/export",
    summary="A run as a file",
    dependencies=[HEAVY],
    response_class=Response,
    responses={
        **answers(None, 400, 404, 410, 422, 429),
        200: {"description": "The file.", "content": {_JSON: {"schema": {"type": "object"}}, _NDJSON: {}}},
    },
)
async def export_run(
    request: Request,
    run_id: str,
    as_format: Annotated[
        Literal["otlp", "perfetto", "ndjson"],
        Query(
            alias="format",
            description="`otlp`: OTLP JSON of the finished spans; `perfetto`: Chrome trace JSON, for ui.perfetto.dev; "
            "`ndjson`: the events, one a line.",
        ),
    ] = "ndjson",
    span: Annotated[str | None, Query(max_length=16, description="Only this span; not with `ndjson`.")] = None,
) -> Response:
    """The file. With `otlp`, `spantail-unfinished-spans` says how many spans are not in it, for they go on."""
    services = services_of(request)
    canonical = parse_run_id(run_id)
    span_id = parse_span_id(span) if span is not None else None
    if span_id is not None and as_format == "ndjson":
        raise InputRefusedError("One span is exported as `otlp` or as `perfetto`.", kind="malformed-export")
    return LargeResponse(services.large_responses, lambda: _exported(services, canonical, as_format, span_id))


async def _exported(services: Services, run_id: str, as_format: str, span_id: str | None) -> Response:
    run = await services.snapshots.run(run_id)
    headers = {"cache-control": "no-store"}
    if as_format == "ndjson":
        headers["content-disposition"] = f'attachment; filename="{run_id}.ndjson"'
        return StreamingResponse(_events(services.redis, run), media_type=_NDJSON, headers=headers)
    if span_id is None:
        states = await read_spans(services.redis, run_id)
    elif (state := await read_span(services.redis, run_id, span_id)) is not None:
        states = [state]
    else:
        raise SpanNotFoundError
    sources = await read_tables(services.redis, run_id)
    headers["content-disposition"] = f'attachment; filename="{span_id or run_id}.{as_format}.json"'
    if as_format == "otlp":
        body, left_out = await asyncio.to_thread(otlp_file, states, sources)
        headers["spantail-unfinished-spans"] = str(left_out)
    else:
        body = await asyncio.to_thread(perfetto_file, states, run, now_us())
    return Response(body, media_type=_JSON, headers=headers)


async def _events(redis: Redis, run: dict[str, Any]) -> AsyncIterator[bytes]:
    yield ndjson.header(run) + ndjson.source_lines(await read_tables(redis, run["run_id"]))
    seen: int | None = None
    async for first, events in read_tail(redis, run["run_id"]):
        seen = first if seen is None else seen
        yield ndjson.lines(first, events)
    if seen:  # the tail was trimmed: the states stand for what it has lost
        for piece in chunks(await read_spans(redis, run["run_id"]), len):
            yield b"\n".join(piece) + b"\n"
            await asyncio.sleep(0)  # taken at once, it would be one turn from the first to the last


@router.post(
    IMPORT_PATH,
    summary="Runs from a file",
    dependencies=[HEAVY],
    responses=answers(Imported, 400, 408, 409, 413, 415, 429),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {_JSON: {"schema": {"type": "object"}}, _NDJSON: {"schema": {"type": "string"}}},
        }
    },
)
async def import_runs(request: Request) -> Response:
    """Takes OTLP JSON (anybody's) or NDJSON as exported here, gzip or plain, within the limits of OTLP ingest.

    Answers `{runs: [run_id], rejected, reason}` once everything is stored; 409 for NDJSON of a run that is here.
    """
    services = services_of(request)
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type not in _TAKEN:
        raise ProblemError(415, "unsupported-media-type", f"This route takes {_JSON} (OTLP) or {_NDJSON}.")
    limit = min(services.settings.limits.max_ingest_decoded_bytes, _MAX_JSON_BYTES)
    try:
        zipped = is_gzip(",".join(request.headers.getlist("content-encoding")))
        with services.large_responses.budget.hold() as hold:
            body = await read_body(request, hold)
            taken = await services.importer.take(body, limit, is_gzip=zipped)
    except BusyError:
        raise TooBusyError from None
    except TimeoutError:
        raise ProblemError(408, "too-slow", "The file did not arrive in time.") from None
    except UnknownEncodingError as error:
        raise ProblemError(415, "unsupported-media-type", str(error)) from None
    except (DecodedTooLargeError, TooManyError) as error:
        raise ProblemError(413, "too-large", str(error)) from None
    except MalformedRequestError as error:
        raise ProblemError(400, "malformed-file", str(error)) from None
    answer = {"runs": taken.run_ids, "rejected": taken.rejected, "reason": taken.reason}
    return Response(orjson.dumps(answer), media_type=_JSON, headers={"cache-control": "no-store"})
