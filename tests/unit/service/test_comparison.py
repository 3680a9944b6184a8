"""Which span of one run stands for which of another, and what is said to differ."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from spantail_service.runs.comparison.matching import NONE, Rows, Tree
from spantail_service.runs.comparison.rows import Counts, answer_rows, differences
from spantail_service.runs.comparison.spans import ComparedSpans, Shared
from tests.support.runs.plain_comparison import plain_rows


def span(span_id: str, parent_id: str | None = None, name: str = "step", **fields: Any) -> bytes:
    """The stored state of a span; it starts when its id says."""
    state = {"start": int(span_id, 16), "end": 99, "status": "ok", "kind": "span"} | fields
    return orjson.dumps({"span_id": span_id, "parent_id": parent_id, "name": name, **state})


def call(span_id: str, parent_id: str | None, model: str, nano: int | None, **fields: Any) -> bytes:
    """An LLM call of 10 and 2 tokens."""
    tokens = {"input": 10, "output": 2}
    more = {"kind": "llm_call", "model": model, "cost_nano": nano, "tokens": tokens, **fields}
    return span(span_id, parent_id, f"chat {model}", **more)


def tree_of(states: list[bytes], shared: Shared | None = None) -> Tree:
    spans = ComparedSpans(shared or Shared())
    for state in states:
        spans.add(state)
    return Tree(spans)


def pairs_of(a: list[bytes], b: list[bytes]) -> Rows:
    shared = Shared()
    return Rows(tree_of(a, shared), tree_of(b, shared))


def changed(rows: Rows) -> list[list[str]]:
    """What differs in each row, of rows that both runs have."""
    first, second = (tree.spans.traits for tree in rows.trees)
    return [differences(first[a], second[b]) for _, a, b in rows]


def ids(rows: Rows) -> list[tuple[int, str, str]]:
    """Each row's depth and the ids of its spans, empty where that run has none."""
    first, second = (tree.spans.ids for tree in rows.trees)
    return [(depth, first[a] if a != NONE else "", second[b] if b != NONE else "") for depth, a, b in rows]


def drawn(rows: Rows) -> list[str]:
    """`  1=2` for counterparts, `  1-` and `  +2` for what one side has alone."""
    lines = []
    for depth, left, right in ids(rows):
        lines.append("  " * depth + (f"{left}={right}" if left and right else f"{left}-" if left else f"+{right}"))
    return lines


def test_counterparts_are_found_by_kind_name_and_place() -> None:
    a = [span("1"), span("2", "1", "fetch"), span("3", "1", "score"), span("4", "1", "score"), span("5", "3", "inner")]
    b = [span("a"), span("b", "a", "load"), span("c", "a", "score"), span("d", "c", "other"), span("e", "a", "rank")]
    assert drawn(pairs_of(a, b)) == ["1=a", "  +b", "  2-", "  3=c", "    +d", "    5-", "  +e", "  4-"]


def test_the_name_of_a_kind_alone_is_not_enough() -> None:
    assert drawn(pairs_of([span("1"), span("2", "1")], [span("a"), span("b", "a", kind="tool")])) == [
        "1=a", "  +b", "  2-",
    ]  # fmt: skip


def test_a_call_that_another_model_served_is_the_same_call() -> None:
    a = [span("1"), call("2", "1", "gpt-4o", 500)]
    b = [span("a", name="renamed"), call("b", "a", "claude-sonnet-4-5", None, status="error")]
    assert changed(pairs_of(a, b)) == [["name"], ["status", "model", "cost"]]


def test_contents_differ_only_where_both_are_kept() -> None:
    def asked(span_id: str, **attributes: str) -> bytes:
        return call(span_id, None, "m", 1, attributes=attributes)

    question, answer = {"gen_ai.input.messages": "[1]"}, {"gen_ai.output.messages": "[2]"}
    same = pairs_of([asked("1", **question)], [asked("2", **question, **answer)])
    other = pairs_of([asked("1", **question)], [asked("2", **{"gen_ai.input.messages": "[3]"})])
    assert (changed(same), changed(other)) == ([[]], [["input"]])


def test_sums_count_the_innermost_call_once() -> None:
    account = {"tokens": {"input": 10, "output": 2}, "cost_nano": 7}
    spans = [span("1", account=account), call("2", "1", "m", 7), call("3", "2", "m", 7), call("4", "1", "m", None)]
    tree = tree_of(spans)
    (root,) = tree.roots
    assert tree.total(root)._asdict() == {"cost_nano": 7, "input": 20, "output": 4, "priced": 1, "unpriced": 1}


