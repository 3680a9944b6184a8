"""Other libraries' attributes read into ours: the rules one by one, and what makes none of them go wrong."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spantail import attributes as key
from spantail.redaction import Redactor
from spantail_exporters.dialects.content import CONTENT_RULES
from spantail_exporters.dialects.costs import COST_RULES
from spantail_exporters.dialects.kinds import KIND_RULES
from spantail_exporters.dialects.names import NAME_RULES
from spantail_exporters.dialects.objects import USAGE_RULES
from spantail_exporters.dialects.terms import TERM_RULES
from spantail_exporters.dialects.tokens import OURS, TOKEN_RULES
from spantail_exporters.dialects.understand import understood
from spantail_exporters.model.event import encode_state
from spantail_exporters.model.record import SpanRecord
from tests.support.otlp.exports import FOLDER

LLM = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o-mini"}


def _understood(**attributes: Any) -> dict[str, Any]:
    return understood({**LLM, **attributes})


def test_a_span_without_any_of_it_is_the_same_object_unchanged() -> None:
    attributes = {"http.request.method": "GET", "url.full": "http://localhost/"}
    assert understood(attributes) is attributes
    assert attributes == {"http.request.method": "GET", "url.full": "http://localhost/"}


def test_our_own_spans_are_left_alone() -> None:
    attributes = {key.KIND: "llm_call", "llm.token_count.prompt": 3}
    assert understood(dict(attributes)) == attributes


@pytest.mark.parametrize("rule", NAME_RULES, ids=lambda rule: rule.theirs)
def test_every_name_is_read_and_ours_wins(rule: Any) -> None:
    values = {"yes_or_no": True, "seconds": 0.5, "seconds_of_ms": 500, "text": "x", "provider": "x"}
    value = values[rule.read.__name__]
    expected = 0.5 if rule.read.__name__ == "seconds_of_ms" else value
    assert understood({rule.theirs: value})[rule.ours] == expected
    assert understood({rule.theirs: value, rule.ours: "mine"})[rule.ours] == "mine"
    assert rule.source


@pytest.mark.parametrize("name", ["gen_ai.system", "ai.model.provider"])
def test_the_apis_of_a_provider_are_one_provider(name: str) -> None:
    stated = ("openai.chat", "openai.responses", "openai.embedding", "openai", "google.generative-ai", "my.chat.host")
    assert [understood({name: value})[key.GEN_AI_PROVIDER_NAME] for value in stated] == [
        "openai", "openai", "openai", "openai", "google.generative-ai", "my.chat.host",
    ]  # fmt: skip


@pytest.mark.parametrize("rule", TOKEN_RULES, ids=lambda rule: rule.theirs)
def test_every_name_of_a_count_is_read_and_ours_wins(rule: Any) -> None:
    assert rule.source
    assert rule.place in {"within", "beside", "unsaid"}
    if rule.kind in OURS:
        ours = OURS[rule.kind]
        assert understood({rule.theirs: 3})[ours] == 3
        if ours != rule.theirs:
            assert understood({rule.theirs: 3, ours: 5})[ours] == 5


@pytest.mark.parametrize("rule", KIND_RULES, ids=lambda rule: rule.name)
def test_every_kind_is_one_of_ours(rule: Any) -> None:
    assert set(rule.kinds.values()) <= key.KINDS
    for word, kind in rule.kinds.items():
        assert understood({rule.name: word})[key.KIND] == kind
        assert understood({rule.name: f'"{word.upper()}"'})[key.KIND] == kind
    assert key.KIND not in understood({rule.name: "something else"})
    assert rule.source


def test_every_rule_names_its_source() -> None:
    rules: list[Any] = [*COST_RULES, *USAGE_RULES, *TERM_RULES, *CONTENT_RULES]
    assert all(rule.source for rule in rules)


@pytest.mark.parametrize("rule", COST_RULES, ids=lambda rule: rule.theirs)
def test_a_cost_in_dollars_is_taken_and_no_other(rule: Any) -> None:
    found = _understood(**{rule.theirs: 0.25})
    assert (found[key.COST_USD], found[key.COST_SOURCE]) == (0.25, rule.origin)
    assert _understood(**{rule.theirs: "0.25"})[key.COST_USD] == 0.25  # as Vercel's AI Gateway writes it
    for nonsense in (-1.0, math.nan, math.inf, 10_001, "much", "-0.25", "0,25", "1e9", "", True, None):
        assert key.COST_USD not in _understood(**{rule.theirs: nonsense})


def test_money_of_another_currency_is_no_cost() -> None:
    reported = {"gen_ai.usage.cost.amount": 0.25, "gen_ai.usage.cost.currency": "EUR"}
    assert key.COST_USD not in _understood(**reported)
    assert _understood(**{**reported, "gen_ai.usage.cost.currency": "usd"})[key.COST_USD] == 0.25


def test_what_is_not_told_is_worked_out_when_the_call_has_ended() -> None:
    tokens = {"gen_ai.usage.input_tokens": 1_000_000, "gen_ai.usage.output_tokens": 0}
    ended = _understood(**tokens)
    assert ended[key.COST_USD] == 0.15
    assert ended[key.COST_SOURCE] == "calculated"
    assert ended[key.COST_PRICE_VERSION].startswith("genai-prices ")
    assert key.COST_USD not in understood({**LLM, **tokens}, ended=False)


def test_a_model_that_nobody_knows_has_no_price() -> None:
    found = _understood(**{"gen_ai.request.model": "house-model", "gen_ai.usage.input_tokens": 5})
    assert key.COST_USD not in found
    assert key.COST_SOURCE not in found


def test_cached_tokens_beside_the_input_are_added_to_it() -> None:
    """Anthropic's API tells them apart; the conventions count them in. Below the input they are a part of it."""
    apart = _understood(**{"gen_ai.usage.input_tokens": 12, "gen_ai.usage.cache_read.input_tokens": 400})
    assert apart["gen_ai.usage.input_tokens"] == 412
    within = _understood(**{"gen_ai.usage.input_tokens": 512, "gen_ai.usage.cache_read.input_tokens": 400})
    assert within["gen_ai.usage.input_tokens"] == 512


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        ('{"input": 12, "output": 3}', (12, 3, None, None)),
        ('{"input": 12, "input_cache_read": 30, "output": 3, "output_reasoning": 2}', (42, 5, 30, 2)),
        ('{"prompt_tokens": 12, "completion_tokens": 3}', (12, 3, None, None)),
        ('{"input_tokens": 2, "cache_read_input_tokens": 10, "output_tokens": 3}', (12, 3, 10, None)),
        ('{"input": "many"}', (None, None, None, None)),
        ("[1]", (None, None, None, None)),
        ("{", (None, None, None, None)),
    ],
    ids=["plain", "parts", "as OpenAI", "as Anthropic", "text", "a list", "cut off"],
)
def test_usage_types_of_langfuse(details: str, expected: tuple[int | None, ...]) -> None:
    found = understood({"langfuse.observation.type": "generation", "langfuse.observation.usage_details": details})
    names = (
        key.GEN_AI_USAGE_INPUT_TOKENS, key.GEN_AI_USAGE_OUTPUT_TOKENS,
        key.GEN_AI_USAGE_CACHE_READ_TOKENS, key.GEN_AI_USAGE_REASONING_TOKENS,
    )  # fmt: skip
    assert tuple(found.get(name) for name in names) == expected


