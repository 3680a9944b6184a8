"""Legal attribute values: whatever comes in, every exporter can encode what goes out."""

from __future__ import annotations

import enum
import math
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common._internal import _encode_attributes

from spantail import attributes as keys
from spantail.trouble import report_trouble
from spantail.values import legal_attributes, legal_text, legal_value


class _Colour(enum.Enum):
    RED = "red"


class _Number(enum.IntEnum):
    ONE = 1


@pytest.mark.parametrize(
    ("value", "legal"),
    [
        ("text", "text"),
        (True, True),
        (7, 7),
        (2**63 - 1, 2**63 - 1),
        (2**63, str(2**63)),
        (0.5, 0.5),
        (Decimal("0.25"), 0.25),
        (_Colour.RED, "red"),
        (_Number.ONE, 1),
        (("a", 1), ["a", 1]),
        ({"b", "a"}, ["a", "b"]),
        ({"a": {1: [None]}}, {"a": {"1": [None]}}),
        (PurePosixPath("/a/b"), "/a/b"),
        ("\ud83d lone", "\ufffd lone"),
        ("\ud83d\ude00 pair", "\U0001f600 pair"),
        (b"raw", b"raw"),
        (range(3), [0, 1, 2]),
    ],
)
def test_values(value: object, legal: object) -> None:
    made = legal_value(value)
    assert made == legal
    assert type(made) is type(legal)


def test_nesting_and_length_have_an_end() -> None:
    endless: list[Any] = []
    endless.append(endless)
    assert "…" in str(legal_value(endless))
    assert len(legal_value(list(range(5_000)))) == 1_000  # type: ignore[arg-type]
    assert len(legal_value({n: n for n in range(5_000)})) == 1_000  # type: ignore[arg-type]


def test_the_same_list_many_times_over_is_not_unfolded() -> None:
    value: list[Any] = ["x"] * 1_000
    for _ in range(6):
        value = [value] * 1_000
    assert str(legal_value(value)).count("x") <= 10_000


_ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.text(st.characters())
    | st.binary(max_size=20)
    | st.dates(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(), max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.text(st.characters(), min_size=1, max_size=10), _ANY, max_size=6))
def test_whatever_comes_in_can_be_encoded(attributes: dict[str, Any]) -> None:
    legal = legal_attributes(attributes)
    assert None not in legal.values()
    for encoded in _encode_attributes({legal_text(key): value for key, value in legal.items()}) or []:
        encoded.SerializeToString()


def test_a_signalling_nan_is_a_plain_one() -> None:
    made = legal_value(Decimal("sNaN"))
    assert isinstance(made, float)
    assert math.isnan(made)


@pytest.mark.parametrize("wrong", [None, 5, "text", [1]])
def test_what_is_no_mapping_is_no_attributes(wrong: Any) -> None:
    assert legal_attributes(wrong) == {}


def test_keys_are_unique_and_every_kind_is_known() -> None:
    named = {name: value for name, value in vars(keys).items() if name.isupper() and isinstance(value, str)}
    attribute_keys = [value for value in named.values() if "." in value]
    assert len(attribute_keys) == len(set(attribute_keys))
    kinds = {value for name, value in named.items() if name.startswith("KIND_")}
    assert kinds == keys.KINDS | {keys.KIND_SPAN}


def test_trouble_is_said_without_names_and_has_an_end(caplog: pytest.LogCaptureFixture) -> None:
    class Unreadable:
        def __str__(self) -> str:
            raise ValueError

    for n in range(300):
        legal_attributes({f"key of user {n}": Unreadable()})
    assert [record.getMessage().partition(";")[0] for record in caplog.records] == [
        "an attribute could not be read and was left out"
    ]
    for n in range(300):
        report_trouble(f"trouble {n}")
    assert len(caplog.records) == 100
