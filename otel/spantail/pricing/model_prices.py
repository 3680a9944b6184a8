"""What the data of genai-prices say about one model's prices."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Final

from genai_prices.types import ModelPrice, StartDateConstraint

if TYPE_CHECKING:
    from datetime import datetime

    from genai_prices.types import ModelInfo, PriceCalculation

    from spantail.pricing.terms import Context

# Priced by the package beside these; no call says how many of them it had.
_UNCOUNTED: Final = ("output_citation_mtok", "output_video_mtok")


def days_of_change(model: ModelInfo, context: Context) -> tuple[int, ...]:
    """Return the days, since 1970, on which the prices of a model changed, the terms' own ones among them."""
    constraints = [] if isinstance(model.prices, ModelPrice) else [priced.constraint for priced in model.prices]
    if context:
        terms = (variant for variant in model.price_variants or () if variant.when == dict(context))
        constraints += [variant.constraint for variant in terms]
    begun = {constraint.start_date for constraint in constraints if isinstance(constraint, StartDateConstraint)}
    return tuple(sorted((day - date(1970, 1, 1)).days for day in begun))


def own_prices(found: PriceCalculation, context: Context, when: datetime) -> set[str] | None:
    """Name the prices that hold for a call: all of the model's, or, under terms of its own, those given for them.

    None where the table knows of no such terms: the package then answers with the standard price.
    """
    own = {name for name, value in vars(found.model_price).items() if value is not None}
    if not context:
        return own
    if not any(found.model is model for model in found.provider.models):
        return None  # another provider's model, for which the package looks at no terms
    for variant in found.model.price_variants or ():
        constraint = variant.constraint
        if variant.when == dict(context) and (constraint is None or constraint.active(when)):
            given = {name for name, value in vars(variant.prices).items() if value is not None}
            # what is paid by the piece costs the same under all terms
            return own & (given | {name for name in own if name.endswith("_kcount")}) if given else own
    return None


def uncounted(prices: ModelPrice) -> str | None:
    """Return why calls of a model have no price: it charges for tokens that no call counts. None: they have one."""
    for name in _UNCOUNTED:
        if vars(prices).get(name):
            return f"how many {name.split('_')[1]} tokens there were is not known"
    return None


def holds_all_day(model: ModelInfo) -> bool:
    """Tell whether the model's prices change at midnight UTC only, if at all."""
    if isinstance(model.prices, ModelPrice):
        return True
    return all(price.constraint is None or isinstance(price.constraint, StartDateConstraint) for price in model.prices)
