"""Answers from a run's index about the whole of it: where to go, what it waited for, its flame graph."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from spantail_service.trace_windows import flame_window as flame_module
from spantail_service.trace_windows.critical_path import critical_path
from spantail_service.trace_windows.flame_layout import STILL, FlameLayout
from spantail_service.trace_windows.flame_window import FlameWanted, flame_window
from spantail_service.trace_windows.jumps import MOST_RANKED, jump, own_time_us
from spantail_service.trace_windows.row_times import as_sent
from spantail_service.trace_windows.selection import select
from spantail_service.trace_windows.span_columns import TOP
from spantail_service.trace_windows.span_row import ERROR, RUNNING
from spantail_service.trace_windows.tree_order import pre_order
from tests.unit.service.test_trace_windows import EVERYTHING, random_states, state, table_of

if TYPE_CHECKING:
    import pytest

    from spantail_service.trace_windows.jumps import Jump
    from spantail_service.trace_windows.span_table import SpanTable

NOW = 1_100
RUNS = {"seed": st.integers(0, 10_000), "count": st.integers(1, 80)}


def layout_of(table: SpanTable) -> FlameLayout:
    return FlameLayout(table, as_sent(table))


def places_of(table: SpanTable, to: Jump) -> list[int]:
    """Where one comes by jumping until the first one comes again."""
    passed: list[int] = []
    at = TOP
    while found := jump(table, to, at, NOW):
        at = found[0]
        if at in passed:
            break
        passed.append(at)
    return passed


@settings(max_examples=40, deadline=None)
@given(**RUNS)
def test_jumps_lead_through_all_errors_and_all_that_runs_in_the_order_of_the_tree(seed: int, count: int) -> None:
    table = table_of(random_states(seed, count))
    order = select(table, EVERYTHING).rows
    failed = [row for row in order if table.flags[row] & ERROR]
    began = [row for row in failed if not any(other != row and table.is_below(other, row) for other in failed)]
    assert places_of(table, "error") == began
    runs = [row for row in order if table.flags[row] & RUNNING]
    last = [row for row in runs if not any(table.up[other] == row for other in runs)]
    assert places_of(table, "running") == last
    for at, row in enumerate(order):
        following = [other for other in began if order.index(other) > at] or began
        assert jump(table, "error", row, NOW) == following[:1]


@settings(max_examples=40, deadline=None)
@given(**RUNS)
def test_the_slowest_and_the_dearest_are_those_of_all_spans(seed: int, count: int) -> None:
    table = table_of(random_states(seed, count))
    slowest = sorted((-own_time_us(table, row, NOW), table.ids[row], row) for row in range(count))
    assert jump(table, "slowest", TOP, NOW) == [row for own, _, row in slowest if own < 0][:MOST_RANKED]
    dearest = sorted((-table.own(row).cost_nano, table.ids[row], row) for row in range(count))
    assert jump(table, "dearest", TOP, NOW) == [row for cost, _, row in dearest if cost < 0][:MOST_RANKED]


def test_own_time_is_that_in_which_no_child_was_open() -> None:
    table = table_of(
        [
            state(1, None, start=0, end=100),
            state(2, 1, start=10, end=40),
            state(3, 1, start=30, end=60),
            state(4, 1, start=90, end=150),
            state(5, 1, start=200, end=210),
        ]
    )
    assert [own_time_us(table, row, NOW) for row in range(5)] == [40, 30, 30, 60, 10]


def test_the_critical_path_goes_from_the_end_backwards_through_what_ended_last() -> None:
    table = table_of(
        [
            state(1, None, start=0, end=100),
            state(2, 1, start=10, end=40),
            state(3, 1, start=30, end=60),
            state(4, 3, start=35, end=80),
            state(5, 1, start=110, end=120),
        ]
    )
    path = critical_path(table, as_sent(table), NOW, 10)
    # 4 outlives its parent: nobody waited for that; 2 was still going on when 3 began
    assert path.parts == {0: [(60, 100), (0, 30)], 2: [(30, 35)], 3: [(35, 60)]}
    assert (path.spans, path.length_us, path.left_out_us) == (3, 100, 0)
    longest = critical_path(table, as_sent(table), NOW, 1)
    assert (list(longest.parts), longest.spans, longest.left_out_us) == ([0], 3, 30)


@settings(max_examples=40, deadline=None)
@given(**RUNS)
def test_the_parts_of_the_critical_path_are_the_time_of_the_root_each_within_its_span(seed: int, count: int) -> None:
    table = table_of(random_states(seed, count))
    path = critical_path(table, as_sent(table), NOW, count)
    parts = sorted((begin, end, row) for row, each in path.parts.items() for begin, end in each)
    assert all(end == begin for (_, end, _), (begin, _, _) in itertools.pairwise(parts))
    for begin, end, row in parts:
        assert table.starts[row] <= begin < end <= as_sent(table).end(row, NOW)
    assert path.length_us == sum(end - begin for begin, end, _ in parts)


def naive_lanes(table: SpanTable) -> dict[int, int]:
    """The first lane below the parent's in which no frame is left, spans taken by their starts."""
    order = [row for row in pre_order(table) if row != TOP]
    starts: dict[int, int] = {}
    for row in order:
        starts[row] = max(table.starts[row], starts.get(table.up[row], 0))
    lanes: dict[int, int] = {}
    until: dict[int, int] = {}
    for row in sorted(order, key=starts.__getitem__):
        lane = lanes.get(table.up[row], -1) + 1
        while until.get(lane, 0) > starts[row]:
            lane += 1
        lanes[row] = lane
        end = STILL if table.flags[row] & RUNNING else max(starts[row], as_sent(table).end(row, NOW))
        until[lane] = end
    return lanes


