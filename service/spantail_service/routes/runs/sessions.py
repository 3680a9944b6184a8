"""`GET /api/sessions`: conversations over runs."""

from __future__ import annotations

from typing import Annotated

import orjson
from fastapi import APIRouter, Path, Query, Request, Response

from spantail_service.routes.rate_limited import take_heavy
from spantail_service.runs.sessions import MAX_RUNS_OF_SESSION, MAX_SESSIONS
from spantail_service.services import services_of
from spantail_service.web.openapi import answers
from spantail_service.web.schemas.sessions import Session, SessionsPage

router = APIRouter(tags=["runs"])

_NO_STORE = {"cache-control": "no-store"}


@router.get(
    "/api/sessions", summary="Sessions, the last active one first", responses=answers(SessionsPage, 400, 422, 429)
)
async def list_sessions(
    request: Request,
    q: Annotated[str, Query(max_length=200, description="Text within the id.")] = "",
    cursor: Annotated[str | None, Query(max_length=64, description="`next_cursor` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_SESSIONS, description="Most sessions to return.")] = 50,
) -> Response:
    """Answers `{sessions, next_cursor}`; `next_cursor` is null on the last page.

    A session is what runs have in common that name the same `spantail.session.id` or `gen_ai.conversation.id` on one of
    their spans. A run may be in several, and counts whole in each. The figures are the sums over the runs that are
    here, and a second behind; a session goes with its last run.
    """
    if q.strip():
        await take_heavy(request)
    page = await services_of(request).run_sessions.page(cursor, limit, q)
    body = orjson.dumps({"sessions": page.sessions, "next_cursor": page.next_cursor})
    return Response(body, media_type="application/json", headers=_NO_STORE)


@router.get(
    "/api/sessions/{session_id:text}",
    summary="One session with its runs",
    responses=answers(Session, 400, 404, 422),
)
async def read_session(
    request: Request,
    session_id: Annotated[str, Path(max_length=1_000, description="The id as the spans say it.")],
    cursor: Annotated[str | None, Query(max_length=64, description="`next_cursor` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_RUNS_OF_SESSION, description="Most runs to return.")] = 100,
) -> Response:
    """Answers the session as in the list and `items`: its runs as in the list of runs, in the order of their start."""
    session = await services_of(request).run_sessions.session(session_id, cursor, limit)
    return Response(orjson.dumps(session), media_type="application/json", headers=_NO_STORE)
