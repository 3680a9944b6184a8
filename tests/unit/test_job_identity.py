"""Ids of runs that wait: known to everybody who knows the run's id, and right where a trace wants them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from spantail_service.jobs.pending import ids_of
from spantail_service.jobs.queue.identity import new_run_id, root_span_id, wait_span_id
from spantail_service.reaper.abandonment import restored
from spantail_service.runs.meta import parse_run_id, parse_span_id

RUN_IDS = st.integers(1, 2**128 - 1).map(lambda number: f"{number:032x}")


def test_new_run_ids_are_run_ids_and_differ() -> None:
    made = {new_run_id() for _ in range(100)}
    assert len(made) == 100
    assert {parse_run_id(run_id) for run_id in made} == made


@given(RUN_IDS)
def test_span_ids_follow_from_the_run(run_id: str) -> None:
    root, wait = root_span_id(run_id), wait_span_id(run_id)
    assert (parse_span_id(root), parse_span_id(wait)) == (root, wait)
    assert root != wait
    assert root == root_span_id(run_id)


def test_a_trace_context_is_read_or_left_out() -> None:
    assert ids_of(f"00-{'a' * 32}-{'b' * 16}-01") == ("a" * 32, "b" * 16)
    assert ids_of("nothing") is None


def test_a_run_that_another_one_followed_is_not_restored() -> None:
    assert restored(b'{"status":"abandoned","abandoned":{"reason":"runner_died"}}') == b'{"status":"running"}'
    assert restored(b'{"status":"abandoned","abandoned":{"reason":"runner_died"},"retried_as":"f"}') is None
    assert restored(b'{"status":"abandoned","abandoned":{"reason":"lease_expired"}}') is None, "the queue took it"
