"""What events of the older system say: names, data and plain text lines, read."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from spantail.adapters.costs import ReportedCall, ReportedCosts
from spantail.adapters.event_names import split_name, step_labels
from spantail.adapters.fields import Failure, cost_in, duration_ns, plain, take_failure, take_tokens
from spantail.adapters.text_lines import parse_line


@pytest.mark.parametrize(
    ("line", "event", "data"),
    [
        ("search_start", "search_start", {}),
        (
            "[ingest_start] source=himalayas, keywords=['python', 'ml']...",
            "ingest_start",
            {"source": "himalayas", "keywords": ["python", "ml"]},
        ),
        ("[ingest_start] source=indeed, limit=40, cost=$0.25", "ingest_start",
         {"source": "indeed", "limit": 40, "cost": 0.25}),
        ("[fetch_complete] Received 12 jobs", "fetch_complete", {"message": "Received 12 jobs"}),
        ("source_search_start: indeed", "source_search_start", {"message": "indeed"}),
        (
            "source_search_complete: indeed (12 jobs, cache_hit=True)",
            "source_search_complete",
            {"message": "indeed (12 jobs, cache_hit=True)", "cache_hit": True},
        ),
        ("cache_hit:", "cache_hit", {}),
        ('[ingest_error] reason="no answer, come again" retry=false', "ingest_error",
         {"reason": "no answer, come again", "retry": False}),
    ],
)  # fmt: skip
def test_lines_that_name_an_event(line: str, event: str, data: dict[str, Any]) -> None:
    assert parse_line(line) == (event, data)


@pytest.mark.parametrize(
    "line",
    ["", "Received 12 jobs", "[INFO] ready", "[Claude CLI] asking", "http://host/a_b: x", "note: well", "x" * 100_000,
     "[start] x=1"],
)  # fmt: skip
def test_other_lines_are_log_lines(line: str) -> None:
    assert parse_line(line) is None


def test_a_line_that_wants_to_be_slow_is_not() -> None:
    parse_line("[a_b] " + "x=[" * 5000)
    parse_line("a_b: " + "='" * 8000)


@pytest.mark.parametrize(
    ("name", "parts", "is_step"),
    [
        ("llm_call_fallback", ("llm_call", "fallback"), True),
        ("layer_skip", ("layer", "skip"), True),
        ("layer_fallback", ("layer", "fallback"), False),
        ("ingest_start", ("ingest", "start"), False),
        ("job_scored", ("job_scored", ""), False),
        ("cv_struct_phase_start", ("cv_struct_phase", "start"), False),
    ],
)
def test_names(name: str, parts: tuple[str, str], *, is_step: bool) -> None:
    assert tuple(split_name(name)) == parts
    assert split_name(name).is_step is is_step


def test_a_layer_is_told_by_number_and_name() -> None:
    assert step_labels("layer", {"layer": 2, "layer_name": "extract"}) == ("extract", "layer 2")
    assert step_labels("layer", {"layer": "fetch"}) == ("fetch",)
    assert step_labels("phase", {"phase": True, "name": " "}) == ()


def test_data_is_one_map() -> None:
    assert plain({"a": 1, "metadata": {"b": 2, "a": 9}, "none": None, "spantail.kind": "x", 3: "c"}) == {
        "a": 1, "b": 2, "3": "c",
    }  # fmt: skip
    assert plain({"data": "text"}) == {"data": "text"}
    assert plain(None) == {}
    assert plain("text") == {"message": "text"}


@pytest.mark.parametrize(
    ("fields", "counts"),
    [
        ({"input_tokens": 4, "output_tokens": 2}, {"input_tokens": 4, "output_tokens": 2}),
        ({"prompt_tokens": 4, "completion_tokens": 2}, {"input_tokens": 4, "output_tokens": 2}),
        ({"tokens": {"input": 4, "output": 2, "cache_read": 1}},
         {"input_tokens": 4, "output_tokens": 2, "cache_read_tokens": 1}),
        ({"usage": {"input_tokens": 4}, "output": "text"}, {"input_tokens": 4}),
        ({"input_tokens": True, "output_tokens": "2"}, {}),
    ],
)  # fmt: skip
def test_tokens(fields: dict[str, Any], counts: dict[str, int]) -> None:
    assert take_tokens(fields) == counts


@pytest.mark.parametrize(
    ("fields", "cost"),
    [
        ({"cost_usd": 0.0041}, Decimal("0.0041")),
        ({"cost_usd": "0.5"}, Decimal("0.5")),
        ({"cost_usd": "free", "cost": 2}, Decimal(2)),
        ({"cost_usd": -1}, None),
        ({"cost_usd": float("nan")}, None),
        ({"cost_usd": True}, None),
        ({"total_cost_usd": 3}, None),
    ],
)
def test_costs(fields: dict[str, Any], cost: Decimal | None) -> None:
    assert cost_in(fields) == cost


def test_times() -> None:
    assert duration_ns({"duration_ms": 1.5}) == 1_500_000
    assert duration_ns({"latency_ms": -1}) == 0
    assert duration_ns({"duration_s": float("inf")}) is None
    assert duration_ns({}) is None


def test_errors_as_text_as_map_and_as_exception() -> None:
    assert take_failure({"error": "gone", "error_type": "KeyError"}) == Failure("KeyError", "gone", "")
    assert take_failure({"error": {"type": "A", "message": "b", "traceback": "c"}}) == Failure("A", "b", "c")
    assert take_failure({"error": ValueError("x")})[:2] == ("ValueError", "x")
    assert take_failure({"reason": "rate limited"}) == Failure("", "rate limited", "")


def _call(usd: str, where: object = 1, backend: str = "", *, is_reported: bool = True) -> ReportedCall:
    return ReportedCall(Decimal(usd), is_reported, backend, where)


@pytest.mark.parametrize(
    ("calls", "usd", "backend", "claimed"),
    [
        ([], "0.01", "", False),
        ([_call("0.00123")], "0.0012", "", True),
        ([_call("0.00123")], "0.003", "", False),
        ([_call("0.01", backend="a")], "0.01", "b", False),
        ([_call("0.01", backend="a")], "0.01", "", True),
        ([_call("0.01"), _call("0.02")], "0.03", "", True),
        ([_call("0.01", 2), _call("0.02", 3)], "0.03", "", True),
        ([_call("0.01", is_reported=False)], "0.02", "", True),
        ([_call("0.01", 2, is_reported=False)], "0.02", "", False),
        ([_call("0.6")], "1", "", False),
        ([_call("0.00041")], "0.00041000000000000003", "", True),
    ],
)
def test_a_cost_that_was_reported_is_known_again(
    calls: list[ReportedCall], usd: str, backend: str, claimed: bool
) -> None:
    costs = ReportedCosts()
    for call in calls:
        costs.add(call)
    assert costs.claim(Decimal(usd), backend, 1) is claimed
    if claimed:
        assert not costs.claim(Decimal(usd), backend, 1), "each is claimed once"
