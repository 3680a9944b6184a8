"""What was sent and what was added are told apart, and moved content finds its names again."""

from __future__ import annotations

import math
from typing import Any

import orjson
import pytest

from spantail.redaction import Redactor
from spantail_exporters.dialects.origin import names_in, put_back, read_back, understood_apart
from spantail_exporters.model.event import encode_state
from spantail_exporters.model.record import SpanEvent, SpanRecord
from spantail_service.runs.snapshot import without_details
from spantail_service.transfer.otlp import otlp_json

CALL = {"openinference.span.kind": "LLM", "llm.model_name": "gpt-4o-mini", "llm.provider": "openai"}


def _state(attributes: dict[str, Any], redactor: Redactor | None = None, **fields: Any) -> dict[str, Any]:
    record = SpanRecord("01" * 16, "02" * 8, None, "call", 1, 2, attributes, **fields)
    return encode_state(record, 1, redactor or Redactor(capture_content=True)).body


def _exported(state: dict[str, Any]) -> dict[str, Any]:
    (span,) = otlp_json([state])["resourceSpans"][0]["scopeSpans"][0]["spans"]
    return {pair["key"]: pair["value"] for pair in span["attributes"]}


def test_what_was_added_is_named_and_what_was_replaced_is_kept() -> None:
    sent = {"gen_ai.operation.name": "chat", "gen_ai.system": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5",
            "gen_ai.usage.input_tokens": 10, "gen_ai.usage.cache_read_input_tokens": 90,
            "gen_ai.usage.output_tokens": 5, "gen_ai.usage.total_tokens": 105}  # fmt: skip
    state = _state(sent)
    assert state["attributes"]["gen_ai.usage.input_tokens"] == 100
    assert state["sent"] == {"gen_ai.usage.input_tokens": 10}
    assert set(state["derived"]) == (state["attributes"].keys() - sent.keys()) | {"gen_ai.usage.input_tokens"}
    again = _state(_plain(_exported(state)))
    for field in ("attributes", "derived", "sent", "cost_nano", "tokens"):
        assert again[field] == state[field], field


def test_a_span_of_our_own_has_none_of_these_fields() -> None:
    state = _state({"spantail.kind": "llm_call", "gen_ai.request.model": "gpt-4o-mini", "score": 0.5})
    assert state.keys().isdisjoint({"derived", "sent", "moved", "types", "changed"})


@pytest.mark.parametrize(
    ("content", "moved"),
    [
        ({"input.value": "hi", "output.value": "ho"}, 2),
        ({"llm.input_messages.0.message.role": "user", "llm.input_messages.0.message.content": "hi"}, 1),
        ({"gen_ai.prompt.0.role": "user", "gen_ai.prompt.1.content": "hi", "gen_ai.prompt.1.n": 2}, 1),
        # what the list would not say: a number that is missing, two ways to write, values that JSON has none for
        ({"gen_ai.prompt.0.role": "user", "gen_ai.prompt.2.content": "hi"}, 0),
        ({"gen_ai.prompt.00.role": "user"}, 0),
        ({"llm.input_messages.0.message.role": "user", "llm.input_messages.0.content": "hi"}, 0),
        ({"gen_ai.prompt.0.score": math.nan}, 0),
        ({"gen_ai.prompt.0.data": b"\xff"}, 0),
    ],
)
def test_content_comes_out_under_its_own_names(content: dict[str, Any], moved: int) -> None:
    state = _state({**CALL, **content})
    assert len(state.get("moved", {})) == moved
    exported = _exported(state)
    expected = _exported(_state({"spantail.kind": "span", **content}))
    assert {name: exported.get(name) for name in content} == {name: expected[name] for name in content}
    again = _state(_plain(exported))
    assert (again["attributes"], again.get("moved")) == (state["attributes"], state.get("moved"))


def test_content_that_was_masked_is_named_under_both_names() -> None:
    state = _state({**CALL, "llm.input_messages.0.message.content": "password=hunter22 and more"})
    assert state["changed"] == ["gen_ai.input.messages"]
    names = [one["stringValue"] for one in _exported(state)["spantail.changed"]["arrayValue"]["values"]]
    assert names == ["gen_ai.input.messages", "llm.input_messages.0.message.content"]
    cut = dict(gone := {"gen_ai.input.messages": '[{"content":"x…[truncated'})
    assert put_back(cut, {"gen_ai.input.messages": "llm.input_messages.#.message."}) == []
    assert cut == gone


def test_marks_that_are_none_stay_where_they_are() -> None:
    for mark in ("a", ["a", 1], ["not there"], [], {"a": 1}, None):
        given = {"a": 1, "spantail.derived": mark}
        assert read_back(given) == (given, {})
    assert names_in(["a", "b", "a"]) == ["a", "b"]
    assert "derived" not in _state({"a": 1, "spantail.derived": "a"})
    assert understood_apart({"a": 1}, ended=True) == ({"a": 1}, {"derived": [], "sent": {}, "moved": {}})


def test_an_export_that_only_says_sessions_is_read_back_too() -> None:
    state = _state({"session.id": "s-1"})
    assert state["derived"] == ["spantail.session.id"]
    again = _state(_plain(_exported(state)))
    assert (again["attributes"], again["derived"]) == (state["attributes"], state["derived"])


def test_the_tree_is_cut_before_what_was_derived() -> None:
    state = _state({**CALL, "note": 'a } and ,"derived":[ in a text'}, Redactor())
    parsed = orjson.loads(without_details(orjson.dumps(state)))
    assert parsed == {name: value for name, value in state.items() if name not in ("attributes", "derived")}
    flat = _state(CALL, Redactor())
    assert list(flat)[-2:] == ["attributes", "derived"]
    assert orjson.loads(without_details(orjson.dumps(flat))).keys() == flat.keys() - {"attributes", "derived"}
    typed = _state({"a": math.nan, "password": "x"}, Redactor())
    shown = orjson.loads(without_details(orjson.dumps(typed)))
    assert shown.keys() == typed.keys() - {"attributes", "types", "changed"}


@pytest.mark.parametrize("description", [None, "no answer", "it failed"])
@pytest.mark.parametrize("trace", ["Traceback", ["Trace", "back"], None])
def test_status_and_exception_stay_apart(description: str | None, trace: Any) -> None:
    reported = {"exception.message": "no answer", **({"exception.stacktrace": trace} if trace else {})}
    state = _state({}, failed=True, description=description, span_events=(SpanEvent(2, "exception", reported),))
    (span,) = otlp_json([state])["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert span["status"] == ({"code": 2, "message": description} if description else {"code": 2})
    attributes = _plain({pair["key"]: pair["value"] for pair in span["events"][0]["attributes"]})
    assert attributes == reported


def _plain(exported: dict[str, Any]) -> dict[str, Any]:
    return {name: _read(value) for name, value in exported.items()}


def _read(value: dict[str, Any]) -> Any:
    match value:
        case {"intValue": digits}:
            return int(digits)
        case {"arrayValue": {"values": items}}:
            return [_read(item) for item in items]
        case {"kvlistValue": {"values": pairs}}:
            return {pair["key"]: _read(pair["value"]) for pair in pairs}
        case {"doubleValue": "NaN"}:
            return math.nan
        case {"bytesValue": "/w=="}:
            return b"\xff"
        case _:
            return next(iter(value.values()), None)
