"""A remembered price is the package's own, to the nano-dollar; and what is remembered has an end."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime
from datetime import time as time_of_day
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any, Final

import genai_prices
import pytest
from genai_prices.data_snapshot import DataSnapshot, get_snapshot, set_custom_snapshot
from genai_prices.types import (
    ClauseEquals,
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    Provider,
    StartDateConstraint,
    Tier,
    TieredPrices,
    TimeOfDateConstraint,
)

from spantail.pricing import Price, Terms, Tokens, Unpriced, nano_usd, price
from spantail.pricing import table as price_table
from spantail.pricing.rates import DatedRates

if TYPE_CHECKING:
    from collections.abc import Iterator

MIXES: Final = (
    Tokens(0, 0),
    Tokens(412, 96),
    Tokens(1_000_000_007, 333_333, 7, 11),
    Tokens(9_999, 0, cache_read=9_999),
    Tokens(1_501, None, cache_write=500),
    Tokens(1_501, 20, cache_write=500, cache_write_1h=400),
    Tokens(900, 700, audio_input=500, audio_output=300, image_output=0, reasoning=20),
    Tokens(900, 700, image_input=100, image_output=300, audio_output=0, reasoning=20),
)
OF_TEXT: Final = {"audio_output": 0, "image_output": 0, "reasoning": 0}
"""Told with a mix, where a model has rates of its own for these: without it there is no price."""


@pytest.fixture(autouse=True)
def _nothing_is_remembered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(price_table, "_present", None)
    yield
    set_custom_snapshot(None)


def by_the_package(tokens: Tokens, model: str, provider: str | None) -> int | None:
    """Nano-USD as the package calculates them; None where there is no price, or one kind of tokens has none."""
    usage = genai_prices.Usage(
        input_tokens=tokens.input,
        output_tokens=tokens.output or 0,
        cache_read_tokens=tokens.cache_read or 0,
        cache_write_tokens=tokens.cache_write or 0,
        cache_write_1h_tokens=tokens.cache_write_1h or 0,
        input_audio_tokens=tokens.audio_input or 0,
        output_audio_tokens=tokens.audio_output or 0,
        input_image_tokens=tokens.image_input or 0,
        output_image_tokens=tokens.image_output or 0,
        output_reasoning_tokens=tokens.reasoning or 0,
    )
    try:
        found = genai_prices.calc_price(usage, model, provider_id=provider)
    except (LookupError, ValueError):
        return None
    prices = found.model_price
    fresh = (tokens.input or 0) - sum(
        part or 0 for part in (tokens.cache_read, tokens.cache_write, tokens.audio_input, tokens.image_input)
    )
    text = (tokens.output or 0) - (tokens.audio_output or 0) - (tokens.image_output or 0)
    by_kind = {
        "input_mtok": fresh,
        "cache_read_mtok": tokens.cache_read,
        "cache_write_mtok": (tokens.cache_write or 0) - (tokens.cache_write_1h or 0),
        "cache_write_1h_mtok": tokens.cache_write_1h,
        "input_audio_mtok": tokens.audio_input,
        "input_image_mtok": tokens.image_input,
        "output_mtok": text,
        "output_audio_mtok": tokens.audio_output,
        "output_image_mtok": tokens.image_output,
    }
    if type(prices) is ModelPrice:
        if any(count and getattr(prices, name) is None for name, count in by_kind.items()):
            return None  # no rate of its own
    elif prices.input_mtok is None:
        return None
    if prices.output_mtok is not None and tokens.output is None:
        return None
    priced = {"output_audio_mtok": tokens.audio_output, "output_image_mtok": tokens.image_output,
            "output_reasoning_mtok": tokens.reasoning}  # fmt: skip
    if tokens.output and any(count is None and getattr(prices, name) is not None for name, count in priced.items()):
        return None  # a share that has a rate of its own, and nobody knows how large it is
    if any(getattr(prices, name) for name in ("output_citation_mtok", "output_video_mtok")):
        return None
    return nano_usd(found.total_price)


def by_us(tokens: Tokens, model: str, provider: str | None) -> int | None:
    found = price(tokens, [model], provider)
    return found.nano_usd if isinstance(found, Price) else None


def steps(model: ModelInfo) -> set[int]:
    """The numbers of input tokens above which a price of the model changes."""
    tables = [model.prices] if isinstance(model.prices, ModelPrice) else [each.prices for each in model.prices]
    tiered = (value for table in tables for value in vars(table).values() if isinstance(value, TieredPrices))
    return {tier.start for value in tiered for tier in value.tiers}


def snapshot(*models: ModelInfo, renewed: datetime | None = None) -> DataSnapshot:
    maker = Provider(id="maker", name="Maker", api_pattern="https://maker", models=list(models))
    return DataSnapshot([maker], from_auto_update=renewed is not None, timestamp=renewed or datetime.now(UTC))


def model(name: str, prices: Any) -> ModelInfo:
    return ModelInfo(id=name, match=ClauseEquals(equals=name), prices=prices)


def flat(usd: int) -> ModelPrice:
    return ModelPrice(input_mtok=Decimal(usd), output_mtok=Decimal(usd))


def test_every_model_of_the_table_costs_what_the_package_says() -> None:
    priced = 0
    for provider in get_snapshot().providers:
        for info in provider.models:
            edges = [Tokens(edge + more, 10, cache_read=edge // 3) for edge in steps(info) for more in (0, 1)]
            mixes = (*MIXES, *edges)
            for tokens in (*mixes, *(mix._replace(**OF_TEXT) for mix in mixes if mix.audio_output is None)):
                expected = by_the_package(tokens, info.id, provider.id)
                assert by_us(tokens, info.id, provider.id) == expected, (tokens, provider.id, info.id)
                priced += expected is not None
            assert by_us(MIXES[1], info.id, None) == by_the_package(MIXES[1], info.id, None), info.id
    assert priced > 1_000


class _Squared(ModelPrice):
    """Prices by a rule of the application."""

    def calc_price(self, usage: object) -> Any:
        amount = Decimal(genai_prices.Usage.from_raw(usage).input_tokens) ** 2 / 10**15
        return {"input_price": amount, "output_price": Decimal(0), "total_price": amount}


_PAST: Final = StartDateConstraint(date.min)
_FUTURE: Final = StartDateConstraint(date.max)


@pytest.mark.parametrize(
    "prices",
    [
        pytest.param(flat(3), id="flat"),
        pytest.param(ModelPrice(input_mtok=Decimal(1), requests_kcount=Decimal(5)), id="a price for each request"),
        pytest.param(
            ModelPrice(
                input_mtok=TieredPrices(Decimal(1), [Tier(10, Decimal(2)), Tier(20_000, Decimal(3))]),
                output_mtok=Decimal(4),
            ),
            id="an early step",
        ),
        pytest.param(
            ModelPrice(
                input_mtok=TieredPrices(Decimal(1), [Tier(2_000, Decimal(2))]),
                output_mtok=TieredPrices(Decimal(4), [Tier(1_000, Decimal(5))]),
            ),
            id="steps of different height",
        ),
        pytest.param(
            [
                ConditionalPrice(prices=flat(1)),
                ConditionalPrice(_PAST, prices=flat(2)),
                ConditionalPrice(_FUTURE, prices=flat(3)),
            ],
            id="by date",
        ),
        pytest.param(_Squared(input_mtok=Decimal(1), output_mtok=Decimal(1)), id="a rule of the application"),
        pytest.param(ModelPrice(input_mtok=Decimal(-1)), id="a price that is none"),
        pytest.param(ModelPrice(output_mtok=Decimal(1)), id="no price for input"),
        pytest.param([], id="no price"),
    ],
)
def test_prices_of_every_kind(prices: Any) -> None:
    set_custom_snapshot(snapshot(model("m", prices)))
    for tokens in (*MIXES, *(Tokens(edge + more, 50) for edge in (10, 1_000, 2_000, 20_000) for more in (0, 1))):
        assert by_us(tokens, "m", "maker") == by_the_package(tokens, "m", "maker"), tokens


def test_a_new_snapshot_has_its_own_prices_and_says_when_it_is_of() -> None:
    tokens = Tokens(1_000_000, 0)
    for usd, renewed in (
        (3, datetime(2026, 1, 2, 3, 4, tzinfo=UTC)),
        (4, datetime(2026, 1, 2, 4, 4, tzinfo=UTC)),
    ):
        set_custom_snapshot(snapshot(model("m", flat(usd)), renewed=renewed))
        found = price(tokens, ["m"], "maker")
        assert isinstance(found, Price)
        assert found.nano_usd == usd * 10**9
        assert found.version == f"genai-prices {genai_prices.__version__} of {renewed:%Y-%m-%dT%H:%M}"
    set_custom_snapshot(None)
    assert isinstance(price(tokens, ["m"], "maker"), Unpriced)
    assert by_us(Tokens(1000, 100), "gpt-4o-mini", "openai") == 210_000


def test_a_price_changes_with_the_day(monkeypatch: pytest.MonkeyPatch) -> None:
    later = StartDateConstraint(date.max)
    set_custom_snapshot(
        snapshot(model("m", [ConditionalPrice(prices=flat(1)), ConditionalPrice(later, prices=flat(2))]))
    )
    assert by_us(Tokens(1_000, 0), "m", "maker") == 10**6
    later.start_date = date.min  # the day has come, for the package …
    assert by_us(Tokens(1_000, 0), "m", "maker") == 10**6
    monkeypatch.setattr(price_table.present(), "day", 0)  # … and for the table, which was made on another
    assert by_us(Tokens(1_000, 0), "m", "maker") == 2 * 10**6


@pytest.mark.parametrize(
    ("model", "provider", "began", "usd"),
    [
        ("o3", "openai", "2025-06-09T23:59:59", "0.05"),
        ("o3", "openai", "2025-06-10T00:00:00", "0.01"),
        ("o3", "openai", "2999-01-01T00:00:00", "0.01"),  # a clock that is ahead
        ("o3", "openai", "1969-01-01T00:00:00", "0.05"),
        ("gpt-5.6-sol", "openai", "2026-08-20T12:00:00", "0.035"),
        ("gpt-5.6-sol", "openai", "2026-08-21T12:00:00", "0.024"),
        ("deepseek-chat", "deepseek", "2026-11-28T02:00:00", "0.00137"),
        ("deepseek-chat", "deepseek", "2026-11-28T20:00:00", "0.000685"),  # half the price from 16:30 to 00:30 UTC
    ],
)
def test_a_call_costs_what_it_cost_when_it_was_made(model: str, provider: str, began: str, usd: str) -> None:
    """Rates of openai.com/api/pricing and api-docs.deepseek.com, before and after they changed."""
    at = datetime.fromisoformat(f"{began}+00:00").timestamp()
    for _ in range(2):  # read, and remembered
        found = price(Tokens(1_000, 1_000, reasoning=0), [model], provider, at=at)
        assert isinstance(found, Price)
        assert found.nano_usd == nano_usd(Decimal(usd)), found


def test_a_tier_without_a_price_at_the_time_of_the_call_has_none() -> None:
    terms = Terms(service_tier="flex")
    for began, usd in (("2026-10-11", None), ("2026-10-12", "0.005625")):
        at = datetime.fromisoformat(f"{began}T12:00:00+00:00").timestamp()
        found = price(Tokens(1_000, 1_000), ["gpt-5"], "openai", terms, at)
        assert (found.nano_usd if isinstance(found, Price) else None) == (usd and nano_usd(Decimal(usd))), found


def test_days_that_are_made_up_do_not_add_up() -> None:
    for day in range(19_000, 21_000):
        price(Tokens(10, 1), ["o3"], "openai", at=day * 86_400.0)
    assert len(price_table.present()._rates) == 1
    (dated,) = price_table.present()._rates_of_model.values()
    assert isinstance(dated, DatedRates)
    assert len(dated.periods) == 2


def test_a_price_by_the_time_of_day_is_not_remembered() -> None:
    hours = TimeOfDateConstraint(time_of_day.min, time_of_day.max)
    set_custom_snapshot(
        snapshot(model("m", [ConditionalPrice(prices=flat(1)), ConditionalPrice(hours, prices=flat(2))]))
    )
    assert by_us(Tokens(1_000, 0), "m", "maker") == 2 * 10**6
    hours.end_time = hours.start_time  # these hours are over
    assert by_us(Tokens(1_000, 0), "m", "maker") == 10**6


def test_made_up_names_do_not_add_up() -> None:
    package = get_snapshot()
    before = len(package._lookup_cache), len(package._provider_cache), len(package._provider_misses)
    for number in range(1_500):
        assert by_us(Tokens(10, 1), f"made-up-{number}", f"by-{number}") is None
        assert by_us(Tokens(10, 1), f"claude-sonnet-4-5-{number}", "anthropic") == 45_000
        table = price_table.present()
        asked = table._asked
        remembered = (table._rates, asked._lookup_cache, asked._provider_cache, asked._provider_misses)
        assert all(len(memory) <= price_table._MOST_NAMES for memory in remembered)
    assert (len(package._lookup_cache), len(package._provider_cache), len(package._provider_misses)) == before


def test_a_price_that_is_none_is_remembered_too() -> None:
    set_custom_snapshot(snapshot(model("m", ModelPrice(input_mtok=Decimal(-1)))))
    assert by_us(Tokens(10, 1), "m", "maker") is None
    assert ("m", "maker", ()) in price_table.present()._rates


@pytest.mark.parametrize(
    ("name", "provider"),
    [("claude-sonnet-4-5-".ljust(201, "x"), "anthropic"), ("claude-sonnet-4-5", "anthropic".ljust(201, "x"))],
    ids=["model", "provider"],
)
def test_names_that_are_too_long_are_not_asked_for(name: str, provider: str) -> None:
    assert by_us(Tokens(10, 1), name, provider) is None
    assert not price_table.present()._rates
    assert isinstance(price(Tokens(10, 1), [name, "gpt-4o-mini"], "openai"), Price)
    assert by_us(Tokens(10, 1), "claude-sonnet-4-5-".ljust(200, "x"), "anthropic") == 45_000


def test_a_threads_decimal_context_does_not_get_into_the_table() -> None:
    expected = by_the_package(Tokens(123_456, 78_901), "gpt-4o-mini", "openai")
    with localcontext() as rough:
        rough.prec = 1
        price(Tokens(10, 1), ["gpt-4o-mini"], "openai")
    assert by_us(Tokens(123_456, 78_901), "gpt-4o-mini", "openai") == expected


def test_threads_see_one_table_or_the_other() -> None:
    snapshots = {
        usd: snapshot(model("m", flat(usd)), renewed=datetime(2026, 1, usd, tzinfo=UTC)) for usd in range(1, 4)
    }
    set_custom_snapshot(snapshots[1])
    wrong: list[object] = []
    done = threading.Event()

    def ask(thread: int) -> None:
        for number in range(2_000):
            price(Tokens(1, 1), [f"made-up-{thread}-{number}"], "maker")  # fills the table
            found = price(Tokens(1_000_000, 0), ["m"], "maker")
            if not isinstance(found, Price) or not found.version.endswith(
                f" of 2026-01-{found.nano_usd // 10**9:02}T00:00"
            ):
                wrong.append(found)

    def renew() -> None:
        while not done.wait(0.001):
            for each in snapshots.values():
                set_custom_snapshot(each)

    renewing = threading.Thread(target=renew)
    asking = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in (renewing, *asking):
        thread.start()
    for thread in asking:
        thread.join()
    done.set()
    renewing.join()
    assert not wrong
