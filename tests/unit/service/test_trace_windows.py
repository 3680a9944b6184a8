"""Windows of a run: any of them gives rows that the whole would give, and says what it leaves out."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spantail_service.trace_windows.selection import Selection, Wanted, select
from spantail_service.trace_windows.span_columns import TOP, Sums
from spantail_service.trace_windows.span_row import CUT, ERROR, NOT_ENDED, changed_row, row_of
from spantail_service.trace_windows.span_table import SpanTable

STATUSES = ("ok", "ok", "ok", "error", "running", "skipped", "abandoned")
EVERYTHING = Wanted(depth=100_000, limit=1_000_000)


def state(span: int, parent: int | None, **fields: Any) -> dict[str, Any]:
    kind = fields.get("kind", "span")
    return {
        "span_id": f"{span:016x}", "parent_id": None if parent is None else f"{parent:016x}", "rev": 1, "status": "ok",
        "start": 1_000 + span, "end": 2_000 + span, "kind": kind, "event": f"{kind}_complete",
    } | fields  # fmt: skip


def table_of(states: list[dict[str, Any]]) -> SpanTable:
    table = SpanTable()
    for each in states:
        row = row_of(each)
        assert row is not None
        table.add(row)
    table.finish()
    return table


def told_one_by_one(states: list[dict[str, Any]]) -> SpanTable:
    table = SpanTable()
    table.finish()
    for each in states:
        row = changed_row(each)
        assert row is not None
        table.put(row)
    return table


def random_states(seed: int, count: int) -> list[dict[str, Any]]:
    chance = random.Random(seed)
    states = []
    for span in range(1, count + 1):
        parent = chance.choice((None, *range(max(1, span - 8), span), count + chance.randrange(1, 4)))
        status = chance.choice(STATUSES)
        start = chance.randrange(1_000, 1_040)
        kind = chance.choice(("span", "llm_call", "layer"))
        fields: dict[str, Any] = {"status": status, "start": start, "kind": kind, "event": f"{kind}_update"}
        fields["end"] = None if status == "running" else start + chance.randrange(30)
        if kind == "llm_call" and chance.random() < 0.7:
            fields |= {"cost_nano": chance.randrange(1_000), "tokens": {"input": 1}, "cost_source": "calculated"}
        states.append(state(span, parent, **fields))
    return states


def names(table: SpanTable, window: Selection) -> list[int]:
    return [table.ids[row] for row in window.rows]


def assert_is_part_of(table: SpanTable, window: Selection, whole: list[int], root: int) -> None:
    """The rows stand in the order of the whole, each below a row of the window; with what is folded they are all."""
    places = {row: at for at, row in enumerate(whole)}
    assert [places[row] for row in window.rows] == sorted({places[row] for row in window.rows})
    assert all(row == root or table.up[row] in {root, *window.rows} for row in window.rows)
    total = Sums()
    for row in window.rows:
        total = total.plus(table.own(row))
    for fold in window.folded.values():
        assert fold.sums.spans > 0
        assert min(fold.sums) >= 0
        total = total.plus(fold.sums)
    assert total == table.sums(root)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000), count=st.integers(1, 80), depth=st.integers(0, 5), limit=st.integers(1, 60),
    times=st.tuples(st.none() | st.integers(1_000, 1_080), st.none() | st.integers(1_000, 1_080)),
)  # fmt: skip
def test_any_window_gives_rows_that_the_whole_would_give(
    seed: int, count: int, depth: int, limit: int, times: tuple[int | None, int | None]
) -> None:
    table = table_of(random_states(seed, count))
    whole = select(table, EVERYTHING)
    assert len(whole.rows) == count
    assert not whole.folded
    for root in (TOP, random.Random(seed).randrange(count)):
        window = select(table, Wanted(root, depth, *times, limit))
        assert_is_part_of(table, window, whole.rows, root)
        with_path = select(table, Wanted(root, depth, *times, limit, path=True))
        assert_is_part_of(table, with_path, whole.rows, TOP)
        assert set(window.rows) <= set(with_path.rows)
        kept = {row for row in (*table.running_rows, *table.error_rows) if table.is_below(row, root)}
        if times == (None, None) and len(kept) * 120 < limit:
            assert kept <= set(window.rows)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(1, 60), limit=st.integers(1, 20))
def test_going_on_where_windows_end_gives_the_whole(seed: int, count: int, limit: int) -> None:
    table = table_of(random_states(seed, count))
    seen: set[int] = set()
    asked: list[Wanted] = [Wanted(depth=1, limit=limit)]
    while asked:
        wanted = asked.pop()
        window = select(table, wanted)
        seen.update(window.rows)
        for row, fold in window.folded.items():
            if fold.after is not None and row == wanted.root:
                assert wanted.after is None or table.key(fold.after) > table.key(wanted.after), "it goes on"
                asked.append(wanted._replace(after=fold.after))
        asked += [Wanted(row, 1, limit=limit + 1) for row in window.folded if row not in (wanted.root, TOP)]
    assert len(seen) == count


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(1, 80))
def test_what_is_told_one_by_one_in_any_order_comes_to_the_same(seed: int, count: int) -> None:
    states = random_states(seed, count)
    at_once = table_of(states)
    states += [each | {"rev": 0, "status": "running", "end": None, "start": 5} for each in states if seed % 2]
    random.Random(seed).shuffle(states)
    table = told_one_by_one(states)
    assert names(table, select(table, EVERYTHING)) == names(at_once, select(at_once, EVERYTHING))
    for span, row in at_once.rows.items():
        assert table.sums(table.rows[span]) == at_once.sums(row)
    assert {table.ids[row] for row in table.running_rows} == {at_once.ids[row] for row in at_once.running_rows}


@pytest.mark.parametrize("telling", [table_of, told_one_by_one])
def test_a_loop_of_parents_is_cut_at_its_latest_span(telling: Any) -> None:
    states = [state(1, 3), state(2, 1), state(3, 2), state(4, 3), state(5, 5)]
    table = telling(states)
    assert [bool(table.flags[table.rows[span]] & CUT) for span in (1, 2, 3, 4, 5)] == [False, False, True, False, True]
    assert names(table, select(table, EVERYTHING)) == [3, 1, 2, 4, 5]


def test_a_thousand_levels_and_a_hundred_thousand_children() -> None:
    deep = table_of(
        [state(span, span - 1 or None, status="error" if span == 1_000 else "ok") for span in range(1, 1_001)]
    )
    assert len(select(deep, Wanted(depth=5, limit=500)).rows) == 5, "the way to its error is longer than the window"
    assert len(select(deep, Wanted(depth=5)).rows) == 1_000
    wide = table_of(
        [state(1, None), *(state(span, 1, status="error" if span == 90_000 else "ok") for span in range(2, 100_002))]
    )
    window = select(wide, Wanted(limit=100))
    assert {wide.ids[row] for row in window.rows} >= {1, 2, 90_000}
    assert window.folded[0].sums.spans == 100_000 - len(window.rows) + 1
    assert wide.flags[wide.rows[90_000]] & ERROR
    assert wide.ends[wide.rows[90_000]] != NOT_ENDED
