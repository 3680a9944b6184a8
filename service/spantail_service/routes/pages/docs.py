"""`/docs`: the API as a plain page of our own.

FastAPI's page loads scripts from a content delivery network and needs them inline; this one needs neither, so
it works offline and under the strict Content-Security-Policy. `/openapi.json` serves any other viewer.
"""

from __future__ import annotations

from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from starlette.responses import Response

router = APIRouter(include_in_schema=False)

_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin: 2rem 0 0; font-size: 1.05rem; }
code { font-family: ui-monospace, monospace; }
.method { display: inline-block; min-width: 3.2rem; font-weight: 600; }
p { margin: .25rem 0; }
ul { margin: .25rem 0; padding-left: 1.2rem; }
small { opacity: .7; }
"""


@router.get("/docs")
async def docs(request: Request) -> Response:
    """Every route, with its parameters."""
    return HTMLResponse(_render(request.app.openapi()))


@router.get("/docs/style.css")
async def style() -> Response:
    """The page's style sheet: the policy allows none in the page."""
    return Response(_STYLE, media_type="text/css", headers={"cache-control": "max-age=3600"})


def _render(api: dict[str, Any]) -> str:
    title, version = escape(api["info"]["title"]), escape(api["info"]["version"])
    parts = [
        "<!doctype html><html lang='en'><meta charset='utf-8'>",
        f"<meta name='viewport' content='width=device-width'><title>{title} API</title>",
        f"<link rel='stylesheet' href='/docs/style.css'><h1>{title} {version}</h1>",
        "<p><a href='/openapi.json'>openapi.json</a>. Errors are problem details (RFC 9457).</p>",
    ]
    for path, methods in api["paths"].items():
        for method, route in methods.items():
            parts.append(_route(method, path, route))
    return "".join(parts) + "</html>"


def _route(method: str, path: str, route: dict[str, Any]) -> str:
    parameters = "".join(
        f"<li><code>{escape(p['name'])}</code> <small>{escape(p['in'])}</small> "
        f"{escape(p.get('description') or p.get('schema', {}).get('description') or '')}</li>"
        for p in route.get("parameters", ())
    )
    return (
        f"<h2><span class='method'>{escape(method.upper())}</span> <code>{escape(path)}</code></h2>"
        f"<p>{escape(route.get('summary', ''))}</p>"
        f"<p><small>{escape(route.get('description', ''))}</small></p>"
        + (f"<ul>{parameters}</ul>" if parameters else "")
    )
