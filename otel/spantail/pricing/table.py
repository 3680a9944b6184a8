"""The price table of genai-prices, read once for each model and kept as rates per token.

The package takes over 100 µs for a price, and remembers every model and provider it was ever asked for; over OTLP
these names are the senders'. Here a price takes microseconds, and at most some 1,024 names are remembered.

Importing this module loads the package, which takes 400 ms: import it where it is needed.
"""

from __future__ import annotations

import math
import time
from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from decimal import Context as DecimalContext
from decimal import localcontext
from typing import TYPE_CHECKING, Final

import genai_prices
from genai_prices.data_snapshot import DataSnapshot, get_snapshot
from genai_prices.types import ModelPrice, TieredPrices

from spantail.pricing.kinds import INPUT_KINDS, KINDS, OUTPUT, REASONING, Counts
from spantail.pricing.model import NoRateError, no_price_for
from spantail.pricing.model_prices import days_of_change, holds_all_day, own_prices, uncounted
from spantail.pricing.rates import NO_RATES, NOTHING, DatedRates, Quote, Rates
from spantail.pricing.terms import Context, in_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from genai_prices.types import PriceCalculation

_MOST_NAMES: Final = 1_024
_LONGEST_NAME: Final = 200  # characters
_DAY_S: Final = 86_400


# One call for each rate. Steps in the prices begin far above, at 32,000 tokens of input.
_PROBE: Final = 1_000


