"""The price table of genai-prices, read once for each model and kept as rates per token.

The package takes over 100 µs for a price, and remembers every model and provider it was ever asked for; over OTLP
these names are the senders'. Here a price takes microseconds, and at most some 1,024 names are remembered.

Importing this module loads the package, which takes 400 ms: import it where it is needed.
"""

from __future__ import annotations

import math
import time
from decimal import Context, Decimal, localcontext
from typing import TYPE_CHECKING, Final, NamedTuple

import genai_prices
from genai_prices.data_snapshot import DataSnapshot, get_snapshot
from genai_prices.types import ModelPrice, StartDateConstraint, TieredPrices

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, PriceCalculation

_MOST_NAMES: Final = 1_024
_LONGEST_NAME: Final = 200  # characters
_DAY_S: Final = 86_400


class Counts(NamedTuple):
    """The tokens of a call, each in one count alone: `fresh` is the input without what a cache took or gave."""

    fresh: int
    output: int
    cache_read: int
    cache_write: int

    @property
    def input(self) -> int:
        """All of the input."""
        return self.fresh + self.cache_read + self.cache_write


class Quote(NamedTuple):
    """What a call costs in USD, and the prices that say so."""

    usd: Decimal
    prices: ModelPrice


# One call for each rate. Steps in the prices begin far above, at 32,000 tokens of input.
_PROBE: Final = 1_000
_PROBES: Final = (
    Counts(_PROBE, 0, 0, 0),
    Counts(0, _PROBE, 0, 0),
    Counts(0, 0, _PROBE, 0),
    Counts(0, 0, 0, _PROBE),
)


class _Rates(NamedTuple):
    """USD per token of each count, for calls with at most `most_input` tokens of input."""

    prices: ModelPrice
    most_input: float
    fresh: Decimal
    output: Decimal
    cache_read: Decimal
    cache_write: Decimal

    def usd(self, counts: Counts) -> Decimal:
        return (
            self.fresh * counts.fresh
            + self.output * counts.output
            + self.cache_read * counts.cache_read
            + self.cache_write * counts.cache_write
        )


# Of a model whose price is no such sum: each of its calls is calculated by the package.
_NO_RATES: Final = _Rates(ModelPrice(), -1, *([Decimal(0)] * 4))


class PriceTable:
    """The prices of one snapshot of the package's table, on one day (in UTC, since 1970).

    Any thread may use it: what two of them read at the same time is the same.
    """

    def __init__(self, snapshot: DataSnapshot, day: int) -> None:
        self.snapshot = snapshot
        self.day = day
        # the package's version, and when its table was renewed if the application does that
        self.version = f"genai-prices {genai_prices.__version__}"
        if snapshot.from_auto_update:
            self.version += f" of {snapshot.timestamp:%Y-%m-%dT%H:%M}"
        # The snapshot's own memory of names belongs to the application; this one goes with the table.
        self._asked = DataSnapshot(snapshot.providers, snapshot.from_auto_update, timestamp=snapshot.timestamp)
        self._rates: dict[tuple[str, str | None], _Rates | None] = {}  # by model and provider as they were named
        self._rates_of_model: dict[int, _Rates] = {}

    @property
    def is_full(self) -> bool:
        """Whether it remembers so many names that it is time for a new one."""
        return len(self._rates) >= _MOST_NAMES

    def quote(self, counts: Counts, model: str, provider: str | None) -> Quote | None:
        """Say what a call costs; `provider` is in the package's words, without one the model's name decides.

        None for a model or provider that is not in the table, or whose name is too long to be in one. Raises
        ValueError where the package has no rule for such a call.
        """
        if len(model) > _LONGEST_NAME or (provider is not None and len(provider) > _LONGEST_NAME):
            return None
        try:
            rates = self._rates[model, provider]
        except KeyError:
            rates = self._rates[model, provider] = self._read(model, provider)
        if rates is None:
            return None
        if counts.input <= rates.most_input:
            return Quote(rates.usd(counts), rates.prices)
        found = self._calculate(counts, model, provider)
        return Quote(found.total_price, found.model_price)

    def _read(self, name: str, provider: str | None) -> _Rates | None:
        """Return the rates of the model that a name stands for; None where it stands for none."""
        try:
            with localcontext(Context()):  # the application's may round, and the rates are for all threads
                nothing = self._calculate(Counts(0, 0, 0, 0), name, provider)
                model = id(nothing.model)  # the snapshot keeps it
                if model not in self._rates_of_model:
                    self._rates_of_model[model] = self._probe(nothing, name, provider)
                return self._rates_of_model[model]
        except LookupError:
            return None
        except Exception:
            return _NO_RATES

    def _probe(self, nothing: PriceCalculation, name: str, provider: str | None) -> _Rates:
        """Take the rates from the prices of small calls, so that the package's own rules are in them."""
        prices, most_input = nothing.model_price, _lowest_step(nothing.model_price)
        per_token = type(prices) is ModelPrice and not nothing.total_price  # nothing for the request as such
        if not per_token or most_input < _PROBE or not _holds_all_day(nothing.model):
            return _NO_RATES
        rates = (self._calculate(probe, name, provider).total_price / _PROBE for probe in _PROBES)
        return _Rates(prices, most_input, *rates)

    def _calculate(self, counts: Counts, model: str, provider: str | None) -> PriceCalculation:
        usage = genai_prices.Usage(
            input_tokens=counts.input,
            output_tokens=counts.output,
            cache_read_tokens=counts.cache_read,
            cache_write_tokens=counts.cache_write,
        )
        return self._asked.calc(usage, model, provider, None, None)


_present: PriceTable | None = None


def present() -> PriceTable:
    """Return the table to price by: a new one on a new day, for a new snapshot, and when the last one is full."""
    global _present  # noqa: PLW0603 - replaced whole; two threads that do so at once only read twice
    snapshot, day = get_snapshot(), int(time.time() // _DAY_S)
    table = _present
    if table is None or table.snapshot is not snapshot or table.day != day or table.is_full:
        _present = table = PriceTable(snapshot, day)
    return table


def _lowest_step(prices: ModelPrice) -> float:
    """Return how many tokens of input a call may have before any of its prices changes."""
    stepped = (price for price in vars(prices).values() if isinstance(price, TieredPrices))
    return min((tier.start for price in stepped for tier in price.tiers), default=math.inf)


def _holds_all_day(model: ModelInfo) -> bool:
    """Tell whether the model's prices change at midnight UTC only, if at all."""
    if isinstance(model.prices, ModelPrice):
        return True
    return all(price.constraint is None or isinstance(price.constraint, StartDateConstraint) for price in model.prices)
