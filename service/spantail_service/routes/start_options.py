"""How an operation is to be started: at once or by the queue, and with what limits. In the query of such routes."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from fastapi import Depends, Query
from fastapi.exceptions import RequestValidationError

from spantail_service.web.schemas.queue import MOST_BUDGET_USD, MOST_DELAY_S, SESSION_ID, Priority


class StartOptions(NamedTuple):
    """What a caller wants beside the operation and its input."""

    queue: bool = False
    priority: Priority = "normal"
    delay_s: float = 0.0
    budget_usd: float | None = None
    session_id: str | None = None


def start_options(
    *,
    queue: Annotated[bool, Query(description="Put it into the queue instead of starting it at once.")] = False,
    priority: Annotated[Priority | None, Query(description="With `queue`: who is served first; else `normal`.")] = None,
    delay_s: Annotated[
        float | None,
        Query(ge=0, le=MOST_DELAY_S, allow_inf_nan=False, description="With `queue`: seconds that it waits at least."),
    ] = None,
    budget_usd: Annotated[
        float | None,
        Query(gt=0, le=MOST_BUDGET_USD, allow_inf_nan=False, description="What the run may spend, in USD."),
    ] = None,
    session_id: Annotated[
        str | None, Query(pattern=SESSION_ID, description="The user's session, which the run is counted for.")
    ] = None,
) -> StartOptions:
    """Read the query; what makes sense in the queue alone is refused without it."""
    alone = {"priority": priority, "delay_s": delay_s}
    if not queue and (needless := [name for name, value in alone.items() if value is not None]):
        raise RequestValidationError(
            [{"loc": ("query", name), "msg": "This wants `queue=true`.", "type": "value_error"} for name in needless]
        )
    return StartOptions(queue, priority or "normal", delay_s or 0.0, budget_usd, session_id)


Options = Annotated[StartOptions, Depends(start_options)]
