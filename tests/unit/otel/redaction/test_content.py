"""Marks of message content that was not kept."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spantail.attributes import CONTENT_LEFT_OUT
from spantail.content import CAPTURE_CONTENT_VARIABLE, as_attribute, count_dropped, marks_of, size_of, take_marks
from spantail.redaction import Redactor

SETTING = {"setting": CAPTURE_CONTENT_VARIABLE, "where": "application"}


def dropped_of(attributes: dict[str, Any], **options: Any) -> dict[str, int]:
    dropped: dict[str, int] = {}
    Redactor(**options).attributes(attributes, dropped)
    return dropped


def test_what_is_dropped_is_counted_in_bytes_of_utf_8() -> None:
    attributes = {"gen_ai.input.messages": "grüße 🙂", "gen_ai.tool.call.result": "x" * 100_000, "plain": "prompt"}
    assert dropped_of(attributes) == {"gen_ai.input.messages": 12, "gen_ai.tool.call.result": 100_000}
    assert dropped_of(attributes, capture_content=True) == {}
    assert dropped_of({"gen_ai.usage.input_tokens": 7, "password": "x"}) == {}


def test_indexed_names_are_one_field() -> None:
    attributes = {
        "llm.input_messages.0.message.content": "1234",
        "llm.input_messages.1.message.content": "56",
        "llm.openai.messages": "7",
        "gen_ai.prompt.0.content": "89",
    }
    assert dropped_of(attributes) == {"llm.input_messages": 6, "llm.openai.messages": 1, "gen_ai.prompt": 2}


def test_content_within_other_values_is_counted_too() -> None:
    value = {"request": {"gen_ai.prompt": "hello", "n": 1}, "list": [{"user_prompt": "hi"}]}
    dropped: dict[str, int] = {}
    assert Redactor().attributes(value, dropped) == {"request": {"n": 1}, "list": [{}]}
    assert dropped == {"gen_ai.prompt": 5, "user_prompt": 2}


def test_sizes() -> None:
    assert [size_of(value) for value in ("", "é", "\ud800", b"ab", bytearray(3), 7, None)] == [0, 2, 3, 2, 3, 8, 8]
    text = [{"role": "user", "content": "x" * 1_000}]
    assert abs(size_of(text) - len(json.dumps(text))) < 20
    endless: list[Any] = []
    endless.append(endless)
    dropped: dict[str, int] = {}
    count_dropped(dropped, "gen_ai.prompt", endless)
    assert dropped == {"gen_ai.prompt": 0}


def test_fields_are_bounded_and_none_is_lost() -> None:
    dropped = dropped_of({f"llm.made_up_{n}.messages": "abc" for n in range(200)})
    assert len(dropped) == 32
    assert sum(dropped.values()) == 600
    assert take_marks({CONTENT_LEFT_OUT: as_attribute(marks_of(dropped, "service"))}) == marks_of(dropped, "service")


@given(st.dictionaries(st.text(min_size=1, max_size=40), st.integers(0, 2**53 - 1), max_size=20))
def test_marks_come_back_from_their_attribute(dropped: dict[str, int]) -> None:
    marks = marks_of(dropped, "application")
    assert marks == [{"field": field, "bytes": size, **SETTING} for field, size in dropped.items()]
    attributes = {CONTENT_LEFT_OUT: as_attribute(marks), "other": 1}
    assert take_marks(attributes) == marks
    assert attributes == ({"other": 1} if marks else {CONTENT_LEFT_OUT: "[]", "other": 1})


@pytest.mark.parametrize(
    "value",
    [
        "", "nonsense", "{}", "[1]", "[" * 100_000, 7, None, ["x"],
        json.dumps([{"field": "a", "bytes": -1, **SETTING}]),
        json.dumps([{"field": "a", "bytes": True, **SETTING}]),
        json.dumps([{"field": "a" * 300, "bytes": 1, **SETTING}]),
        json.dumps([{"field": "a", "bytes": 1, "setting": "LD_PRELOAD", "where": "service"}]),
        json.dumps([{"field": "a", "bytes": 1, "setting": CAPTURE_CONTENT_VARIABLE, "where": ["service"]}]),
        json.dumps([{"field": "a", "bytes": 1, **SETTING}] * 33),
    ],
)  # fmt: skip
def test_what_is_no_list_of_marks_stays_an_attribute(value: Any) -> None:
    attributes = {CONTENT_LEFT_OUT: value}
    assert take_marks(attributes) == []
    assert attributes == {CONTENT_LEFT_OUT: value}
