"""`/api/budgets`: what was spent and reserved of each budget, and its limit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import orjson
from fastapi import APIRouter, Path, Request, Response

from spantail.pricing import nano_usd, usd_of_nano
from spantail_service.errors import InputRefusedError
from spantail_service.llm.budget import Scope, scope_of
from spantail_service.services import services_of
from spantail_service.web.openapi import answers
from spantail_service.web.schemas.budgets import Budget, Budgets, Limit

if TYPE_CHECKING:
    from spantail_service.llm.budget import BudgetState

router = APIRouter(tags=["budgets"])

_NO_STORE = {"cache-control": "no-store"}


@router.get("/api/budgets", summary="Budgets", responses=answers(Budgets))
async def list_budgets(request: Request) -> Response:
    """Answers `{budgets, defaults}`: those that changed last, days first, then operations, sessions and runs.

    `defaults` has the limit of each kind that holds where a budget has none of its own.
    """
    ledger = services_of(request).budgets
    states = await ledger.listed()
    body = {
        "budgets": [_shown(state) for state in states],
        "defaults": {kind: _usd(limit_nano) for kind, limit_nano in ledger.defaults_nano.items()},
    }
    return Response(orjson.dumps(body), media_type="application/json", headers=_NO_STORE)


@router.put("/api/budgets/{scope:text}", summary="Set a budget's limit", responses=answers(Budget, 400, 413, 422))
async def set_limit(
    request: Request,
    scope: Annotated[
        str, Path(description="`run:RUN_ID`, `session:ID`, `operation:NAME` or `day:2026-11-30`.", max_length=300)
    ],
    limit: Limit,
) -> Response:
    """Answers the budget. The limit holds at once, for calls to come; `null` takes it away, so that the default holds.

    A budget that does not exist yet is made. Operation and day of demo work end in `:demo`.
    """
    limit_nano = None if limit.limit_usd is None else nano_usd(limit.limit_usd)
    state = await services_of(request).budgets.set_limit(_scope(scope), limit_nano)
    return Response(orjson.dumps(_shown(state)), media_type="application/json", headers=_NO_STORE)


def _scope(name: str) -> Scope:
    try:
        return scope_of(name)
    except ValueError as error:
        raise InputRefusedError(f"There is no such budget: {error}.", kind="malformed-scope") from None


def _shown(state: BudgetState) -> dict[str, Any]:
    return {
        "scope": state.scope,
        "limit_usd": _usd(state.limit_nano),
        "spent_usd": _usd(state.spent_nano),
        "reserved_usd": _usd(state.reserved_nano),
        "limit_nano": state.limit_nano,
        "spent_nano": state.spent_nano,
        "reserved_nano": state.reserved_nano,
        "held": state.held,
    }


def _usd(nano: int | None) -> float | None:
    return None if nano is None else usd_of_nano(nano)