class PriceTable:
    """The prices of one snapshot of the package's table, today (in UTC, as days since 1970) and before.

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
        # by the names as they were given
        self._rates: dict[tuple[str, str | None, Context], Rates | DatedRates | None] = {}
        self._rates_of_model: dict[tuple[int, int, Context], Rates | DatedRates] = {}

    @property
    def is_full(self) -> bool:
        """Whether it remembers so many names that it is time for a new one."""
        return len(self._rates) >= _MOST_NAMES

    def quote(
        self,
        counts: Counts,
        model: str,
        provider: str | None,
        context: Context = (),
        *,
        several: bool = False,
        at: float | None = None,
    ) -> Quote | None:
        """Say what a call costs.

        Args:
            counts: How many of each kind it had, in the order of `KINDS`.
            model: The model's name.
            provider: The provider, in the words of genai-prices; without one the model's name decides.
            context: The terms it was served under.
            several: Whether the counts are the sum over several calls.
            at: When the call began, in seconds since 1970; None, or a time to come, for now.

        Returns:
            The price; None for a model or provider that is not in the table, or whose name is too long to be in one.

        Raises:
            NoRateError: The table has no rate for such a call.
            ValueError: genai-prices has no rule for it.
        """
        if len(model) > _LONGEST_NAME or (provider is not None and len(provider) > _LONGEST_NAME):
            return None
        asked = model, provider, context
        try:
            rates = self._rates[asked]
        except KeyError:
            rates = self._rates[asked] = self._read(*asked)
        if rates is None:
            return None
        if isinstance(rates, DatedRates):
            rates = self._in_period(rates, at, *asked)
        if rates.refusal is not None:
            raise NoRateError(rates.refusal)
        if rates.most_input == math.inf or sum(counts[:INPUT_KINDS]) <= rates.most_input:
            return Quote(rates.usd(counts))
        if several and (rates is NO_RATES or rates.stepped):
            raise NoRateError("the price has steps, and how many tokens each of the calls had is not known")
        return self._by_the_package(counts, *asked, _moment(at))

    def _read(self, name: str, provider: str | None, context: Context) -> Rates | DatedRates | None:
        """Return the rates of the model that a name stands for; None where it stands for none."""
        try:
            with localcontext(DecimalContext()):  # the application's may round, and the rates are for all threads
                now = datetime.now(UTC)
                nothing = self._calculate({}, name, provider, context, now)
                # the snapshot keeps both; a provider may take over the model of another one, but not its terms
                model = id(nothing.provider), id(nothing.model), context
                if model not in self._rates_of_model:
                    days = days_of_change(nothing.model, context)
                    self._rates_of_model[model] = (
                        DatedRates(days, {}) if days else self._probe(nothing, name, provider, context, now)
                    )
                return self._rates_of_model[model]
        except LookupError:
            return None
        except Exception:
            return NO_RATES

    def _in_period(
        self, dated: DatedRates, at: float | None, name: str, provider: str | None, context: Context
    ) -> Rates:
        """Return the rates of the time in which a call began."""
        day = self.day if at is None else min(int(at // _DAY_S), self.day)
        period = bisect_right(dated.days, day)
        if period not in dated.periods:
            when = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(
                days=dated.days[period - 1] if period else dated.days[0] - 1
            )
            try:
                with localcontext(DecimalContext()):
                    nothing = self._calculate({}, name, provider, context, when)
                    dated.periods[period] = self._probe(nothing, name, provider, context, when)
            except Exception:
                dated.periods[period] = NO_RATES
        return dated.periods[period]

    def _probe(
        self, nothing: PriceCalculation, name: str, provider: str | None, context: Context, when: datetime
    ) -> Rates:
        """Take the rates from the prices of small calls, so that the package's own rules are in them."""
        prices = nothing.model_price
        own = own_prices(nothing, context, when)
        if own is None:
            return NO_RATES._replace(refusal=no_price_for(in_words(context)))
        stepped = (price for price in vars(prices).values() if isinstance(price, TieredPrices))
        most_input = min((tier.start for price in stepped for tier in price.tiers), default=math.inf)
        per_token = type(prices) is ModelPrice and not nothing.total_price  # nothing for the request as such
        if not per_token or most_input < _PROBE or not holds_all_day(nothing.model):
            return NO_RATES
        if (refusal := uncounted(prices)) is not None:
            return NO_RATES._replace(refusal=refusal)
        each = [
            self._calculate(dict.fromkeys(kind.counts, _PROBE), name, provider, context, when).total_price / _PROBE
            if kind.price in own
            else None
            for kind in KINDS
        ]
        reasoning, output = each.pop(), each[OUTPUT]
        more = None if reasoning is None or output is None else reasoning - output
        return Rates(most_input, tuple(each), more, stepped=most_input < math.inf)

    def _by_the_package(
        self, counts: Counts, model: str, provider: str | None, context: Context, when: datetime
    ) -> Quote:
        """Let the package calculate a call for which there are no rates, or of more tokens than they are for."""
        usage: dict[str, int] = {}
        for kind, count in zip(KINDS, counts, strict=True):
            if count > 0:
                for name in kind.counts[-1:] if kind is REASONING else kind.counts:
                    usage[name] = usage.get(name, 0) + count
        found = self._calculate(usage, model, provider, context, when)
        own = own_prices(found, context, when)
        if own is None:
            raise NoRateError(no_price_for(in_words(context)))
        if type(found.model_price) is ModelPrice:
            if (refusal := uncounted(found.model_price)) is not None:
                raise NoRateError(refusal)
            *each, reasoning = (NOTHING if kind.price in own else None for kind in KINDS)
            Rates(0, tuple(each), reasoning).usd(counts)  # is there a rate for all of it?
        else:  # a rule of the application prices what it will, but not what was not counted
            asked, answered = found.model_price.input_mtok, found.model_price.output_mtok
            if asked is None or (counts[OUTPUT] if answered is None else counts[OUTPUT] < 0):
                raise NoRateError(no_price_for("this usage"))
        per_request = vars(found.model_price).get("requests_kcount")
        note = f"assumes {per_request} USD for 1,000 requests beside the tokens" if per_request else None
        return Quote(found.total_price, note)

    def _calculate(
        self, usage: Mapping[str, int], model: str, provider: str | None, context: Context, when: datetime
    ) -> PriceCalculation:
        return self._asked.calc(genai_prices.Usage(**usage), model, provider, None, when, dict(context) or None)


_present: PriceTable | None = None


def present() -> PriceTable:
    """Return the table to price by: a new one on a new day, for a new snapshot, and when the last one is full."""
    global _present  # noqa: PLW0603 - replaced whole; two threads that do so at once only read twice
    snapshot, day = get_snapshot(), int(time.time() // _DAY_S)
    table = _present
    if table is None or table.snapshot is not snapshot or table.day != day or table.is_full:
        _present = table = PriceTable(snapshot, day)
    return table


def _moment(at: float | None) -> datetime:
    """Return the time of a call: now, when it is not known or yet to come."""
    now = datetime.now(UTC)
    return now if at is None or at >= now.timestamp() else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=at)
