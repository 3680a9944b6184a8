"""What runs cost, by day and backend."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from spantail_service.web.schemas.base import Described
from spantail_service.web.schemas.totals import Tokens


class SpendTotals(Described):
    """What was spent at one backend."""

    calls: int
    errors: int
    unpriced: int
    tokens: Tokens
    cost_usd: float
    cost_nano: int


class SpendOfRuns(Described):
    """What some runs cost."""

    runs: int
    cost_usd: float
    cost_nano: int
    backends: dict[str, SpendTotals]


class SpendOfDay(SpendOfRuns):
    """What the runs cost that began on a day (UTC); those on demo data apart."""

    day: date
    demo: SpendOfRuns


class Spend(Described):
    """Sums over some days, and by day; runs on demo data apart."""

    by: Literal["backend"]
    first: date = Field(alias="from")
    last: date = Field(alias="to")
    cost_usd: float
    cost_nano: int
    backends: dict[str, SpendTotals]
    demo: SpendOfRuns
    days: list[SpendOfDay]
