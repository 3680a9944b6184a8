"""From tokens to money: exact to the nano-dollar, and never an invented price."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spantail.pricing import Price, Tokens, nano_usd, price, usd_of_nano


@given(st.integers(min_value=0, max_value=10**15))
def test_the_double_gives_the_integer_back(nano: int) -> None:
    usd = usd_of_nano(nano)
    assert round(usd * 1e9) == nano
    if nano < 10**15:
        assert nano_usd(usd) == nano


@given(st.decimals(min_value=0, max_value=999_999, allow_nan=False, places=12))
def test_rounding_is_once_and_to_the_nearest(usd: Decimal) -> None:
    nano = nano_usd(usd)
    assert nano is not None
    assert abs(Decimal(nano) - usd * 10**9) <= Decimal("0.5")


@pytest.mark.parametrize(
    ("usd", "nano"),
    [
        (0, 0),
        (1, 10**9),
        (0.0041, 4_100_000),
        (0.1 + 0.2, 300_000_000),
        (Decimal("0.0000000005"), 0),
        (Decimal("0.0000000015"), 2),
        (1e-12, 0),
    ],
)
def test_amounts(usd: float | Decimal, nano: int) -> None:
    assert nano_usd(usd) == nano


@pytest.mark.parametrize(
    "usd", [-0.01, float("nan"), float("inf"), Decimal("NaN"), Decimal(-1), 1e6, "1", None, True, 10**400]
)
def test_what_is_no_amount(usd: object) -> None:
    assert nano_usd(usd) is None


@pytest.mark.parametrize(
    ("tokens", "model", "provider", "usd"),
    [
        (Tokens(1000, 100), "gpt-4o-mini", "openai", "0.00021"),
        (Tokens(1000, 100), "gpt-4o-mini", None, "0.00021"),
        # 500 of the 1,000 at the cached price, and not once more at the full one
        (Tokens(1000, 100, cache_read=500), "gpt-4o-mini", "openai", "0.0001725"),
        (Tokens(1000, 100, 200, 100), "claude-sonnet-4-5-20250929", "anthropic", "0.004035"),
        (Tokens(1000), "text-embedding-3-small", "openai", "0.00002"),
        (Tokens(1000, 0), "text-embedding-3-small", "openai", "0.00002"),
        (Tokens(0, 0), "gpt-4o-mini", "openai", "0"),
    ],
)
def test_known_models(tokens: Tokens, model: str, provider: str | None, usd: str) -> None:
    found = price(tokens, [model], provider)
    assert found is not None
    assert found.nano_usd == nano_usd(Decimal(usd))
    assert found.version.startswith("genai-prices ")


@pytest.mark.parametrize(
    ("tokens", "model", "provider"),
    [
        (Tokens(), "gpt-4o-mini", "openai"),
        (Tokens(output=5), "gpt-4o-mini", "openai"),  # the input is not known, so the sum is not
        (Tokens(input=5), "gpt-4o-mini", "openai"),
        (Tokens(10, 1, cache_read=500), "gpt-4o-mini", "openai"),
        (Tokens(-10, 1), "gpt-4o-mini", "openai"),
        (Tokens(10, -1), "gpt-4o-mini", "openai"),
        (Tokens(10, 1, cache_read=-1), "gpt-4o-mini", "openai"),
        (Tokens(10, 1, cache_write=-1), "gpt-4o-mini", "openai"),
        (Tokens(10, 1), "no-such-model", "openai"),
        (Tokens(10, 1), "no-such-model", None),
        (Tokens(10, 1), "gpt-4o-mini", "my-own-server"),
        (Tokens(10, 1), "", "openai"),
        (Tokens(1000, 7), "text-embedding-3-small", "openai"),
    ],
)
def test_what_is_not_known_has_no_price(tokens: Tokens, model: str, provider: str | None) -> None:
    assert price(tokens, [model], provider) is None


@pytest.mark.parametrize("provider", ["gcp.gemini", "mistral_ai", "x_ai"])
def test_the_conventions_provider_names_are_understood(provider: str) -> None:
    model = {"gcp.gemini": "gemini-2.5-pro", "mistral_ai": "mistral-large-latest", "x_ai": "grok-3"}[provider]
    assert isinstance(price(Tokens(10, 1), [model], provider), Price)


def test_the_first_known_model_counts() -> None:
    assert price(Tokens(10, 1), ["my-alias", "gpt-4o-mini"], "openai") == price(
        Tokens(10, 1), ["gpt-4o-mini"], "openai"
    )


@given(
    st.builds(
        Tokens,
        *(st.none() | st.integers(min_value=0, max_value=10**9) for _ in range(4)),
    ),
    st.text(max_size=20),
)
def test_it_never_raises(tokens: Tokens, model: str) -> None:
    for name in (model, "gpt-4o-mini", "claude-sonnet-4-5"):
        found = price(tokens, [name])
        assert found is None or found.nano_usd >= 0


_OFFLINE = """
import socket, sys
def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        raise SystemExit(f"asked the network: {arguments}")
sys.addaudithook(refuse)
import spantail.llm
assert "genai_prices" not in sys.modules, "the price table was loaded at import"
from spantail import pricing
pricing.preload()
pricing.preload()
found = pricing.price(pricing.Tokens(1000, 100), ["gpt-4o-mini"], "openai")
print(found.nano_usd)
"""


def test_the_table_is_loaded_late_and_without_the_network() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _OFFLINE],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("210000\n", "")
