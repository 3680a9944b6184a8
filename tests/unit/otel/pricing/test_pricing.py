"""From tokens to money: exact to the nano-dollar, and never an invented price."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spantail.pricing import Price, Terms, Tokens, Unpriced, nano_usd, price, usd_of_nano


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
        # the regional endpoints of Bedrock cost a tenth more
        (
            Tokens(57_660, 631, 35_574, 17_787),
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "aws.bedrock",
            "0.109708995",
        ),
        (Tokens(1000, 100), "global.anthropic.claude-sonnet-4-5-20250929-v1:0", "aws.bedrock", "0.0045"),
        # more than 200,000 tokens of input: all of them at the higher step
        (Tokens(286_590, 2_086, 240_177, 46_404, 46_404), "claude-sonnet-4-5", "anthropic", "0.7479432"),
        (Tokens(17, 592, audio_output=482), "gpt-audio", "openai", "0.0319905"),
        (Tokens(1000, 50, audio_input=900), "gemini-2.5-flash", "google", "0.001055"),
        (
            Tokens(1000, 50, cache_read=500, audio_input=900, audio_cache_read=500),
            "gemini-2.5-flash",
            "google",
            "0.000605",
        ),
        (Tokens(30, 1300, image_output=1290), "gemini-2.5-flash-image", "google", "0.038734"),
        (Tokens(3000, 200), "anthropic/claude-haiku-4-5", "anthropic", "0.004"),
        (Tokens(900), "text-embedding-3-small", None, "0.000018"),
    ],
)
def test_known_models(tokens: Tokens, model: str, provider: str | None, usd: str) -> None:
    found = price(tokens, [model], provider)
    assert isinstance(found, Price)
    assert found.note is None
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
        (Tokens(10, 5, cache_read=5), "gpt-4", "openai"),  # no rate for cached tokens
        (Tokens(10, 5, cache_write=5), "gpt-4o", "openai"),
        (Tokens(10, 5, audio_input=5), "gpt-4o", "openai"),
        (Tokens(10, 5, audio_output=5), "claude-sonnet-4-5", "anthropic"),
        (Tokens(10, 5, image_input=5), "gpt-4o", "openai"),
        (Tokens(10, 5), "gpt-audio", "openai"),  # which part of the answer is audio?
        (Tokens(10, 5, cache_read=5, audio_input=8), "gemini-2.5-flash", "google"),
        (Tokens(10, 5, audio_output=6), "gpt-audio", "openai"),
        (Tokens(10, 5, reasoning=6), "gpt-5", "openai"),
        (Tokens(10, 5, cache_write=2, cache_write_1h=3), "claude-sonnet-4-5", "anthropic"),
        (Tokens(10, 5, video_input=3), "gemini-2.5-flash", "google"),
        (Tokens(10, 5), "sonar-deep-research", "perplexity"),  # citation tokens have a price, and nobody counts them
    ],
)
def test_what_is_not_known_has_no_price(tokens: Tokens, model: str, provider: str | None) -> None:
    found = price(tokens, [model], provider)
    assert isinstance(found, Unpriced)
    assert found.note


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
        *(st.none() | st.integers(min_value=-1, max_value=10**9) for _ in Tokens._fields),
    ),
    st.text(max_size=20),
)
def test_it_never_raises(tokens: Tokens, model: str) -> None:
    for name in (model, "gpt-4o-mini", "claude-sonnet-4-5"):
        found = price(tokens, [name])
        assert found.note if isinstance(found, Unpriced) else found.nano_usd >= 0


@pytest.mark.parametrize(
    ("terms", "model", "provider", "usd", "note"),
    [
        (Terms("flex"), "gpt-5-nano", "openai", "0.000225", None),
        (Terms("Flex "), "gpt-5-nano", "openai", "0.000225", None),
        (Terms("flex"), "gpt-4o", "openai", None, "flex tier: no price known"),
        (Terms("flex"), "gpt-5-nano", "azure", None, "flex tier: no price known"),  # Azure's own terms are not known
        (Terms("priority"), "gpt-4o", "openai", "0.02125", None),
        (Terms("scale"), "gpt-4o", "openai", None, "scale tier: no price known"),
        (Terms("batch"), "claude-haiku-4-5", "anthropic", "0.003", None),
        (Terms("priority"), "claude-haiku-4-5", "anthropic", None, "priority tier: no price known"),
        (Terms("<b>"), "gpt-4o", "openai", None, "this service tier: no price known"),
        (Terms("auto"), "gpt-4o", "openai", "0.0125", None),
        (Terms("standard", "standard", "global"), "claude-haiku-4-5", "anthropic", "0.006", None),
        (Terms(speed="fast"), "claude-haiku-4-5", "anthropic", None, "fast mode: no price known"),
        (Terms(speed="warp"), "claude-haiku-4-5", "anthropic", None, "this speed: no price known"),
        (Terms("batch", speed="fast"), "claude-opus-5", "anthropic", None, "batch tier with fast mode: no price known"),
        (Terms(geo="us"), "claude-opus-4-6", "anthropic", None, "inference geo us: no price known"),
        (Terms(web_searches=3), "claude-haiku-4-5", "anthropic", "0.036", None),
        (Terms(file_searches=2), "gpt-4o", "openai", "0.0175", None),
        (Terms(code_executions=1), "claude-haiku-4-5", "anthropic", None, "code executions: no price known"),
        (Terms(web_searches=1), "text-embedding-3-small", "openai", None, "web searches: no price known"),
    ],
)
def test_what_changes_a_rate(terms: Terms, model: str, provider: str, usd: str | None, note: str | None) -> None:
    tokens = Tokens(1000, 0 if model.startswith("text") else 1000)
    found = price(tokens, [model], provider, terms)
    assert found.note == note
    assert (found.nano_usd if isinstance(found, Price) else None) == (None if usd is None else nano_usd(Decimal(usd)))


def test_of_several_calls_the_step_is_not_known() -> None:
    several = Terms(several=True)
    model = ["claude-sonnet-4-5"]
    assert isinstance(price(Tokens(200_000, 5), model, "anthropic", several), Price)
    assert isinstance(price(Tokens(200_001, 5), model, "anthropic", several), Unpriced)
    assert isinstance(price(Tokens(2_000_000, 5), ["claude-haiku-4-5"], "anthropic", several), Price)


def test_a_price_for_the_request_is_said() -> None:
    found = price(Tokens(10, 5), ["sonar"], "perplexity")
    assert found.note == "assumes 12 USD for 1,000 requests beside the tokens"


_PARTS = st.lists(st.integers(0, 10**6), min_size=8, max_size=8)


@given(parts=_PARTS, searches=st.integers(0, 50))
def test_the_parts_add_up_and_nothing_counted_is_left_out(parts: list[int], searches: int) -> None:
    fresh, read, short, long, audio, audio_read, text_out, audio_out = parts
    whole = Tokens(
        fresh + read + short + long + audio + audio_read, text_out + audio_out, read + audio_read, short + long, long,
        None, audio, audio_out, 0,
    )  # fmt: skip
    for model, provider in (("claude-haiku-4-5", "anthropic"), ("gpt-audio", "openai"), ("gpt-4o", "openai")):
        found = price(whole, [model], provider, Terms(web_searches=searches))
        each = [
            Tokens(fresh, 0), Tokens(read + audio_read, 0, read + audio_read), Tokens(short, 0, 0, short),
            Tokens(long, 0, 0, long, long), Tokens(audio, 0, 0, audio_input=audio),
            Tokens(0, text_out, audio_output=0), Tokens(0, audio_out, audio_output=audio_out),
        ]  # fmt: skip
        singly = [price(tokens, [model], provider) for tokens in each]
        singly.append(price(Tokens(0, 0), [model], provider, Terms(web_searches=searches)))
        if isinstance(found, Price):
            assert abs(found.nano_usd - sum(part.nano_usd for part in singly if isinstance(part, Price))) <= len(singly)
            assert all(isinstance(part, Price) for part in singly)
        else:
            assert any(isinstance(part, Unpriced) for part in singly)


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


_ENDING = """
from spantail import pricing
from spantail.pricing import prices
import threading
loaded = prices._load
def slowly():
    loaded()
    threading.main_thread().join()  # until the program is at its end
    print("loaded")
prices._load = slowly
pricing.preload()
"""


def test_the_end_of_a_process_waits_for_the_table() -> None:
    """A thread that is ended within compiled code aborts the process."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _ENDING], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "loaded\n", "")
