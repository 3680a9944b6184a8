"""LLM calls within LLM calls: only the innermost count, in whatever order all of it arrives."""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING

import orjson
import pytest
import redis

from spantail_exporters.model.rules.wrapping import has_account, wrappers
from tests.integration.exporters.test_append import Writing, change

if TYPE_CHECKING:
    from spantail_exporters.model.changes import Change

WRAPPER, GROUP, CALL = 2, 3, 4
TOLD_TWICE = "0 0 10 5 700 openai\n"


@pytest.fixture
def writing(redis_url: str) -> Writing:
    return Writing(redis_url)


def _changes() -> list[Change]:
    return [
        change(1, None, "ok"),
        change(WRAPPER, 1, "ok", account=TOLD_TWICE, kind="llm_call"),
        change(GROUP, WRAPPER, "ok"),
        change(CALL, GROUP, "ok", account=TOLD_TWICE, kind="llm_call"),
    ]


def _sums(writing: Writing) -> dict[str, str]:
    return {
        name: value for name, value in writing.run().meta.items() if name.startswith("b:openai:") and int(value) != 0
    }


ONCE = {"b:openai:calls": "1", "b:openai:input": "10", "b:openai:output": "5", "b:openai:nano": "700"}


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))), ids=str)
def test_the_innermost_call_counts_and_no_other(writing: Writing, order: tuple[int, ...]) -> None:
    changes = _changes()
    for place in order:
        writing.send(changes[place])
    assert _sums(writing) == ONCE
    assert writing.run().meta["ahead"] == "0"


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))), ids=str)
def test_in_one_batch_too(writing: Writing, order: tuple[int, ...]) -> None:
    changes = _changes()
    writing.send(*[changes[place] for place in order])
    assert _sums(writing) == ONCE


def test_what_is_told_again_of_a_wrapper_counts_nothing_either(writing: Writing) -> None:
    for one in _changes():
        writing.send(one)
    writing.send(change(WRAPPER, 1, "ok", rev=2, account="0 0 11 6 800 openai\n", kind="llm_call"))
    assert _sums(writing) == ONCE
    writing.send(change(CALL, GROUP, "ok", rev=2, account="0 0 12 7 900 openai\n", kind="llm_call"))
    assert _sums(writing)["b:openai:nano"] == "900"


def test_a_wrapper_that_is_replaced_in_the_batch_that_brings_its_call(writing: Writing) -> None:
    root, wrapper, group, call = _changes()
    writing.send(root, wrapper)
    again = change(WRAPPER, 1, "ok", rev=2, account="0 0 11 6 800 openai\n", kind="llm_call")
    writing.send(again, call, group)
    assert _sums(writing) == ONCE


def test_two_calls_in_one_wrapper_count_both(writing: Writing) -> None:
    for one in _changes():
        writing.send(one)
    writing.send(change(5, WRAPPER, "error", account="1 0 0 0 0 openai\n", kind="llm_call"))
    assert _sums(writing) == {**ONCE, "b:openai:calls": "2", "b:openai:errors": "1"}


def test_a_call_that_still_runs_makes_no_wrapper(writing: Writing) -> None:
    root, wrapper, _, _ = _changes()
    writing.send(root, wrapper, change(CALL, WRAPPER, "running", kind="llm_call"))
    assert _sums(writing) == ONCE
    writing.send(change(CALL, WRAPPER, "ok", account=TOLD_TWICE, kind="llm_call"))
    assert _sums(writing) == ONCE


def test_a_wrapper_of_a_span_that_comes_later_than_its_call_and_others(writing: Writing) -> None:
    early, other_wrapper, other_group = 5, 6, 7
    writing.send(change(CALL, GROUP, "ok", account=TOLD_TWICE, kind="llm_call"))
    writing.send(
        change(GROUP, 1, "ok"),
        change(1, None, "ok"),
        change(other_wrapper, 1, "ok", account=TOLD_TWICE, kind="llm_call"),
        change(early, other_group, "ok", account=TOLD_TWICE, kind="llm_call"),
    )
    assert writing.run().meta["ahead"] == "1"
    writing.send(change(other_group, other_wrapper, "ok"))
    assert _sums(writing)["b:openai:calls"] == "2"
    assert writing.run().meta["ahead"] == "0"


def test_trees_in_parts_of_any_size_and_order(writing: Writing) -> None:
    for seed in range(60):
        pick = random.Random(seed)
        tree = [(span, pick.choice([span - 1, pick.randrange(span)]) or None, pick.random() < 0.4)
                for span in range(1, 25)]  # fmt: skip
        changes = [
            change(span, parent, "ok", account=TOLD_TWICE if is_call else "", kind="llm_call" if is_call else "span")
            for span, parent, is_call in tree
        ]
        states = {one.span_id: orjson.loads(one.events[-1]) for one in changes}
        counted = {name for name, state in states.items() if has_account(state)} - wrappers(states)
        pick.shuffle(changes)
        while changes:
            size = pick.randrange(1, 10)
            writing.send(*changes[:size])
            changes = changes[size:]
        assert _sums(writing).get("b:openai:calls", "0") == str(len(counted)), seed
        with redis.Redis.from_url(writing.url) as client:
            client.flushdb()


