"""What runs cost, by day, and by backend, model or operation."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from spantail_service.web.schemas.base import Described
from spantail_service.web.schemas.totals import Tokens


class SpendTotals(Described):
    """What was spent at one backend, on one model, or by one operation."""

    calls: int
    errors: int
    unpriced: int
    tokens: Tokens
    cost_usd: float
    cost_nano: int
    runs: int | None = Field(None, description="Runs that had such calls; absent where that was not counted.")
    fallbacks: int | None = Field(
        None, description="Calls that another backend took over; absent where that was not counted, as of models."
    )


class SpendParts(Described):
    """A sum, and what it is parted into: one of the three is there, as asked for."""

    cost_usd: float
    cost_nano: int
    backends: dict[str, SpendTotals] | None = Field(None, description="By backend.")
    models: dict[str, SpendTotals] | None = Field(None, description="By model; `unknown` where no span said it.")
    operations: dict[str, SpendTotals] | None = Field(None, description="By operation.")


class SpendOfRuns(SpendParts):
    """What some runs cost."""

    runs: int


class SpendOfDay(SpendOfRuns):
    """What the runs cost that began on a day (UTC); those on demo data apart."""

    day: date
    demo: SpendOfRuns


class Spend(SpendParts):
    """Sums over some days, and by day; runs on demo data apart."""

    by: Literal["backend", "model", "operation"]
    first: date = Field(alias="from")
    last: date = Field(alias="to")
    demo: SpendOfRuns
    days: list[SpendOfDay]
