"""The rates of a model: US dollars for one token, search or execution of each kind."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, NamedTuple, NoReturn

from spantail.pricing.kinds import KINDS, REASONING, Counts
from spantail.pricing.model import NoRateError, no_price_for


class Quote(NamedTuple):
    """What a call costs, in US dollars, and what that assumes (None: nothing)."""

    usd: Decimal
    note: str | None = None


class Rates(NamedTuple):
    """USD for one of each kind but reasoning, for calls with at most `most_input` input tokens; None = no rate.

    `reasoning` is what a reasoning token costs more than another of the output, None where it costs the same.
    `refusal` says why no call has a price.
    """

    most_input: float
    each: tuple[Decimal | None, ...]
    reasoning: Decimal | None = None
    stepped: bool = False
    refusal: str | None = None

    def usd(self, counts: Counts) -> Decimal:
        """Return what a call costs, in US dollars.

        Raises:
            NoRateError: There is no rate for something, or a count that has one is not known.
        """
        usd = NOTHING
        for rate, count in zip(self.each, counts, strict=False):  # the last count is that of reasoning
            if count:
                if count > 0 and rate is not None:
                    usd += rate * count
                elif count > 0 or rate is not None:
                    self._refuse(counts)
        if self.reasoning is not None:
            if counts[-1] < 0:
                self._refuse(counts)
            usd += self.reasoning * counts[-1]
        return usd

    def _refuse(self, counts: Counts) -> NoReturn:
        for kind, rate, count in zip(KINDS, (*self.each, self.reasoning), counts, strict=True):
            if count > 0 and rate is None and kind is not REASONING:
                raise NoRateError(no_price_for(kind.words))
            if count < 0 and rate is not None:
                raise NoRateError(f"how many {kind.words} there were is not known")
        raise AssertionError


NOTHING: Final = Decimal(0)
# For a model whose price is not such a sum: the package calculates each of its calls.
NO_RATES: Final = Rates(-1, ())


class DatedRates(NamedTuple):
    """The rates of a model whose prices changed: `days` (in UTC, since 1970) are those on which new ones began."""

    days: tuple[int, ...]
    periods: dict[int, Rates]  # by how many of the days are past, as they are asked for