def test_orphans_and_circles_are_in_the_tree() -> None:
    spans = [span("1", "2"), span("2", "1"), span("3", "3"), span("4", "f"), span("5", "4")]
    assert sorted(line.strip() for line in drawn(pairs_of(spans, []))) == ["1-", "2-", "3-", "4-", "5-"]


def test_a_deep_and_a_wide_run_are_compared() -> None:
    deep = [span(f"{n:x}", f"{n - 1:x}") for n in range(1, 5_000)]
    wide = [span("1"), *(span(f"{n:x}", "1") for n in range(2, 5_000))]
    for spans in (deep, wide):
        rows, counts = answer_rows(pairs_of(spans, spans), 10_000)
        assert counts == Counts(4_999, 0, 0, 0)
        assert len(rows) == 4_999


def test_rows_that_differ_go_first_and_stand_below_their_parents() -> None:
    a = [span("1"), *(span(f"{n:x}", "1", f"group {n}") for n in range(2, 50))]
    b = [*a, span("ff", "30", "new")]
    rows, counts = answer_rows(pairs_of(a, b), 4)
    assert [(row["depth"], row["name"]) for row in rows] == [
        (0, "step"), (1, "group 2"), (1, "group 48"), (2, "new"),
    ]  # fmt: skip
    assert counts == Counts(both=49, only_a=0, only_b=1, differing=0)
    assert rows[-1] == {
        "depth": 2, "name": "new", "kind": "span", "a": None, "changed": [],
        "b": {"span_id": "ff", "status": "ok", "start": 255, "end": 99},
    }  # fmt: skip


@given(
    *[st.lists(st.tuples(st.integers(0, 12), st.sampled_from("xyz")), max_size=12)] * 2,
)
def test_every_span_is_in_one_row(left: list[tuple[int, str]], right: list[tuple[int, str]]) -> None:
    a, b = (
        [span(f"{at + 1:x}", f"{parent:x}", name) for at, (parent, name) in enumerate(side)] for side in (left, right)
    )
    there, back, same = (ids(pairs_of(*runs)) for runs in ((a, b), (b, a), (a, a)))
    assert sorted(of_a for _, of_a, _ in there if of_a) == [f"{at + 1:x}" for at in range(len(left))]
    assert sorted(of_b for _, _, of_b in there if of_b) == [f"{at + 1:x}" for at in range(len(right))]
    assert {row[1:] for row in there} == {row[:0:-1] for row in back}
    assert all(of_a == of_b for _, of_a, of_b in same)


STATES = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["span", "span", "llm_call", "tool"]),
        "name": st.sampled_from(["a", "b", "chat m1", "chat m2"]),
    },
    optional={
        "status": st.sampled_from(["running", "error", "skipped"]),
        "start": st.integers(0, 3),
        "backend": st.sampled_from("xy"),
        "model": st.sampled_from(["m1", "m2"]),
        "tokens": st.fixed_dictionaries({}, optional={"input": st.integers(0, 2), "output": st.integers(0, 2)}),
        "cost_nano": st.integers(0, 2),
        "account": st.just({"tokens": {"input": 1}, "cost_nano": 1}),
        "fallback_from": st.just("z"),
        "error": st.fixed_dictionaries({"type": st.just("E")}, optional={"message": st.sampled_from(["m", "n" * 400])}),
        "attributes": st.dictionaries(
            st.sampled_from(["gen_ai.input.messages", "gen_ai.tool.call.result", "other"]),
            st.sampled_from(["[1]", "}", [{"a": 1}]]),
        ),
    },
)
RUNS = st.lists(st.tuples(st.integers(0, 14), st.integers(1, 14), STATES), max_size=14)


@given(RUNS, RUNS, st.integers(0, 20))
def test_the_answer_is_that_of_the_plain_way(
    left: list[tuple[int, int, dict[str, Any]]], right: list[tuple[int, int, dict[str, Any]]], limit: int
) -> None:
    """Orphans, circles, wrappers and spans that are told twice among them."""
    a, b = ([span(f"{own:x}", f"{parent:x}", **fields) for parent, own, fields in side] for side in (left, right))
    assert answer_rows(pairs_of(a, b), limit) == plain_rows(a, b, limit)
