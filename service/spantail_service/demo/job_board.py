"""The demo job board: Himalayas' API (`/jobs/api` to browse, `/jobs/api/search` to search), from a seed."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from spantail_service.demo.corpus import make_jobs
from spantail_service.demo.faults import Pace, requested_status, seeded

if TYPE_CHECKING:
    from starlette.requests import Request

    from spantail_service.demo.provider import Hold

PAGE_SIZE = 20
_MAX_DIGITS = 9


def create_job_board_app(seed: int = 0, *, pace: Pace | None = None, hold: Hold | None = None) -> Starlette:
    """The ASGI app. `hold` is awaited before each answer, with the route's path."""
    board = _Board(seed, pace or Pace(), hold)
    return Starlette(
        routes=[
            Route("/jobs/api", board.browse, methods=["GET"]),
            Route("/jobs/api/search", board.search, methods=["GET"]),
        ]
    )


class _Board:
    def __init__(self, seed: int, pace: Pace, hold: Hold | None) -> None:
        self._seed = seed
        self._pace = pace
        self._hold = hold
        self._jobs = make_jobs(seed)

    async def browse(self, request: Request) -> Response:
        offset = _number(request, "offset", 0, 1_000_000)
        return await self._answer(request, self._jobs, offset, _number(request, "limit", PAGE_SIZE, PAGE_SIZE))

    async def search(self, request: Request) -> Response:
        limit = max(1, _number(request, "limit", PAGE_SIZE, PAGE_SIZE))
        page = max(1, _number(request, "page", 1, 10_000))
        query = request.query_params.get("q", "")[:1_000]
        found = find(self._jobs, query, request.query_params.get("country", "")[:100])
        return await self._answer(request, found, (page - 1) * limit, limit)

    async def _answer(self, request: Request, jobs: list[dict[str, Any]], offset: int, limit: int) -> Response:
        if self._hold is not None:
            await self._hold(request.url.path)
        asked = str(request.query_params)
        await asyncio.sleep(self._pace.page_s(seeded(self._seed, "page", asked)))
        text = request.query_params.get("q", "")
        status = requested_status("himalayas", text, header=request.headers.get("x-demo-error"))
        if status is not None:
            return JSONResponse({"error": "requested by the demo"}, status_code=status)
        return JSONResponse(
            {
                "updatedAt": jobs[0]["pubDate"] if jobs else 0,
                "offset": offset,
                "limit": limit,
                "totalCount": len(jobs),
                "jobs": jobs[offset : offset + limit],
            }
        )


def find(jobs: list[dict[str, Any]], query: str, country: str) -> list[dict[str, Any]]:
    """The jobs whose title has a word of the query, those with more of them first."""
    words = set(_words(query))
    place = country.lower()

    def hits(job: dict[str, Any]) -> int:
        return len(words & set(_words(job["title"])))

    def open_to(job: dict[str, Any]) -> bool:
        places = [name.lower() for name in job["locationRestrictions"]]
        return not place or not places or place in places

    found = [job for job in jobs if open_to(job) and (not words or hits(job))]
    return sorted(found, key=lambda job: -hits(job))


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower())


def _number(request: Request, name: str, default: int, largest: int) -> int:
    text = request.query_params.get(name, "")
    return min(int(text), largest) if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS else default
