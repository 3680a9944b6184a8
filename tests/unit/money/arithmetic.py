"""The sums in the cases' reasons, and the rates that the price table itself has: neither asks the code under test."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import StartDateConstraint, TieredPrices

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genai_prices.types import ModelInfo, ModelPrice

    from tests.unit.money.loading import Case

_MILLION: Final = 10**6
_TERM: Final = re.compile(r"(\d+) x (\d+(?:\.\d+)?)( each)?")


def terms(why: str) -> list[tuple[int, Decimal, bool]]:
    """The terms of a sum: how many, the rate, and whether the rate is for each one, not for a million."""
    return [(int(count), Decimal(rate), bool(each)) for count, rate, each in _TERM.findall(why)]


def sum_of(why: str) -> Decimal | None:
    """The amount in USD that the sum in a reason comes to; None without one."""
    found = terms(why)
    if not found:
        return None
    return sum((count * rate / (1 if each else _MILLION) for count, rate, each in found), Decimal(0))


def rates_in_table(case: Case) -> set[Decimal]:
    """Every rate of the model that the case is priced by: for a million tokens, or for one search."""
    provider_id, _, model_id = case.priced_by.partition(" ")
    provider = next(one for one in get_snapshot().providers if one.id == provider_id)
    model = next(one for one in provider.models if one.id == model_id)
    return {rate for prices in _prices(model, case.when) for rate in _rates(prices)}


def _prices(model: ModelInfo, when: dict[str, str]) -> Iterator[ModelPrice]:
    """The prices under a condition; what it does not change is as without it."""
    if isinstance(model.prices, list):
        dated = [one for one in model.prices if not isinstance(one.constraint, StartDateConstraint)]
        begun = [one for one in model.prices if isinstance(one.constraint, StartDateConstraint)]
        yield from (one.prices for one in [*dated, *begun])
    else:
        yield model.prices
    yield from (variant.prices for variant in model.price_variants or () if dict(variant.when) == when)


def _rates(prices: ModelPrice) -> Iterator[Decimal]:
    for name, price in vars(prices).items():
        per = 1_000 if name.endswith("_kcount") else 1
        if isinstance(price, TieredPrices):
            yield price.base
            yield from (tier.price for tier in price.tiers)
        elif price is not None:
            yield price / per
