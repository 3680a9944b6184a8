"""Clocks that do not go with the root's, estimated from where spans stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spantail_service.runs.clock_skew import (
    NONE,
    Clocks,
    Skews,
    SpanTimes,
    estimate,
    estimate_in_steps,
    marked,
    times_of,
)
from tests.integration.service.harness import RUN, START, state
from tests.support.runs.loops import SHAPES, Shape, span_id

if TYPE_CHECKING:
    from collections.abc import Iterable

S = 1_000_000


def times(number: int, parent: int | None, at: int, took: int | None, service: str = "a", **more: Any) -> SpanTimes:
    """A span's times; `at` and `took` in microseconds."""
    host = more.pop("host", None)
    name = orjson.dumps(service)
    end = None if took is None else START + at + took
    above = None if parent is None else f"{parent:016x}".encode()
    return SpanTimes(f"{number:016x}".encode(), above, START + at, end, name, host, host or name, **more)


def skews_of(spans_by_id: Iterable[SpanTimes]) -> dict[str, int]:
    found = estimate({one.span_id: one for one in spans_by_id})
    return {str(one.as_json()["service"]): one.skew_us for one in found.found}


@pytest.mark.parametrize("shift", [5 * S, -5 * S, 3_600 * S, -86_400 * S])
def test_a_shifted_service_is_put_in_the_middle_of_its_parent(shift: int) -> None:
    spans = [
        times(1, None, 0, 1_000_000),
        times(2, 1, 100_000, 300_000),
        times(3, 2, 150_000 + shift, 200_000, "b"),  # 50 ms there, 50 ms back
        times(4, 3, 160_000 + shift, 100_000, "b"),
    ]
    skews = estimate({one.span_id: one for one in spans})
    assert [(one.skew_us, one.spans) for one in skews.found] == [(shift, 2)]


def test_many_calls_bound_it_more_closely() -> None:
    shift = 7 * S
    spans = [
        times(1, None, 0, 10 * S),
        times(2, 1, 1 * S + shift, 1 * S, "b"),
        times(3, None, 20 * S, 100_000),  # a short parent says more
        times(4, 3, 20 * S + 10_000 + shift, 80_000, "b"),
    ]
    assert abs(skews_of(spans)["b"] - shift) <= 10_000


def test_a_clock_behind_a_wrong_one_is_held_against_what_that_one_should_say() -> None:
    spans = [
        times(1, None, 0, 100_000),
        times(2, 1, 10_000 + 9 * S, 80_000, "b"),
        times(3, 2, 20_000, 60_000, "c"),  # right, though it lies 9 s before its parent
        times(4, 2, 30_000 - 4 * S, 40_000, "d"),
    ]
    assert skews_of(spans) == {"b": 9 * S, "d": -4 * S}


def test_it_is_told_by_host_where_processes_are_known() -> None:
    spans = [
        times(1, None, 0, 100_000, "web", host=b"one"),
        times(2, 1, 10_000 + 9 * S, 80_000, "web", host=b"two"),
        times(3, 2, 20_000 + 9 * S, 60_000, "db", host=b"two"),
        times(4, 1, 10_000, 80_000, "other", host=b"one"),
    ]
    found = estimate({one.span_id: one for one in spans}).found
    assert [one.as_json() for one in found] == [
        {"service": service, "host": "two", "skew_us": 9 * S, "spans": 1} for service in ("db", "web")
    ]


def test_what_is_no_skew() -> None:
    root = times(1, None, 0, 100_000)
    assert skews_of([root, times(2, 1, 10 * S, 5_000)]) == {}, "one process has one clock"
    assert skews_of([root, times(2, 1, 150_000, 50_000, "b")]) == {}, "less than the parent's length outside"
    assert skews_of([root, times(2, 1, -900, 50, "b"), times(3, 2, -1_700, 10, "c")]) == {}, "a clock's resolution"
    assert skews_of([root, times(2, 1, 60 * S, 5_000, "b", is_consumer=True)]) == {}, "a message that waited"
    assert skews_of([root, times(2, 1, 10_000, 60 * S, "b")]) == {}, "it outlives who called it"
    assert skews_of([root, times(2, 1, 10_000, 50_000, "b"), times(3, 1, 9 * S, 50_000, "b")]) == {}, "one fits"
    waited = [times(2 + n, 1, (n + 1) ** 2 * S, 5_000, "b") for n in range(3)]
    assert skews_of([root, *waited]) == {}, "late by very different times"
    assert skews_of([times(1, None, 0, None), times(2, 1, 10 * S, 5_000, "b")]) == {}, "its parent goes on"
    assert skews_of([times(2, 99, 10 * S, 5_000, "b"), root]) == {}, "its parent is not here"


def test_what_a_longer_child_says() -> None:
    root = times(1, None, 0, 100_000)
    assert skews_of([root, times(2, 1, -9 * S, 5 * S, "b")]) == {"b": -9 * S}, "begun before its parent"
    assert skews_of([root, times(2, 1, -9 * S, None, "b")]) == {"b": -9 * S}, "and still running"


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_loops_and_missing_parents_do_no_harm(shape: Shape) -> None:
    for services in (1, 2, 3):
        spans_by_id = {
            span_id(number).encode(): times(number, parent or None, number * S, 5_000, f"s{number % services}")
            for number, parent in shape.spans
        }
        assert isinstance(estimate(spans_by_id), Skews)
    assert estimate({}) == NONE


