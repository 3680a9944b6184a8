"""Runs that Redis does not have yet, and several runs at once: what is left out must not be missing."""

from __future__ import annotations

import pytest
import redis

from spantail_exporters.model import keys
from spantail_exporters.model.keys import run_keys
from spantail_exporters.model.run_script import index_commands_of, parse_reply
from tests.integration.exporters.test_append import RUN, Writing, change

ACCOUNT = "0 0 10 5 700 openai\n"


@pytest.fixture
def writing(redis_url: str) -> Writing:
    return Writing(redis_url)


def test_a_run_told_at_once_is_the_same_as_one_told_step_by_step(writing: Writing) -> None:
    changes = [
        change(1, None, "ok"), change(2, 1, "ok", account=ACCOUNT, kind="llm_call"),
        change(3, 2, "error", account="1 1 0 0 0 openai\nanthropic", kind="llm_call"), change(4, 9, "ok"),
    ]  # fmt: skip
    writing.send(*changes, drops={"queue_full": 2})
    at_once = writing.run()
    with redis.Redis.from_url(writing.url) as client:
        client.flushall()
    writing.send(changes[0], drops={"queue_full": 2}, seq=100)
    for number, one in enumerate(changes[1:], 101):
        writing.send(one, seq=number)
    steps = writing.run()
    assert at_once.spans == steps.spans

    def counted(meta: dict[str, str]) -> dict[str, str]:
        return {name: value for name, value in meta.items() if not name.startswith("w:") and value != "0"}

    assert counted(at_once.meta) == counted(steps.meta)
    assert at_once.meta["drop:queue_full"] == "2"


def test_what_stands_in_the_head_before_the_first_span_is_added_to(writing: Writing) -> None:
    meta = run_keys(RUN).meta
    with redis.Redis.from_url(writing.url) as client:
        client.hset(meta, mapping={"pinned": "1", "drop:queue_full": "5"})
        writing.send(change(1, None, "ok"), drops={"queue_full": 2})
        assert client.hget(meta, "drop:queue_full") == b"7"
        assert client.ttl(meta) == -1


def test_a_state_that_is_in_the_way_is_no_state_of_the_new_run(writing: Writing) -> None:
    writing.send(change(1, None, "ok", rev=7, account=ACCOUNT, kind="llm_call"))
    with redis.Redis.from_url(writing.url) as client:
        client.delete(run_keys(RUN).meta)
    writing.send(change(1, None, "ok", account=ACCOUNT, kind="llm_call"))
    run = writing.run()
    assert run.meta["b:openai:calls"] == "1"
    assert (run.meta["spans"], run.spans[f"{1:016x}"]["rev"]) == ("1", 1)


def test_the_index_learns_of_several_runs_in_one_step(redis_url: str) -> None:
    applied = parse_reply([4, 0, 1000, 10, 0, 1, b"running", b"search", 4])
    ended = applied._replace(settled=True, status="completed", operation="", next_seq=9)
    runs = {f"{number:032x}": ended if number % 2 else applied for number in range(1, 8)}
    with redis.Redis.from_url(redis_url) as client:
        for command in index_commands_of(runs):
            client.execute_command(*command)
        open_runs = {one.decode() for one in client.smembers(keys.RUNS_OPEN)}
        assert open_runs == {run_id for run_id, one in runs.items() if not one.settled}
        assert client.zcard(keys.RUNS_RECENT) == len(runs)
        held = client.hgetall(keys.RUNS_FACTS)
        assert held[b"%032x" % 1].startswith(b"1000 9 10 completed")
        older = index_commands_of({f"{1:032x}": applied, f"{8:032x}": applied})
        assert client.execute_command(*older[0]) == 1  # what is held of the first is newer
        assert client.hget(keys.RUNS_FACTS, f"{1:032x}") == held[b"%032x" % 1]
    assert index_commands_of({}) == []
