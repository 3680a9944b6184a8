"""The price table of genai-prices, read once for each model and kept as rates per token.

The package takes over 100 µs for a price, and remembers every model and provider it was ever asked for; over OTLP
these names are the senders'. Here a price takes microseconds, and at most some 1,024 names are remembered.

Importing this module loads the package, which takes 400 ms: import it where it is needed.
"""

from __future__ import annotations

import math
import time
from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from decimal import Context as DecimalContext
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn

import genai_prices
from genai_prices.data_snapshot import DataSnapshot, get_snapshot
from genai_prices.types import ModelPrice, StartDateConstraint, TieredPrices

from spantail.pricing.prices import NoRateError, no_price_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from genai_prices.types import ModelInfo, PriceCalculation

_MOST_NAMES: Final = 1_024
_LONGEST_NAME: Final = 200  # characters
_DAY_S: Final = 86_400


class _Kind(NamedTuple):
    """One kind of what is paid for: its name, the package's counts it is a part of, and its price there."""

    words: str
    counts: tuple[str, ...]
    price: str


_IN, _READ, _WRITE, _OUT = "input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens"
_AUDIO, _IMAGE = "input_audio_tokens", "input_image_tokens"

KINDS: Final = (
    _Kind("input tokens", (_IN,), "input_mtok"),
    _Kind("cached tokens", (_IN, _READ), "cache_read_mtok"),
    _Kind("tokens written to a cache", (_IN, _WRITE), "cache_write_mtok"),
    _Kind("tokens written to a cache for an hour", (_IN, _WRITE, "cache_write_1h_tokens"), "cache_write_1h_mtok"),
    _Kind("audio input tokens", (_IN, _AUDIO), "input_audio_mtok"),
    _Kind("cached audio tokens", (_IN, _AUDIO, _READ, "cache_audio_read_tokens"), "cache_audio_read_mtok"),
    _Kind("image input tokens", (_IN, _IMAGE), "input_image_mtok"),
    _Kind("cached image tokens", (_IN, _IMAGE, _READ, "cache_image_read_tokens"), "cache_image_read_mtok"),
    _Kind("video input tokens", (_IN, "input_video_tokens"), "input_video_mtok"),
    _Kind("output tokens", (_OUT,), "output_mtok"),
    _Kind("audio output tokens", (_OUT, "output_audio_tokens"), "output_audio_mtok"),
    _Kind("image output tokens", (_OUT, "output_image_tokens"), "output_image_mtok"),
    _Kind("web searches", ("web_searches",), "web_searches_kcount"),
    _Kind("file searches", ("storage_searches",), "storage_searches_kcount"),
    _Kind("code executions", ("code_executions",), "code_executions_kcount"),
    _Kind("reasoning tokens", (_OUT, "output_reasoning_tokens"), "output_reasoning_mtok"),
)
"""Each in one count alone: `Counts` has a number for each, in this order. A number below 0 is not known."""

Counts = tuple[int, ...]
Context = tuple[tuple[str, str], ...]
"""What changes the rates, in the package's words: ``(("service_tier", "flex"),)``."""

_INPUT_KINDS: Final = sum(kind.counts[0] == _IN for kind in KINDS)  # they come first
_OUTPUT: Final = next(i for i, kind in enumerate(KINDS) if kind.price == "output_mtok")
# The last one, and the only one that is in another count too: few models have a price of its own for it.
_REASONING: Final = KINDS[-1]
# Priced by the package beside these; how many of them a call had is told nowhere.
_UNTOLD: Final = ("output_citation_mtok", "output_video_mtok")


class Quote(NamedTuple):
    """What a call costs in USD, and what that assumes."""

    usd: Decimal
    note: str | None = None


# One call for each rate. Steps in the prices begin far above, at 32,000 tokens of input.
_PROBE: Final = 1_000


class _Rates(NamedTuple):
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
        usd = _NOTHING
        for rate, count in zip(self.each, counts):  # noqa: B905 - the last count is that of reasoning
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
            if count > 0 and rate is None and kind is not _REASONING:
                raise NoRateError(no_price_for(kind.words))
            if count < 0 and rate is not None:
                raise NoRateError(f"how many {kind.words} there were is not known")
        raise AssertionError


_NOTHING: Final = Decimal(0)
# Of a model whose price is no such sum: each of its calls is calculated by the package.
_NO_RATES: Final = _Rates(-1, ())