@st.composite
def shifted_calls(draw: st.DrawFn) -> tuple[list[SpanTimes], dict[str, tuple[int, int]]]:
    """A tree of calls that all fit, then shifted by service; and per service its shift and the slack it leaves."""
    services = [f"s{n}" for n in range(draw(st.integers(2, 4)))]
    shifts = {name: draw(st.integers(-7_200, 7_200)) * 10 * S for name in services[1:]} | {services[0]: 0}
    true: list[tuple[int, int | None, int, int, str]] = [(1, None, 0, 1_000_000, services[0])]
    for number in range(2, draw(st.integers(3, 40))):
        above = true[draw(st.integers(0, len(true) - 1))]
        if above[3] < 10:
            continue
        begin = draw(st.integers(0, above[3] // 3))
        took = draw(st.integers(1, above[3] - begin))
        service = draw(st.sampled_from(services))
        true.append((number, above[0], above[2] + begin, took, service))
    spans_by_id = [times(n, up, at + shifts[service], took, service) for n, up, at, took, service in true]
    used = {one[4] for one in true}
    return spans_by_id, {name: (shifts[name], 1_000_000 + 1_000) for name in used}


@settings(max_examples=200, deadline=None)
@given(shifted_calls())
def test_a_shift_is_estimated_within_the_slack_of_its_parents(
    case: tuple[list[SpanTimes], dict[str, tuple[int, int]]],
) -> None:
    spans_by_id, shifts = case
    found = skews_of(spans_by_id)
    chain = len(shifts)
    for service, (shift, slack) in shifts.items():
        if abs(shift) >= 10 * S:
            assert abs(found.get(service, 0) - shift) <= slack * chain
        else:
            assert abs(found.get(service, 0)) <= slack * chain


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(
        st.integers(1, 30),
        st.tuples(st.integers(0, 35), st.integers(-10, 10), st.none() | st.integers(0, 10), st.integers(0, 3)),
        max_size=30,
    )
)
def test_whatever_is_told_is_estimated_without_harm(reported: dict[int, tuple[int, int, int | None, int]]) -> None:
    spans_by_id = {
        f"{number:016x}".encode(): times(number, parent or None, at * S, took and took * S, f"s{service}")
        for number, (parent, at, took, service) in reported.items()
    }
    skews = estimate(spans_by_id)
    assert all(skew != 0 for skew in skews.by_clock.values())
    assert sum(one.spans for one in skews.found) <= len(spans_by_id)


def test_it_is_made_in_small_steps() -> None:
    spans_by_id = {
        f"{n + 1:016x}".encode(): times(n + 1, n or None, n + (n % 2) * 9 * S, 40_000 - n, f"s{n % 2}")
        for n in range(20_000)
    }
    steps = 0
    for _ in estimate_in_steps(spans_by_id):
        steps += 1
    assert steps >= 10


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"end": START + 9, "name": 'a "quoted", "kind":"x" \\ name', "service": 'the "service"'},
        {"end": START + 9, "parent_id": "00f067aa0ba902b8", "event": 'my "event"'},
    ],
)
def test_a_stored_state_is_read_from_its_head(fields: dict[str, Any]) -> None:
    body = orjson.loads(state(RUN, **fields))
    for more in ({}, {"runner": "web-1:42:1795308000"}):
        attributes = body.pop("attributes", {})
        full = {**body, **more, "attributes": attributes}
        read = times_of(orjson.dumps(full))
        assert read is not None
        assert (read.start, read.end, read.span_id.decode()) == (full["start"], full["end"], full["span_id"])
        assert (read.parent_id or b"").decode() == (full["parent_id"] or "")
        assert orjson.loads(read.service or b"") == full["service"]
        assert read.host == (b"web-1" if more else None)
        assert read.clock == (read.host or read.service)


def test_fields_between_do_not_hide_the_service() -> None:
    body = orjson.loads(state(RUN, end=START + 9))
    service, attributes = body.pop("service"), body.pop("attributes")
    between = {**body, "span_kind": "consumer", "flags": 1, "service": service, "attributes": attributes}
    behind = {**body, "service": service, "span_kind": "consumer", "attributes": attributes}
    for held in (between, behind):
        read = times_of(orjson.dumps(held))
        assert read is not None
        assert (read.service, read.is_consumer) == (b'"test"', True)
    assert times_of(b'{"rev":1}') is None


def test_several_clocks_are_seen() -> None:
    def seen(*sources: dict[str, Any]) -> bool:
        clocks = Clocks()
        for source in sources:
            body = orjson.loads(state(RUN, end=START + 9))
            body.pop("service"), body.pop("attributes")
            clocks.look([orjson.dumps({**body, **source, "attributes": {"service": "x"}})] * 2)
        return clocks.are_several

    web, other = {"service": "web"}, {"service": "other"}
    here, there = {"runner": "one:1:2"}, {"runner": "two:1:2"}
    assert not seen(web, web, {})
    assert not seen(web | here, other | here)
    assert seen(web, other)
    assert seen(web | here, web | there)
    assert seen(web, web | here)


def test_a_mark_is_one_field_more() -> None:
    held = state(RUN)
    assert marked(held, None) is held
    assert orjson.loads(marked(held, -5)) == {**orjson.loads(held), "clock_skew_us": -5}
