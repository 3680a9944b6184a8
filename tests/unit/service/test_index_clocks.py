"""The clocks of a whole run, from its index: those that its snapshot says are wrong."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spantail_service.runs.clock_skew import Skews, SpanTimes, estimate, sender_of
from spantail_service.trace_windows.clocks import ALL_RIGHT, row_clocks
from spantail_service.trace_windows.span_row import changed_row
from tests.unit.service.test_trace_windows import state, table_of, told_one_by_one

if TYPE_CHECKING:
    from spantail_service.trace_windows.span_row import SpanRow
    from spantail_service.trace_windows.span_table import SpanTable

S = 1_000_000
SENDERS: tuple[dict[str, str], ...] = (
    {"service": "shop", "runner": "one:1:2"},
    {"service": "shop", "runner": "two:1:2"},
    {"service": "shop", "runner": "two:7:8"},
    {"service": "bank"},
    {"service": "mail"},
    {},
)


def as_the_snapshot_reads(each: dict[str, Any]) -> SpanTimes:
    service, host = sender_of(each.get("service"), each.get("runner"))
    parent = each["parent_id"]
    return SpanTimes(
        each["span_id"].encode(), parent.encode() if parent else None, each["start"], each["end"], service, host,
        host or service, each.get("span_kind") == "consumer",
    )  # fmt: skip


def oracle(states: list[dict[str, Any]]) -> Skews:
    return estimate({each["span_id"].encode(): as_the_snapshot_reads(each) for each in states})


def shifted_states(seed: int, count: int) -> list[dict[str, Any]]:
    """Calls within calls, some of them on clocks that are seconds off; parents may be missing or in a circle."""
    chance = random.Random(seed)
    shifts = [0, *(chance.choice((0, 1, -1)) * chance.randrange(2, 90) * S for _ in SENDERS[1:])]
    states: list[dict[str, Any]] = []
    begins = {0: (100 * S, 500_000)}
    for span in range(1, count + 1):
        parent = chance.choice((None, *range(max(1, span - 6), span), count + 5, min(count, span + 3)))
        begin, length = begins.get(parent or 0, begins[0])
        begin, length = begin + chance.randrange(length // 2 + 1), length // 2
        begins[span] = begin, length
        of = chance.randrange(len(SENDERS))
        kind = {"span_kind": "consumer"} if chance.random() < 0.1 else {}
        start = begin + shifts[of]
        end = None if chance.random() < 0.05 else start + length
        status = "ok" if end else "running"
        states.append(state(span, parent, start=start, end=end, status=status, **SENDERS[of], **kind))
    return states


def marks(table: SpanTable) -> dict[int, int]:
    clocks = row_clocks(table)
    found = {span: clocks.of(table, row) for span, row in table.rows.items()}
    return {span: skew for span, skew in found.items() if skew is not None}


@pytest.mark.parametrize("telling", [table_of, told_one_by_one])
@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 100_000), count=st.integers(1, 60))
def test_the_index_and_the_snapshot_find_the_same_clocks_wrong_in_whatever_order(
    telling: Any, seed: int, count: int
) -> None:
    states = shifted_states(seed, count)
    skews = oracle(states)
    random.Random(seed + 1).shuffle(states)
    assert oracle(states) == skews, "the order in which a run is read does not matter"
    table = telling(states)
    assert row_clocks(table).skews == skews
    clock_of = {int(each["span_id"], 16): as_the_snapshot_reads(each).clock for each in states}
    known = {span: skews.by_clock[clock] for span, clock in clock_of.items() if clock in skews.by_clock}
    assert marks(table) == known


def test_one_clock_is_not_looked_at_and_an_event_that_says_less_leaves_a_span_with_its_sender() -> None:
    root = state(1, None, start=100 * S, end=101 * S, service="shop")
    call = state(2, 1, start=91 * S, end=91 * S + 500_000, service="bank")
    table = table_of([root, call])
    assert marks(table) == {2: -9_250_000}
    assert table.copied().known_senders == table.known_senders
    table.put(changed(call | {"rev": 2, "service": None}))
    assert marks(table) == {2: -9_250_000}
    table.put(changed(call | {"rev": 3, "service": "shop"}))
    assert marks(table) == {}
    same_host = [each | {"runner": "one:1:2"} for each in (root, call)]
    assert row_clocks(table_of(same_host)) is ALL_RIGHT
    assert row_clocks(table_of([])) is ALL_RIGHT


def changed(each: dict[str, Any]) -> SpanRow:
    row = changed_row(each)
    assert row is not None
    return row