class _Dated(NamedTuple):
    """The rates of a model whose prices changed: `days` (in UTC, since 1970) are those on which new ones began."""

    days: tuple[int, ...]
    periods: dict[int, _Rates]  # by how many of the days are past, as they are asked for


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
        # by the names as they were told
        self._rates: dict[tuple[str, str | None, Context], _Rates | _Dated | None] = {}
        self._rates_of_model: dict[tuple[int, int, Context], _Rates | _Dated] = {}

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
        """Say what a call costs; `provider` is in the package's words, without one the model's name decides.

        `several` says that the counts are the sum over several calls. `at` is when the call began, in seconds since
        1970, None for now; what is told to be in the future is priced as of now. None for a model or provider that is
        not in the table, or whose name is too long to be in one. Raises NoRateError where the table has no rate for
        such a call, and ValueError where the package has no rule for it.
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
        if isinstance(rates, _Dated):
            rates = self._in_period(rates, at, *asked)
        if rates.refusal is not None:
            raise NoRateError(rates.refusal)
        if rates.most_input == math.inf or sum(counts[:_INPUT_KINDS]) <= rates.most_input:
            return Quote(rates.usd(counts))
        if several and (rates is _NO_RATES or rates.stepped):
            raise NoRateError("the price has steps, and how many tokens each of the calls had is not known")
        return self._by_the_package(counts, *asked, _moment(at))

    def _read(self, name: str, provider: str | None, context: Context) -> _Rates | _Dated | None:
        """Return the rates of the model that a name stands for; None where it stands for none."""
        try:
            with localcontext(DecimalContext()):  # the application's may round, and the rates are for all threads
                now = datetime.now(UTC)
                nothing = self._calculate({}, name, provider, context, now)
                # the snapshot keeps both; a provider may take over the model of another one, but not its terms
                model = id(nothing.provider), id(nothing.model), context
                if model not in self._rates_of_model:
                    days = _days_of_change(nothing.model, context)
                    self._rates_of_model[model] = (
                        _Dated(days, {}) if days else self._probe(nothing, name, provider, context, now)
                    )
                return self._rates_of_model[model]
        except LookupError:
            return None
        except Exception:
            return _NO_RATES

    def _in_period(self, dated: _Dated, at: float | None, name: str, provider: str | None, context: Context) -> _Rates:
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
                dated.periods[period] = _NO_RATES
        return dated.periods[period]

    def _probe(
        self, nothing: PriceCalculation, name: str, provider: str | None, context: Context, when: datetime
    ) -> _Rates:
        """Take the rates from the prices of small calls, so that the package's own rules are in them."""
        prices = nothing.model_price
        own = _own_prices(nothing, context, when)
        if own is None:
            return _NO_RATES._replace(refusal=no_price_for(_spoken(context)))
        stepped = (price for price in vars(prices).values() if isinstance(price, TieredPrices))
        most_input = min((tier.start for price in stepped for tier in price.tiers), default=math.inf)
        per_token = type(prices) is ModelPrice and not nothing.total_price  # nothing for the request as such
        if not per_token or most_input < _PROBE or not _holds_all_day(nothing.model):
            return _NO_RATES
        if (untold := _untold(prices)) is not None:
            return _NO_RATES._replace(refusal=untold)
        each = [
            self._calculate(dict.fromkeys(kind.counts, _PROBE), name, provider, context, when).total_price / _PROBE
            if kind.price in own
            else None
            for kind in KINDS
        ]
        reasoning, output = each.pop(), each[_OUTPUT]
        more = None if reasoning is None or output is None else reasoning - output
        return _Rates(most_input, tuple(each), more, stepped=most_input < math.inf)

    def _by_the_package(
        self, counts: Counts, model: str, provider: str | None, context: Context, when: datetime
    ) -> Quote:
        """Let the package calculate a call for which there are no rates, or of more tokens than they are for."""
        usage: dict[str, int] = {}
        for kind, count in zip(KINDS, counts, strict=True):
            if count > 0:
                for name in kind.counts[-1:] if kind is _REASONING else kind.counts:
                    usage[name] = usage.get(name, 0) + count
        found = self._calculate(usage, model, provider, context, when)
        own = _own_prices(found, context, when)
        if own is None:
            raise NoRateError(no_price_for(_spoken(context)))
        if type(found.model_price) is ModelPrice:
            if (untold := _untold(found.model_price)) is not None:
                raise NoRateError(untold)
            *each, reasoning = (_NOTHING if kind.price in own else None for kind in KINDS)
            _Rates(0, tuple(each), reasoning).usd(counts)  # is there a rate for all of it?
        else:  # a rule of the application prices what it will, but not what was not counted
            asked, answered = found.model_price.input_mtok, found.model_price.output_mtok
            if asked is None or (counts[_OUTPUT] if answered is None else counts[_OUTPUT] < 0):
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
    """Return the time of a call: now, when nobody told it or it is yet to come."""
    now = datetime.now(UTC)
    return now if at is None or at >= now.timestamp() else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=at)


def _days_of_change(model: ModelInfo, context: Context) -> tuple[int, ...]:
    """Return the days, since 1970, on which the prices of a model changed, the terms' own ones among them."""
    constraints = [] if isinstance(model.prices, ModelPrice) else [priced.constraint for priced in model.prices]
    if context:
        terms = (variant for variant in model.price_variants or () if variant.when == dict(context))
        constraints += [variant.constraint for variant in terms]
    begun = {constraint.start_date for constraint in constraints if isinstance(constraint, StartDateConstraint)}
    return tuple(sorted((day - date(1970, 1, 1)).days for day in begun))


def _own_prices(found: PriceCalculation, context: Context, when: datetime) -> set[str] | None:
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


def _untold(prices: ModelPrice) -> str | None:
    """Say which price a call cannot be held against, because nobody tells how many such tokens it had."""
    for name in _UNTOLD:
        if vars(prices).get(name):
            return f"how many {name.split('_')[1]} tokens there were is not known"
    return None


def _spoken(context: Context) -> str:
    words = {"service_tier": "{} tier", "speed": "{} mode", "processing": "{} tier"}
    return " with ".join(words[name].format(value) for name, value in context)


def _holds_all_day(model: ModelInfo) -> bool:
    """Tell whether the model's prices change at midnight UTC only, if at all."""
    if isinstance(model.prices, ModelPrice):
        return True
    return all(price.constraint is None or isinstance(price.constraint, StartDateConstraint) for price in model.prices)
