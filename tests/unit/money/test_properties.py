"""Whatever tokens a call used and whoever tells of them: an amount that is calculated is the right one."""

from __future__ import annotations

import json
import math
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from spantail.pricing import nano_usd
from spantail_exporters.dialects.shapes import PATHS
from tests.unit.money.judge import Verdict, judge
from tests.unit.money.loading import Case, Expected
from tests.unit.money.vocabularies import OPENAI, VOCABULARIES, Truth, Vocabulary

PREFIXES: Final = ("usage.", "gen_ai.usage.", "llm.usage.", "gen_ai.response.usage.", "ai.usage.")
WORDS: Final = sorted(
    {
        *(step for path in PATHS for step in (path, *path.split("."))),
        *("cost", "total_cost", "service_tier", "serviceTier", "speed", "performanceConfig", "latency", "usage"),
        *("server_tool_use", "web_search_requests", "search_context_size", "iterations", "cost_details", "is_byok"),
    }
)
COUNTS: Final = st.one_of(st.just(0), st.integers(1, 40), st.integers(1, 9_000))
TRUTHS: Final = st.builds(Truth, *[COUNTS] * 6)
EACH: Final = st.sampled_from(VOCABULARIES)
CALLS: Final = settings(max_examples=80, deadline=None)


def judged(attributes: dict[str, Any]) -> Verdict:
    return judge(Case("", "", "", "", "", "", attributes=attributes, expected=Expected(None)))


def reported(truth: Truth, vocabulary: Vocabulary) -> Truth:
    """What of it the vocabulary has words for."""
    return Truth(
        truth.fresh,
        truth.read,
        truth.write if vocabulary.write else 0,
        truth.write_1h if vocabulary.write_1h else 0,
        truth.answer,
        truth.reasoning,
    )


@CALLS
@given(TRUTHS, EACH)
def test_every_token_is_counted_once(truth: Truth, vocabulary: Vocabulary) -> None:
    truth = reported(truth, vocabulary)
    verdict = judged(vocabulary.attributes(truth))
    assert verdict.cost_nano == nano_usd(vocabulary.maker.usd(truth)), (vocabulary.source, verdict)
    assert (verdict.tokens.get("input", 0), verdict.tokens.get("output", 0)) == (truth.input, truth.output)


@CALLS
@given(TRUTHS, EACH, EACH)
def test_two_sources_that_tell_the_same_are_one(truth: Truth, one: Vocabulary, other: Vocabulary) -> None:
    truth = reported(reported(truth, one), other)
    if one.maker is other.maker:
        verdict = judged(one.attributes(truth) | other.attributes(truth))
        assert verdict.cost_nano in {nano_usd(one.maker.usd(truth)), None}, (one.source, other.source, verdict)
        assert verdict.cost_nano is not None or verdict.cost_note


@CALLS
@given(
    TRUTHS,
    EACH,
    st.sampled_from(["cached", "audio", "image", "video", "reasoning", "search", "citation"]),
    st.sampled_from(
        ["gen_ai.usage.{}_things", "llm.token_count.{}_things", "ai.usage.{}Things", "llm.usage.{}.tokens"]
    ),
    st.integers(1, 10**6),
)
def test_a_count_that_nobody_knows_is_never_plain(
    truth: Truth, vocabulary: Vocabulary, what: str, name: str, count: int
) -> None:
    verdict = judged(vocabulary.attributes(reported(truth, vocabulary)) | {name.format(what): count})
    assert verdict.cost_nano is None
    assert "not known what it counts" in verdict.cost_note


NAMES: Final = st.from_regex(
    r"[a-z_]{1,12}(\.[a-z_]{1,12}){0,3}[._](service_tier|serviceTier|traffic_type)", fullmatch=True
)


@CALLS
@given(TRUTHS, NAMES, st.sampled_from(["flex", "FLEX", "batch", "scale", "reserved", "ultra"]))
def test_a_tier_is_a_tier_whoever_tells_it(truth: Truth, name: str, tier: str) -> None:
    vocabulary = VOCABULARIES[0]
    truth = reported(truth, vocabulary)
    verdict = judged(vocabulary.attributes(truth) | {name: tier})
    if tier.lower() in {"flex", "batch"}:  # both cost half
        assert verdict.cost_nano is not None
        assert abs(verdict.cost_nano * 2 - (nano_usd(OPENAI.usd(truth)) or 0)) <= 1
    else:
        assert verdict.cost_nano is None
        assert f"{tier} tier" in verdict.cost_note