@pytest.mark.parametrize(
    ("name", "details", "cost"),
    [
        ("langfuse.observation.cost_details", '{"input": 0.1, "output": 0.2, "total": 0.4}', 0.4),
        ("langfuse.observation.cost_details", '{"input": 0.1, "output": 0.25}', 0.35),
        ("langfuse.observation.cost_details", "{}", None),
        ("mlflow.llm.cost", '{"input_cost": 0.1, "output_cost": 0.2, "total_cost": 0.3}', 0.3),
    ],
    ids=["total", "parts", "nothing", "mlflow"],
)
def test_cost_inside_json(name: str, details: str, cost: float | None) -> None:
    assert _understood(**{name: details}).get(key.COST_USD) == (None if cost is None else pytest.approx(cost))


def test_flat_messages_become_one_list() -> None:
    found = understood(
        {
            "openinference.span.kind": "LLM",
            "llm.input_messages.1.message.content": "b",
            "llm.input_messages.0.message.role": "user",
            "llm.input_messages.0.message.content": "a",
            "llm.output_messages.0.message.content": "c",
        }
    )
    assert found["gen_ai.input.messages"] == '[{"role":"user","content":"a"},{"content":"b"}]'
    assert found["gen_ai.output.messages"] == '[{"content":"c"}]'
    assert not [name for name in found if name.startswith("llm.")]


