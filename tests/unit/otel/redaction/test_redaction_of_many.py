"""Redaction of many spans: what is looked over together comes out as what is redacted one by one."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from spantail.redaction import Redactor

CANARY = "canary7Qz9Xw2Lk4Vn8"
TEXTS = st.sampled_from(
    ["chat", "a harmless text", "Zürich, Straße 4", "", "x" * 300, f"password={CANARY}", f"Bearer {CANARY}.{CANARY}"]
)
VALUES = st.one_of(
    TEXTS,
    st.lists(TEXTS, max_size=3),
    st.lists(st.one_of(TEXTS, st.integers(), st.none()), max_size=3),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.none(),
    st.binary(max_size=8),
    st.dictionaries(st.sampled_from(["a", "password"]), TEXTS, max_size=2),
)
SPANS = st.lists(st.dictionaries(st.sampled_from(["a", "b.c", "password", "gen_ai.prompt"]), VALUES), max_size=12)


def _redacted(redactor: Redactor, spans: list[dict[str, Any]]) -> list[tuple[str, str]]:
    made = []
    for attributes in spans:
        remarks: dict[str, Any] = {}
        kept = redactor.attributes(attributes, {}, remarks)
        made.append((repr(kept), repr(remarks)))
    return made


@given(SPANS)
def test_looking_them_over_changes_nothing(spans: list[dict[str, Any]]) -> None:
    together, alone = Redactor(), Redactor()
    for _ in range(2):  # what is remembered of the first time is asked at the second
        together.learn(spans)
        assert _redacted(together, spans) == _redacted(alone, spans)
    assert CANARY not in repr(_redacted(together, spans))


def test_one_secret_among_many_texts_is_masked_and_no_other() -> None:
    spans = [{"job": f"himalayas-{number}"} for number in range(100)]
    spans[41] = {"job": f"api_key={CANARY}"}
    redactor = Redactor()
    redactor.learn(spans)
    kept = [redactor.attributes(attributes)["job"] for attributes in spans]
    assert kept == [*(f"himalayas-{n}" for n in range(41)), "api_key=[redacted]",
                    *(f"himalayas-{n}" for n in range(42, 100))]  # fmt: skip


def test_a_transform_sees_the_values_as_they_were_sent() -> None:
    redactor = Redactor(transform=lambda _, value: f"password={value}")
    redactor.learn([{"job": "himalayas-1"}])
    assert redactor.attributes({"job": "himalayas-1"}) == {"job": "password=[redacted]"}


def test_what_cannot_be_looked_over_is_left_to_each_span() -> None:
    broken: Any = [{"a": "harmless text"}, None]
    redactor = Redactor()
    redactor.learn(broken)
    assert redactor.attributes({"a": "harmless text"}) == {"a": "harmless text"}
