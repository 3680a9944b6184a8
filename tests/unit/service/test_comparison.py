"""Which span of one run stands for which of another, and what is said to differ."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from spantail_service.runs.comparison.matching import Pair, matched, tree_of
from spantail_service.runs.comparison.rows import Counts, answer_rows, differences
from spantail_service.runs.comparison.spans import ComparedSpan, read


def span(span_id: str, parent_id: str | None = None, name: str = "step", **fields: Any) -> ComparedSpan:
    """A span as it is read from its stored state; it starts when its id says."""
    state = {"start": int(span_id, 16), "end": 99, "status": "ok", "kind": "span"} | fields
    found = read(orjson.dumps({"span_id": span_id, "parent_id": parent_id, "name": name, **state}))
    assert found is not None
    return found


def call(span_id: str, parent_id: str | None, model: str, nano: int | None, **fields: Any) -> ComparedSpan:
    """An LLM call of 10 and 2 tokens."""
    tokens = {"input": 10, "output": 2}
    more = {"kind": "llm_call", "model": model, "cost_nano": nano, "tokens": tokens, **fields}
    return span(span_id, parent_id, f"chat {model}", **more)


def pairs_of(a: list[ComparedSpan], b: list[ComparedSpan]) -> list[Pair]:
    return matched(tree_of(a), tree_of(b))


def drawn(pairs: list[Pair]) -> list[str]:
    """`  1=2` for counterparts, `  1-` and `  +2` for what one side has alone."""
    lines = []
    for depth, a, b in pairs:
        left, right = (node.span.span_id if node else "" for node in (a, b))
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
    root, chat = pairs_of(a, b)
    assert differences(root) == ["name"]
    assert differences(chat) == ["status", "model", "cost"]


def test_contents_differ_only_where_both_are_kept() -> None:
    def asked(span_id: str, **attributes: str) -> ComparedSpan:
        return call(span_id, None, "m", 1, attributes=attributes)

    question, answer = {"gen_ai.input.messages": "[1]"}, {"gen_ai.output.messages": "[2]"}
    (same,) = pairs_of([asked("1", **question)], [asked("2", **question, **answer)])
    (other,) = pairs_of([asked("1", **question)], [asked("2", **{"gen_ai.input.messages": "[3]"})])
    assert (differences(same), differences(other)) == ([], ["input"])


def test_sums_count_the_innermost_call_once() -> None:
    account = {"tokens": {"input": 10, "output": 2}, "cost_nano": 7}
    spans = [span("1", account=account), call("2", "1", "m", 7), call("3", "2", "m", 7), call("4", "1", "m", None)]
    (root,) = tree_of(spans)
    assert root.total._asdict() == {"cost_nano": 7, "input": 20, "output": 4, "priced": 1, "unpriced": 1}


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
    there, back, same = pairs_of(a, b), pairs_of(b, a), pairs_of(a, a)
    assert sorted(row.a.span.span_id for row in there if row.a) == sorted(one.span_id for one in a)
    assert sorted(row.b.span.span_id for row in there if row.b) == sorted(one.span_id for one in b)
    assert {_ids(row) for row in there} == {_ids(row)[::-1] for row in back}
    assert all(first == second for first, second in map(_ids, same))


def _ids(row: Pair) -> tuple[str, str]:
    return row.a.span.span_id if row.a else "", row.b.span.span_id if row.b else ""