@settings(max_examples=40, deadline=None)
@given(**RUNS, begin=st.integers(1_000, 1_070), span=st.integers(1, 80), width=st.integers(1, 200))
def test_any_window_of_the_flame_graph_holds_what_the_whole_has_there(
    seed: int, count: int, begin: int, span: int, width: int
) -> None:
    table = table_of(random_states(seed, count))
    layout = layout_of(table)
    assert dict(enumerate(layout.lane_of)) == naive_lanes(table)
    assert all(layout.lane_of[row] > layout.lane_of[table.up[row]] for row in range(count) if table.up[row] != TOP)
    end = begin + span
    half = len(layout.lanes) // 2
    found = [
        frame
        for first, lanes in ((0, half), (half, len(layout.lanes)))
        for frame in flame_window(layout, FlameWanted(begin, end, width, first, lanes, NOW))
    ]
    assert found == flame_window(layout, FlameWanted(begin, end, width, 0, 1_000, NOW)), "lane by lane, or at once"
    for number, lane in enumerate(layout.lanes):
        there = [
            (lane.starts[at], lane.ends[at], row, bool(table.flags[row] & ERROR))
            for at, row in enumerate(lane.rows)
            if lane.ends[at] >= begin and lane.starts[at] <= end
        ]
        frames = [frame for frame in found if frame.lane == number]
        assert sum(frame.spans for frame in frames) == len(there)
        for frame in frames:
            within, there = there[: frame.spans], there[frame.spans :]
            assert (frame.start, frame.end, frame.row) == (within[0][0], within[-1][1], within[0][2])
            assert frame.errors == sum(failed for *_, failed in within)


def test_what_is_narrow_is_one_frame_but_errors_stay_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    spans = [state(at, 1, start=at * 20, end=at * 20 + 19) for at in range(2, 10_002)]
    for failed in (5_000, 5_001):
        spans[failed - 2]["status"] = "error"
    spans += [state(1, None, start=0, end=201_000), state(60_000, 1, start=220_000, end=240_000)]
    layout = layout_of(table_of(spans))
    whole = flame_window(layout, FlameWanted(0, 240_000, 200, 0, 10, NOW))
    assert [(frame.lane, frame.spans, frame.errors) for frame in whole] == [
        (0, 1, 0), (1, 4_918, 0), (1, 120, 2), (1, 4_962, 0), (1, 1, 0),
    ]  # fmt: skip
    near = flame_window(layout, FlameWanted(99_900, 100_100, 1_000, 0, 10, NOW))
    assert [frame.spans for frame in near] == [1] * 12
    monkeypatch.setattr(flame_module, "MOST_FRAMES", 500)
    wide = flame_window(layout, FlameWanted(0, 240_000, 4_000_000, 0, 10, NOW))
    assert len(wide) <= 500
    assert sum(frame.spans for frame in wide) == 10_002


def test_no_depth_and_no_width_is_too_much() -> None:
    deep = table_of([state(span, span - 1 or None, start=span, end=9_000 - span) for span in range(1, 3_001)])
    assert len(layout_of(deep).lanes) == 3_000
    assert critical_path(deep, as_sent(deep), NOW, 5_000).spans == 3_000
    assert jump(deep, "slowest", TOP, NOW)[0] == 2_999
    wide = table_of([state(1, None, start=0, end=NOW), *(state(at, 1, start=5, end=6) for at in range(2, 5_002))])
    assert len(layout_of(wide).lanes) == 5_001, "all at once"
    assert critical_path(wide, as_sent(wide), NOW, 5).length_us == NOW


def test_a_path_of_many_parts_says_what_was_left_out() -> None:
    spans = [state(at, 1, start=at * 10, end=at * 10 + 9) for at in range(2, 102)]
    table = table_of([state(1, None, start=0, end=2_000), state(200, 1, start=1_900, end=1_950), *spans])
    path = critical_path(table, as_sent(table), NOW, 2)
    # the root has a part between any two of its children: more than two spans may have together, but it comes whole
    assert [len(parts) for parts in path.parts.values()] == [102]
    assert path.left_out_us == path.length_us - sum(end - begin for begin, end in path.parts[0])
    assert path.spans == 102
