"""The page: one HTML file for `/`, `/runs/{run_id}` and the pages beside the runs, and its assets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from fastapi import APIRouter
from fastapi.responses import FileResponse, HTMLResponse
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope

from spantail_service.errors import InputRefusedError
from spantail_service.runs.meta import parse_run_id
from spantail_service.web.compression import takes_gzip
from spantail_service.web.packed_files import read_packed
from spantail_service.web.problems import ProblemError

STATIC = Path(__file__).resolve().parents[2] / "static"
"""Where the frontend's build puts the page."""

router = APIRouter(include_in_schema=False)

_OPENING = "</api/traces/{}?fields=tree&whole_up_to=20000>; rel=preload; as=fetch; crossorigin=anonymous"
"""The very request of `frontend/src/service/early.ts`, so that the browser takes this answer for it."""
_ASSET = re.compile(rb'<link rel="(modulepreload|stylesheet)"[^>]* href="(/assets/[^"]+)">')

_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})
_GZIP: Final[Mapping[str, str]] = MappingProxyType({"content-encoding": "gzip"})
_TEXTS: Final = {".js": "text/javascript", ".css": "text/css", ".txt": "text/plain"}

_NOT_BUILT = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Spantail: page not built</title>
<h1>The page has not been built</h1>
<p>The service runs, its API answers (<a href="/docs">routes</a>), but this checkout holds no built page.</p>
<p>In the checkout, run <code>make install</code>; an installed wheel carries the page already.</p>
</html>
"""


@router.get("/")
@router.get("/queue")
@router.get("/budgets")
@router.get("/notices")
@router.get("/sessions")
@router.get("/sessions/{session_id:text}")
@router.get("/spend")
@router.get("/compare")
@router.get("/compare/{run_id}/{other_id}")
async def index(request: Request) -> Response:
    """The page; it reads from its own address what it is asked to show."""
    return _page(request)


@router.get("/runs/{run_id}")
async def run_page(request: Request, run_id: str) -> Response:
    """The page, with what has the browser ask for the run before it has read it."""
    try:
        return _page(request, _OPENING.format(parse_run_id(run_id)))
    except InputRefusedError:  # the page says what is wrong with it
        return _page(request)


def _page(request: Request, *links: str) -> Response:
    file = STATIC / "index.html"
    if not file.is_file():
        return HTMLResponse(_NOT_BUILT, status_code=503, headers={"cache-control": "no-store"})
    # Names of assets change with each build, so the page itself must be asked for anew.
    headers = {"cache-control": "no-cache"}
    # Scripts before data: they are answered at once, and the browser asks for them before it has read the page.
    if links := (*_assets_of(read_packed(file).plain), *links):
        headers["link"] = ", ".join(links)
    # In one piece with its headers: what these have the browser ask for would come before a body that is read later.
    return _packed(file, request.headers, "text/html", headers)


@lru_cache(1)
def _assets_of(page: bytes) -> tuple[str, ...]:
    """What the page begins with, as links that have the browser ask for it."""
    wanted = {b"modulepreload": "modulepreload", b"stylesheet": "preload; as=style"}
    return tuple(f"<{path.decode()}>; rel={wanted[kind]}; crossorigin" for kind, path in _ASSET.findall(page))


def _packed(file: Path, asked: Headers, media_type: str, headers: Mapping[str, str]) -> Response:
    """What a file holds, in gzip format for those who take it."""
    read = read_packed(file)
    body, encoding = read.plain, _NO_HEADERS
    if read.gzip is not None and takes_gzip(asked.get("accept-encoding", "")):
        body, encoding = read.gzip, _GZIP
    return Response(body, media_type=media_type, headers={"vary": "accept-encoding", **headers, **encoding})


@router.get("/components")
async def components() -> Response:
    """The parts that the page is made of, in each of their states; without anything of the service."""
    file = STATIC / "components.html"
    if not file.is_file():
        raise ProblemError(404, "not-found", "The page has not been built.")
    return FileResponse(file, media_type="text/html", headers={"cache-control": "no-cache"})


@router.get("/favicon.svg")
@router.get("/favicon.ico")
async def favicon() -> Response:
    """The page's icon."""
    file = STATIC / "favicon.svg"
    if not file.is_file():
        raise ProblemError(404, "not-found", "There is no icon.")
    return FileResponse(file, media_type="image/svg+xml", headers={"cache-control": "max-age=86400"})


class _Assets(StaticFiles):
    """Files whose names carry a hash of what is in them: they may be kept for ever."""

    async def check_config(self) -> None:
        """Nothing: without a built page there is no folder, and a file that is not there is a 404."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if isinstance(response, FileResponse) and (media_type := _TEXTS.get(Path(response.path).suffix)):
            tag = {"etag": f"W/{response.headers['etag']}"}  # packed or not, it says the same
            response = _packed(Path(response.path), Headers(scope=scope), media_type, tag)
        if response.status_code in (200, 304):
            response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response


def assets() -> ASGIApp:
    """The app to mount at `/assets`."""
    return _Assets(directory=STATIC / "assets", check_dir=False)
