"""The Python copy of each rule of the event format, held to the cases in `tests/golden/rules`."""

from __future__ import annotations

import itertools
from typing import Any, Final

import orjson
import pytest

from spantail_exporters.model.rules.account import account_of
from spantail_exporters.model.rules.fold import changes_state, compare, merged
from spantail_exporters.model.rules.layers import layers_of
from spantail_exporters.model.rules.money import amount, is_unpriced, nano_of
from spantail_exporters.model.rules.wrapping import has_account, wrappers
from spantail_service.cli.render.rows import tree_rows
from spantail_service.cli.render.view import RunView
from tests.support.runs.rules import cases, why

OUTCOMES: Final = {1: "wins", 0: "repeats", -1: "loses"}


@pytest.mark.parametrize("case", cases("fold", "order"), ids=why)
def test_which_state_stays(case: dict[str, Any]) -> None:
    order = compare(case["event"], case["held"])
    assert OUTCOMES[(order > 0) - (order < 0)] == case["outcome"]


@pytest.mark.parametrize("case", cases("fold", "names"), ids=why)
def test_which_events_change_a_state(case: dict[str, Any]) -> None:
    assert changes_state(case["event"], case["kind"]) == case["changes"]


@pytest.mark.parametrize("case", cases("fold", "sequences"), ids=why)
def test_what_events_make_of_a_state(case: dict[str, Any]) -> None:
    state, *events = case["events"]
    view = RunView("0" * 32)
    view.fold_event({**state, "span_id": "1"})
    for event in events:
        if compare(event, state) >= 0:
            state = merged(state, event)
        view.fold_event({**event, "span_id": "1"})
    for held in (state, view.spans["1"]):
        assert {name: held.get(name) for name in case["state"]} == case["state"]
        assert held.keys().isdisjoint(case.get("absent", ()))
    assert state.get("attributes") == case.get("attributes")


@pytest.mark.parametrize("case", cases("account"), ids=why)
def test_what_an_ended_span_adds_to_the_totals(case: dict[str, Any]) -> None:
    assert account_of(case["state"]) == case["account"]
    if case["account"]:
        assert has_account(case["state"])


@pytest.mark.parametrize("case", cases("account"), ids=why)
def test_viewers_show_a_missing_price_where_one_is_counted(case: dict[str, Any]) -> None:
    if case["account"] and case["state"]["kind"] == "llm_call":
        source = {} if "cost_nano" in case["state"] else {"cost_source": "unpriced"}
        assert is_unpriced({**case["state"], **source}) == (case["account"].split(" ")[1] == "1")


def _state(span: dict[str, Any]) -> dict[str, Any]:
    state = {"span_id": span["id"], "parent_id": span["parent"], "kind": span["kind"], "status": "ok", "start": 1}
    if "status" in span:
        state["status"] = span["status"]
    if "nano" in span:
        state["cost_nano"] = span["nano"]
    if "account" in span:
        state["account"] = {"backend": "b", "cost_nano": span["account"]}
    return state


@pytest.mark.parametrize("case", cases("wrapping"), ids=why)
def test_which_spans_count(case: dict[str, Any]) -> None:
    for order in itertools.permutations(case["spans"]):
        spans = {span["id"]: _state(span) for span in order}
        above = wrappers(spans)
        assert {name for name, state in spans.items() if has_account(state) and name not in above} == {*case["counted"]}
        assert sum(row.nano for row in tree_rows(spans) if row.parent < 0) == case["nano"]


@pytest.mark.parametrize("case", cases("layers", "entries"), ids=why)
def test_what_a_state_says_of_layers(case: dict[str, Any]) -> None:
    said = layers_of(case["state"], case["state"].get("attributes", {}))
    assert said == b"\n".join(orjson.dumps(entry) for entry in case["entries"])


@pytest.mark.parametrize("case", cases("money", "nano"), ids=why)
def test_usd_to_whole_nano_usd(case: dict[str, Any]) -> None:
    usd = amount(case["usd"])
    assert usd is not None
    assert nano_of(usd) == case["nano"]


@pytest.mark.parametrize("case", cases("money", "unpriced"), ids=why)
def test_when_a_price_is_missing(case: dict[str, Any]) -> None:
    assert is_unpriced(case["state"]) == case["unpriced"]