NO_COUNTS: Final = st.one_of(
    st.booleans(),
    st.integers(max_value=-1, min_value=-(2**63)),
    st.integers(10**13, 2**63 - 1),
    st.sampled_from(["many", "-3", "1e3", "1,000", "", " ", "٣", "0x10", "12.5"]),
    st.floats()
    .filter(lambda number: not (number.is_integer() and 0 <= number <= 10**12))
    .map(
        lambda number: (
            {"doubleValue": str(number).replace("nan", "NaN").replace("inf", "Infinity")}
            if not math.isfinite(number)
            else number
        )
    ),
)


@CALLS
@given(TRUTHS, st.sampled_from(sorted(VOCABULARIES[0].of(Truth(1, 1, 0, 0, 1, 1)))), NO_COUNTS)
def test_what_is_no_number_of_tokens_is_never_priced(truth: Truth, name: str, value: object) -> None:
    vocabulary = VOCABULARIES[0]
    verdict = judged(vocabulary.attributes(reported(truth, vocabulary)) | {name: value})
    assert verdict.cost_nano is None
    assert verdict.cost_note


AMOUNTS: Final = st.one_of(
    st.floats(min_value=1e-9, max_value=10_000, allow_nan=False),
    st.floats(min_value=1e-6, max_value=999).map(lambda usd: f"{usd:.9f}"),
    st.sampled_from(["0.0042", "$0.0042", "4.2e-3", 1, 0.5]),
)


@CALLS
@given(TRUTHS, EACH, AMOUNTS, st.sampled_from(["gen_ai.usage.cost", "llm.cost.total", "gen_ai.usage.total_cost"]))
def test_a_cost_that_is_told_counts_before_all_else(
    truth: Truth, vocabulary: Vocabulary, amount: float | str, name: str
) -> None:
    verdict = judged(vocabulary.attributes(reported(truth, vocabulary)) | {name: amount})
    assert verdict.cost_source == "provider"
    assert verdict.cost_nano == nano_usd(float(str(amount).removeprefix("$")))


JSON: Final = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5_000)
    | st.floats(allow_nan=False)
    | st.sampled_from(["", "low", "flex"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4),
    max_leaves=12,
)


@CALLS
@given(
    st.dictionaries(st.sampled_from(WORDS), JSON, max_size=6),
    st.sampled_from(
        ["gen_ai.usage.raw", "usage", "my.usage", "ai.response.providerMetadata", "output.value", "metadata"]
    ),
    st.dictionaries(st.builds("{}{}".format, st.sampled_from(PREFIXES), st.sampled_from(WORDS)), st.integers(-5, 99)),
    st.sampled_from(VOCABULARIES),
)
def test_nothing_that_is_told_breaks_it(
    reported: dict[str, Any], name: str, flat: dict[str, int], vocabulary: Vocabulary
) -> None:
    """Whatever stands in usage objects: a price, or a note that says why there is none."""
    call = vocabulary.attributes(Truth(0, 0, 0, 0, 0, 0))
    verdict = judged({**flat, name: json.dumps(reported), **{key: call[key] for key in call if "usage" not in key}})
    assert verdict.cost_nano is not None or verdict.cost_note


NO_AMOUNTS: Final = st.sampled_from(
    [-1.0, {"doubleValue": "NaN"}, {"doubleValue": "Infinity"}, True, "free", "", 1e6, 1e300, "1e9", "-0.1", "0,42"]
)


@CALLS
@given(TRUTHS, EACH, NO_AMOUNTS)
def test_what_is_no_amount_is_no_cost(truth: Truth, vocabulary: Vocabulary, amount: object) -> None:
    truth = reported(truth, vocabulary)
    verdict = judged(vocabulary.attributes(truth) | {"gen_ai.usage.cost": amount})
    assert verdict.cost_source == "calculated"
    assert verdict.cost_nano == nano_usd(vocabulary.maker.usd(truth))


@CALLS
@given(TRUTHS, EACH)
def test_a_cost_of_nothing_for_tokens_is_no_cost(truth: Truth, vocabulary: Vocabulary) -> None:
    """A library whose price list has no such model writes 0."""
    truth = reported(truth, vocabulary)
    if truth.input + truth.output:
        verdict = judged(vocabulary.attributes(truth) | {"gen_ai.usage.cost": 0.0})
        assert verdict.cost_nano == nano_usd(vocabulary.maker.usd(truth))


@CALLS
@given(TRUTHS, st.integers(1, 5_000))
def test_a_total_that_is_not_the_sum_leaves_the_call_unpriced(truth: Truth, more: int) -> None:
    vocabulary = VOCABULARIES[0]
    truth = reported(truth, vocabulary)
    total = truth.input + truth.output + truth.read + truth.reasoning + more
    verdict = judged(vocabulary.attributes(truth) | {"gen_ai.usage.total_tokens": total})
    assert verdict.cost_nano is None
    assert str(total) in verdict.cost_note