def test_a_streamed_request_of_logfire_is_no_second_call() -> None:
    request = {**LLM, "logfire.span_type": "span", "request_data": "{}"}
    assert understood(dict(request))[key.KIND] == "span"
    assert understood(dict(request), ended=False)[key.KIND] == "llm_call"
    assert understood({**request, "logfire.level_num": 17})[key.KIND] == "llm_call"
    assert understood({**request, "gen_ai.response.id": "x"})[key.KIND] == "llm_call"


def test_a_live_span_of_another_library_is_understood_as_well() -> None:
    said = {
        "openinference.span.kind": "LLM", "llm.provider": "openai", "llm.model_name": "gpt-4o-mini",
        "llm.token_count.prompt": 1000, "llm.token_count.completion": 0, "input.value": "Tea?",
    }  # fmt: skip
    record = SpanRecord("1" * 32, "2" * 16, None, "ChatOpenAI", 1, None, said)
    redactor = Redactor(capture_content=True)
    started = encode_state(record, 1, redactor, event="_start").body
    assert (started["event"], started["backend"], started["model"]) == ("llm_call_start", "openai", "gpt-4o-mini")
    assert "cost_nano" not in started
    assert started["attributes"].items() >= said.items()  # nothing is gone that an update could not take back
    ended = encode_state(replace(record, end_us=2), 2, redactor)
    assert (ended.body["cost_nano"], ended.body["cost_source"]) == (150_000, "calculated")
    assert ended.account == "0 0 1000 0 150000 openai\n\n0\ngpt-4o-mini"
    assert ended.body["attributes"]["gen_ai.input.messages"] == "Tea?"
    assert record.attributes == said
    assert "spantail.kind" not in said


_RULES: list[Any] = [NAME_RULES, TOKEN_RULES, TERM_RULES, COST_RULES, USAGE_RULES]
_NAMES = st.sampled_from(
    sorted(
        {rule.theirs for rules in _RULES for rule in rules}
        | {rule.ours for rule in NAME_RULES}
        | {rule.name for rule in KIND_RULES}
        | {name for rule in CONTENT_RULES for name in (rule.asked, rule.answered)}
        | {"llm.input_messages.0.message.role", "llm.input_messages.x", "gen_ai.prompt.0.content", "request_data"}
        | {"input_tokens", "cache_read_tokens", "mlflow.llm.cost", "langfuse.observation.cost_details"}
    )
)
_WORDS = sorted({word for rule in KIND_RULES for word in rule.kinds})
_VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.text(max_size=20),
    st.sampled_from(_WORDS), st.lists(st.integers(), max_size=3), st.dictionaries(st.text(max_size=5), st.integers()),
    st.sampled_from(['{"input": 1}', "{", '{"a": {"b": []}}', "[]", '"LLM"', '{"input": 1e999}', "\ud800"]),
)  # fmt: skip