def test_calls_above_each_other_in_a_circle_end(writing: Writing) -> None:
    writing.send(change(1, None, "ok"))
    writing.send(change(2, 3, "ok", account=TOLD_TWICE, kind="llm_call"))
    writing.send(change(3, 2, "ok", account=TOLD_TWICE, kind="llm_call"))
    writing.send(change(4, 4, "ok", account=TOLD_TWICE, kind="llm_call"))
    assert int(_sums(writing)["b:openai:calls"]) == 2  # one of the circle, and the one that is its own parent


@pytest.mark.parametrize("order", list(itertools.permutations(((2, 3), (3, 4), (4, 2)))))
@pytest.mark.parametrize("calls", [(2, 3, 4), (2, 4), (3,)])
@pytest.mark.parametrize("at_once", [False, True])
def test_of_the_calls_in_a_circle_one_counts(
    writing: Writing, order: tuple[tuple[int, int], ...], calls: tuple[int, ...], *, at_once: bool
) -> None:
    changes = [
        change(
            span,
            parent,
            "ok",
            account=TOLD_TWICE if span in calls else "",
            kind="llm_call" if span in calls else "span",
        )
        for span, parent in order
    ]
    for batch in [changes] if at_once else [[one] for one in changes]:
        writing.send(*batch)
    assert _sums(writing) == ONCE


def test_a_run_without_calls_has_no_marks(writing: Writing) -> None:
    writing.send(change(1, None, "ok"), change(2, 1, "ok"))
    assert "ahead" not in writing.run().meta


def test_a_span_above_that_only_has_an_attribute_of_that_name_is_no_wrapper(writing: Writing) -> None:
    plain = change(WRAPPER, 1, "ok")
    words = plain.events[-1].replace(b'"attributes":{}', b'"attributes":{"app":1,"kind":"llm_call"}')
    assert words != plain.events[-1]
    writing.send(change(1, None, "ok"), plain._replace(events=[words]))
    writing.send(change(CALL, WRAPPER, "ok", account=TOLD_TWICE, kind="llm_call"))
    assert _sums(writing) == ONCE


AGENT, INNER = 6, 7
AROUND = b',"account":{"backend":"openai","tokens":{"input":10,"output":5},"cost_nano":700},"attributes":{'


def _around(span: int = AGENT, parent: int = 1, rev: int = 1) -> Change:
    """A span that is no call, and tells what the calls within it came to."""
    plain = change(span, parent, "ok", rev=rev)
    sent = plain.events[-1].replace(b',"attributes":{', AROUND)
    assert b'"kind":"span"' in sent
    assert sent != plain.events[-1]
    return plain._replace(events=[sent], account=TOLD_TWICE)


def test_a_span_that_alone_tells_what_its_calls_cost_counts(writing: Writing) -> None:
    writing.send(change(1, None, "ok"), _around())
    assert _sums(writing) == ONCE
    writing.send(change(1, None, "ok"), _around())  # sent again
    writing.send(_around(rev=2))  # and once more, as a newer state
    assert _sums(writing) == ONCE


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))), ids=str)
@pytest.mark.parametrize("together", [False, True], ids=["one by one", "in one batch"])
def test_a_span_around_calls_that_are_told_counts_nothing(
    writing: Writing, order: tuple[int, ...], *, together: bool
) -> None:
    sent = [
        change(1, None, "ok"),
        _around(),
        change(INNER, AGENT, "ok"),
        change(CALL, INNER, "ok", account="0 0 8 4 600 openai\n", kind="llm_call"),
    ]
    changes = [sent[place] for place in order]
    for batch in [changes] if together else [[one] for one in changes]:
        writing.send(*batch)
    right = {"b:openai:calls": "1", "b:openai:input": "8", "b:openai:output": "4", "b:openai:nano": "600"}
    assert _sums(writing) == right
    for again in changes:
        writing.send(again)
    writing.send(_around(rev=2))
    assert _sums(writing) == right


def test_of_spans_around_each_other_the_inner_one_counts(writing: Writing) -> None:
    for one in (change(1, None, "ok"), _around(), _around(INNER, AGENT)):
        writing.send(one)
    assert _sums(writing) == ONCE


def test_a_final_state_that_is_no_call_takes_back_what_the_one_before_counted(writing: Writing) -> None:
    call = change(CALL, 1, "ok", account=TOLD_TWICE, kind="llm_call")
    plain = change(CALL, 1, "ok", rev=2)
    writing.send(change(1, None, "ok"), call)
    writing.send(plain)
    assert _sums(writing) == {}
    writing.send(change(CALL, 1, "ok", rev=3, account=TOLD_TWICE, kind="llm_call"))
    assert _sums(writing) == ONCE
    writing.send(change(INNER, 1, "ok", account=TOLD_TWICE, kind="llm_call"), change(INNER, 1, "ok", rev=2))
    assert _sums(writing) == ONCE
