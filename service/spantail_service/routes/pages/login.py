"""`/login` and `/logout`: from the token to a session in a cookie, for browsers."""

from __future__ import annotations

import re
from html import escape
from typing import Annotated, Final
from urllib.parse import parse_qs

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from starlette.responses import RedirectResponse, Response

from spantail_service.access.guard import Guard
from spantail_service.access.rate_limits import client_of
from spantail_service.access.refusals import Refusal
from spantail_service.access.sessions import COOKIE
from spantail_service.routes.pages import page
from spantail_service.services import services_of
from spantail_service.web.problems import ProblemError

router = APIRouter(include_in_schema=False)

FORM: Final = "application/x-www-form-urlencoded"
_NO_STORE: Final = {"cache-control": "no-store"}
_MOST_FIELDS: Final = 8
_LOCAL: Final = re.compile(r"/(?![/\\])[!-~]{0,2000}")  # //host and /\host lead elsewhere

_PLAIN: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Sign in · Spantail</title>
<h1>Sign in</h1><!--problem-->
<form method="post" action="/login"><label>Token <input name="token" type="password" required autofocus></label>
<!--next--><button>Sign in</button></form>
<p>The token is the value of <code>SPANTAIL_TOKEN</code> where the service is started.</p>
</html>
"""


@router.get("/login")
async def show_login(request: Request, target: Annotated[str, Query(alias="next")] = "/") -> Response:
    """The form; straight on where no token is wanted or somebody is signed in already."""
    guard = _guard_of(request)
    cookie = request.headers.get("cookie", "").encode("latin-1")
    if not guard.wants_token or (guard.sessions is not None and guard.sessions.is_valid(cookie)):
        return RedirectResponse(_local(target), 303, _NO_STORE)
    return _form(target)


@router.post("/login")
async def log_in(request: Request) -> Response:
    """Take the form: 303 with a session cookie, or the form again with what was wrong (401, 429)."""
    guard = _guard_of(request)
    fields = await _fields(request)
    target = _local(fields.get("next", "/"))
    if guard.sessions is None:
        return RedirectResponse(target, 303, _NO_STORE)
    refusal = guard.check_token(fields.get("token", "").strip(), client_of(request.scope))
    services_of(request).metrics.login(accepted=refusal is None)
    if refusal is not None:
        if "text/html" in request.headers.get("accept", ""):
            return _form(target, refusal)
        raise ProblemError(refusal.status, refusal.kind, refusal.detail, headers=dict(refusal.headers))
    answer = RedirectResponse(target, 303, _NO_STORE)
    # Lax, not Strict: a link from a chat or from Jaeger has to find the reader signed in. What changes anything is
    # guarded by the origin check, for SameSite does not distinguish the ports of one host.
    answer.set_cookie(
        COOKIE,
        guard.sessions.issue(),
        max_age=guard.sessions.lifetime_s,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return answer


@router.post("/logout")
async def log_out(request: Request) -> Response:
    """End the session, here and in the other processes, and go to the login page."""
    guard, services = _guard_of(request), services_of(request)
    if guard.sessions is not None:
        ended = guard.sessions.end(request.headers.get("cookie", "").encode("latin-1"))
        if ended is not None and services.ended_sessions is not None:
            await services.ended_sessions.publish(ended)
    answer = RedirectResponse("/login", 303, _NO_STORE)
    answer.delete_cookie(COOKIE, httponly=True, samesite="lax", secure=request.url.scheme == "https")
    return answer


def _guard_of(request: Request) -> Guard:
    guard: Guard = request.app.state.guard
    return guard


def _form(target: str, refusal: Refusal | None = None) -> Response:
    file = page.STATIC / "login.html"
    html = file.read_text(encoding="utf-8") if file.is_file() else _PLAIN
    message = refusal.detail.partition(":")[0].rstrip(".") + "." if refusal else ""  # what to do stands below the field
    problem = f'<p class="form-problem" role="alert">{escape(message)}</p>' if message else ""
    hidden = f'<input type="hidden" name="next" value="{escape(_local(target))}">'
    html = html.replace("<!--problem-->", problem).replace("<!--next-->", hidden)
    headers = {**_NO_STORE, **dict(refusal.headers if refusal else ())}
    return HTMLResponse(html, refusal.status if refusal else 200, headers)


async def _fields(request: Request) -> dict[str, str]:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise ProblemError(415, "unsupported-media-type", f"This route takes {FORM}.")
    try:
        found = parse_qs((await request.body()).decode("ascii"), max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError:
        raise ProblemError(400, "malformed-form", "This is no form that the login page would send.") from None
    return {name: values[0] for name, values in found.items()}


def _local(target: str) -> str:
    """The address to go on to, if it is one of this service, else the start page."""
    return target if _LOCAL.fullmatch(target) else "/"
