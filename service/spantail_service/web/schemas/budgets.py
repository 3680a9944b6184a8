"""Budgets: limits of what may be spent, and how they stand."""

from __future__ import annotations

from pydantic import Field

from spantail_service.web.schemas.base import Described


class Budget(Described):
    """How a budget stands."""

    scope: str = Field(description="`run:RUN_ID`, `session:ID`, `operation:NAME` or `day:2026-11-30`.")
    limit_usd: float | None = Field(description="Null: it has no limit.")
    spent_usd: float
    reserved_usd: float = Field(description="What calls that run may cost at most.")
    limit_nano: int | None
    spent_nano: int
    reserved_nano: int
    held: int = Field(description="How many calls have reserved something.")


class DefaultLimits(Described):
    """Limits in USD of budgets that have none of their own; null: no limit."""

    run: float | None
    session: float | None
    operation: float | None
    day: float | None


class Budgets(Described):
    """The budgets that changed last."""

    budgets: list[Budget]
    defaults: DefaultLimits


class Limit(Described):
    """A limit to be set."""

    limit_usd: float | None = Field(
        strict=True,
        ge=0,
        lt=1_000_000,
        allow_inf_nan=False,
        description="In USD; null takes the budget's own limit away.",
    )
