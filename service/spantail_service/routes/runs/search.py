"""`GET /api/runs/{run_id}/search`: find spans and log lines in one run."""

from __future__ import annotations

from typing import Annotated

import orjson
from fastapi import APIRouter, Query, Request, Response

from spantail_service.routes.rate_limited import HEAVY
from spantail_service.runs.meta import parse_run_id
from spantail_service.search.query import MAX_QUERY
from spantail_service.search.run_search import MAX_HITS
from spantail_service.services import services_of
from spantail_service.web.compression import json_response
from spantail_service.web.openapi import answers
from spantail_service.web.schemas.search import RunSearchAnswer

router = APIRouter(tags=["runs"])


@router.get(
    "/api/runs/{run_id}/search",
    summary="Search the spans and log lines of a run",
    responses=answers(RunSearchAnswer, 400, 404, 410, 422, 429),
    dependencies=[HEAVY],
)
async def search_run(
    request: Request,
    run_id: str,
    q: Annotated[str, Query(max_length=MAX_QUERY, description="Words and conditions, as said above.")],
    limit: Annotated[int, Query(ge=1, le=MAX_HITS, description="Most hits.")] = 200,
    cursor: Annotated[str | None, Query(max_length=80, description="`next_cursor` of the answer before.")] = None,
) -> Response:
    """Answers the hits by start.

    All words have to be found, in any case, in one span or in one log line: in its name, backend, model, ids, error,
    attributes (names and values), span events and links; a kind or status whole. `"two words"` in quotes are one.
    `key:value` looks in one field (`status:error`, `kind:llm_call`, `backend:`, `model:`, `name:`, `error:`, `event:`,
    `log:`) or in attributes of that name, whole or its last parts. `is:` is followed by `running`, `error`, `skipped`,
    `cancelled`, `abandoned`, `llm`, `unpriced` or `fallback`.

    One request looks through about 128 MiB. Of a larger run `is_whole` is false, and `next_cursor` goes on with the
    part that follows; hits come by start within each part.
    """
    canonical = parse_run_id(run_id)
    search = services_of(request).run_search
    found = await search.search(canonical, q, cursor=cursor, limit=limit, has_left=request.is_disconnected)
    answer = {**found._asdict(), "run_id": canonical, "hits": [hit.as_json() for hit in found.hits]}
    return await json_response(orjson.dumps(answer), request.headers.get("accept-encoding", ""))