@given(attributes=st.dictionaries(_NAMES, _VALUES, max_size=12), ended=st.booleans())
@settings(max_examples=300)
def test_nothing_makes_it_raise_and_twice_is_once(attributes: dict[str, Any], *, ended: bool) -> None:
    once = understood(dict(attributes), ended=ended)
    assert repr(understood(dict(once), ended=ended)) == repr(once)
    for name in (key.GEN_AI_USAGE_INPUT_TOKENS, key.GEN_AI_USAGE_OUTPUT_TOKENS):
        if name not in attributes and name in once:
            assert type(once[name]) is int


def test_every_kept_export_is_of_a_source_that_still_exists() -> None:
    from tests.exports.sources import SOURCES

    kept = {path.name.partition(".")[0] for path in FOLDER.iterdir()}
    assert kept == {source.name for source in SOURCES}


_COUNTS = st.dictionaries(st.sampled_from([rule.theirs for rule in TOKEN_RULES]), st.integers(0, 10**6), max_size=6)
_CALL = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "anthropic",
    "gen_ai.request.model": "claude-haiku-4-5",
}


def _money(attributes: dict[str, Any]) -> tuple[Any, Any]:
    found = understood({**_CALL, **attributes})
    return found.get(key.COST_USD), found.get(key.COST_NOTE)


@given(counts=_COUNTS, order=st.randoms(use_true_random=False))
def test_the_order_of_attributes_does_not_matter(counts: dict[str, int], order: Any) -> None:
    names = [*counts]
    order.shuffle(names)
    assert _money({name: counts[name] for name in names})[0] == _money(counts)[0]


@given(
    counts=_COUNTS, name=st.sampled_from([rule.theirs for rule in TOKEN_RULES if rule.kind not in {"input", "output"}])
)
def test_a_count_of_zero_changes_no_amount(counts: dict[str, int], name: str) -> None:
    before = _money(counts)[0]
    after, note = _money({name: 0, **counts})
    # a part of 0 may contradict what else is told of the whole
    assert before is None or after == before or "do not add up" in note


@given(counts=_COUNTS, name=st.sampled_from([rule.theirs for rule in TOKEN_RULES]), value=st.sampled_from(
    [-1, 0.5, math.nan, "many", "-3", 10**13, True]
))  # fmt: skip
def test_a_count_that_cannot_be_read_leaves_no_calculated_amount(counts: dict[str, int], name: str, value: Any) -> None:
    usd, note = _money({**counts, name: value})
    assert usd is None
    assert note


@given(counts=_COUNTS)
def test_an_amount_is_only_calculated_where_all_that_is_told_is_priced(counts: dict[str, int]) -> None:
    found = understood({**_CALL, **counts})
    if key.COST_USD in found:
        assert found["gen_ai.usage.input_tokens"] >= found.get("gen_ai.usage.cache_read.input_tokens", 0)
        assert not any(found.get(OURS[kind]) for kind in ("audio_input", "audio_output", "image_input", "video_input"))
    else:
        assert found[key.COST_NOTE]


def test_mlflow_tells_the_tokens_of_embeddings_in_the_answer_alone() -> None:
    answer = {"mlflow.spanOutputs": '{"object": "list", "data": [], "usage": {"prompt_tokens": 7, "total_tokens": 7}}'}
    call = {"mlflow.spanType": '"EMBEDDING"', "mlflow.llm.model": '"text-embedding-3-small"'}
    assert understood({**call, **answer})["gen_ai.usage.input_tokens"] == 7
    found = understood({**call, **answer, "mlflow.chat.tokenUsage": '{"input_tokens": 9, "output_tokens": 0}'})
    assert found["gen_ai.usage.input_tokens"] == 9
    step = understood({"mlflow.spanType": '"CHAIN"', **answer})
    assert "gen_ai.usage.input_tokens" not in step  # what a step passes on is not its own
