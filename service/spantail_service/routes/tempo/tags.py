"""`/tempo`: which attributes there are to search by, and their values; see `search.py`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Query, Request, Response

from spantail_service.routes.rate_limited import HEAVY
from spantail_service.routes.tempo.parameters import LARGEST, Within, bounded, understood
from spantail_service.services import services_of
from spantail_service.storage.run_writes import now_us
from spantail_service.tempo.conditions import INTRINSICS, OTHER_NAMES, Condition, Field, Scope
from spantail_service.tempo.recent import Period
from spantail_service.tempo.schemas import TempoScopes, TempoTags, TempoTagValues, TempoTypedValues
from spantail_service.tempo.tags import INTRINSIC_NAMES, MOST, Asked, Value, tag_names, tag_values
from spantail_service.tempo.traceql import TraceQLError, parse, parse_field
from spantail_service.web.openapi import answers

router = APIRouter(prefix="/tempo/api", tags=["tempo"])

_NO_STORE = {"cache-control": "no-store"}

TagScope = Literal["", "none", "all", "resource", "span", "intrinsic", "event", "link", "instrumentation"]
OfScope = Annotated[TagScope, Query(description="Only of this scope; what is not kept has no names.")]
Most = Annotated[int, Query(ge=0, le=LARGEST, description=f"Most to answer, up to {MOST}; 0 for as many.")]
Filter = Annotated[str, Query(description="TraceQL: only of spans that fulfil it; ignored where it is unfinished.")]


@router.get(
    "/search/tags",
    summary="Tempo: names of attributes",
    dependencies=[HEAVY],
    responses=answers(TempoTags, 400, 422, 429),
)
async def list_tags(request: Request, within: Within, scope: OfScope = "", limit: Most = 0) -> Response:
    """Answers `{tagNames, metrics}`, from the newest runs."""
    scopes, looked_at = await _scopes(request, within, scope or "none", limit, "")
    if scope != "intrinsic":
        scopes.pop("intrinsic", None)
    return _answer("tagNames", sorted({name for names in scopes.values() for name in names}), looked_at)


@router.get(
    "/v2/search/tags",
    summary="Tempo: names of attributes by scope",
    dependencies=[HEAVY],
    responses=answers(TempoScopes, 400, 422, 429),
)
async def list_tags_by_scope(
    request: Request, within: Within, q: Filter = "", scope: OfScope = "", limit: Most = 0
) -> Response:
    """Answers `{scopes: [{name, tags}], metrics}`, from the newest runs."""
    scopes, looked_at = await _scopes(request, within, scope or "none", limit, q)
    return _answer("scopes", [{"name": name, "tags": tags} for name, tags in scopes.items()], looked_at)


async def _scopes(
    request: Request, within: Period, scope: TagScope, limit: int, query: str
) -> tuple[dict[str, list[str]], int]:
    scope = "none" if scope == "all" else scope
    names: dict[str, list[str]] = {}
    looked_at = 0
    if scope in ("none", "resource", "span", "instrumentation"):
        asked = Asked(within, _if_understood(query), limit or MOST, request.is_disconnected)
        found, looked_at = await bounded(tag_names(services_of(request).recent_runs, asked, now_us()))
        names = {str(one): tags for one, tags in found.items() if scope in ("none", one)}
    if scope in ("none", "intrinsic"):
        names["intrinsic"] = list(INTRINSIC_NAMES)
    return names, looked_at


# A path with a line break in it is no path of these (404): Starlette's `path` ends at one.
@router.get(
    "/search/tag/{tag:text}/values",
    summary="Tempo: values of an attribute",
    dependencies=[HEAVY],
    responses=answers(TempoTagValues, 400, 404, 422, 429),
)
async def list_tag_values(request: Request, tag: str, within: Within, limit: Most = 0) -> Response:
    """Answers `{tagValues, metrics}`; `tag` is an attribute's bare name, or that of a field such as `name`."""
    name = OTHER_NAMES.get(tag, tag)
    field = Field(Scope.INTRINSIC if name in INTRINSICS else Scope.ANY, name)
    values, looked_at = await _values(request, field, within, limit, "")
    return _answer("tagValues", list(dict.fromkeys(value.value for value in values)), looked_at)


@router.get(
    "/v2/search/tag/{tag:text}/values",
    summary="Tempo: values of a field, with their types",
    dependencies=[HEAVY],
    responses=answers(TempoTypedValues, 400, 404, 422, 429),
)
async def list_typed_tag_values(
    request: Request, tag: str, within: Within, q: Filter = "", limit: Most = 0
) -> Response:
    """Answers `{tagValues: [{type, value}], metrics}`; `tag` is written as in TraceQL."""
    field = understood(parse_field, tag)
    values, looked_at = await _values(request, field, within, limit, q)
    return _answer("tagValues", [value._asdict() for value in values], looked_at)


async def _values(request: Request, field: Field, within: Period, limit: int, query: str) -> tuple[list[Value], int]:
    asked = Asked(within, _if_understood(query), limit or MOST, request.is_disconnected)
    return await bounded(tag_values(services_of(request).recent_runs, field, asked, now_us()))


def _if_understood(query: str) -> Condition | None:
    """The conditions of a filter; while somebody is still typing it, none, as Tempo has it."""
    try:
        return parse(query)
    except TraceQLError:
        return None


def _answer(name: str, found: list[Any], looked_at: int) -> Response:
    body = orjson.dumps({name: found, "metrics": {"inspectedBytes": str(looked_at)}})
    return Response(body, media_type="application/json", headers=_NO_STORE)
