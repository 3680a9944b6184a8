"""A span's state without its details: cut as text where that is sure, and always the same as parsed and left out."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spantail_service.runs.snapshot import without_details
from tests.support.runs.rules import cases, why

DETAILS = ("attributes", "span_events", "links")
TRICKY = st.sampled_from(["{", "}", "}}", ',"attributes":{', '"links":', '","attributes":{"a":1}}', "\\", '\\"', "ü"])
PLAIN = st.none() | st.booleans() | st.integers(0, 9) | st.text(max_size=3) | TRICKY
NAMES = st.sampled_from(["attributes", "links", "span_events", "traceback", "a", "b"])
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2), max_leaves=4
)
ERRORS = st.none() | st.fixed_dictionaries({}, optional={"type": PLAIN, "message": PLAIN, "traceback": PLAIN})


@st.composite
def states(draw: st.DrawFn) -> dict[str, Any]:
    """A state with its fields in any order."""
    names = draw(st.permutations([*DETAILS, "name", "tokens", "error", "abandoned"]))
    state: dict[str, Any] = {"rev": 1}
    for name in names[: draw(st.integers(0, len(names)))]:
        flat = st.dictionaries(NAMES, PLAIN, max_size=2) | st.dictionaries(NAMES, VALUES, max_size=2)
        state[name] = draw(ERRORS if name == "error" else flat if name == "attributes" else VALUES)
    return state


@given(states())
def test_is_what_parsing_would_leave(state: dict[str, Any]) -> None:
    reported = orjson.loads(without_details(orjson.dumps(state)))
    for name in DETAILS:
        state.pop(name, None)
    if state.get("error"):
        state["error"].pop("traceback", None)
    assert reported == state


@pytest.mark.parametrize(
    ("state", "tree"),
    [
        (b'{"rev":1,"name":"a } b","attributes":{"k":"v"}}', b'{"rev":1,"name":"a } b"}'),
        (b'{"rev":1,"end": 5,"attributes":{}}', b'{"rev":1,"end": 5}'),
    ],
)
def test_a_state_that_ends_with_flat_attributes_is_cut(state: bytes, tree: bytes) -> None:
    assert without_details(state) == tree


@pytest.mark.parametrize("case", cases("target"), ids=why)
def test_what_a_span_was_directed_at_stays(case: dict[str, Any]) -> None:
    known: dict[str, Any] = {"kind": "span", **case}  # each stored state has one
    named: dict[str, Any] = {key: known[key] for key in ("name", "kind", "span_kind") if key in known}
    left: dict[str, Any] = {"rev": 1, **named}
    for more in ({"attributes": case["attributes"]}, {"attributes": case["attributes"], "links": []}):
        expected = {**left, "target": case["target"]} if case["target"] else left
        assert orjson.loads(without_details(orjson.dumps({**left, **more}))) == expected  # cut off as text, parsed
