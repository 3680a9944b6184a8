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


class SpendOfDay(Described):
    """What the runs cost that began on a day (UTC)."""

    day: date
    runs: int
    cost_usd: float
    cost_nano: int
    backends: dict[str, SpendTotals]


class Spend(Described):
    """Sums over some days, and by day."""

    by: Literal["backend"]
    first: date = Field(alias="from")
    last: date = Field(alias="to")
    cost_usd: float
    cost_nano: int
    backends: dict[str, SpendTotals]
    days: list[SpendOfDay]
