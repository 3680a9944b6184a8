"""The script that changes a run, on real Redis of both versions."""

from __future__ import annotations

import itertools
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest
import redis

from spantail_exporters.model.batch import Batch
from spantail_exporters.model.changes import Change, Changes
from spantail_exporters.model.keys import run_keys
from spantail_exporters.model.limits import Limits
from spantail_exporters.model.run_script import (
    SCRIPT,
    append_arguments,
    parse_reply,
    state_arguments,
)
from spantail_exporters.redis.writer import RedisWriter
from tests.support.runs.live_runs import StoredRun

RUN = "4bf92f3577b34da6a3ce929d0e0e4736"


def change(
    span: int, parent: int | None, status: str, *, rev: int = 1, start: int = 1000, span_events: int = 0,
    noted: int = 0, account: str = "", layers: list[dict[str, Any]] | None = None, kind: str = "span",
) -> Change:  # fmt: skip
    body = {
        "rev": rev, "status": status, "start": start, "noted": noted, "ts": start, "event": f"{kind}_{status}",
        "run_id": RUN, "span_id": f"{span:016x}", "parent_id": None if parent is None else f"{parent:016x}",
        "name": f"span {span}", "kind": "llm_call" if account else kind,
        "end": None if status == "running" else start + 10, **_told(account), "attributes": {},
    }  # fmt: skip
    sent = [orjson.dumps({**body, "event": f"note {n}", "noted": n}) for n in range(noted - span_events + 1, noted + 1)]
    return Change(
        f"{span:016x}", "" if parent is None else f"{parent:016x}", [*sent, orjson.dumps(body)], span_events, account,
        b"\n".join(orjson.dumps(layer) for layer in layers or ()),
    )  # fmt: skip


def _told(account: str) -> dict[str, Any]:
    """What a state says itself of what its account says: the script reads it from there when it is replaced."""
    if not account:
        return {}
    line, _, fallback_from = account.partition("\n")
    failed, unpriced, read, written, nano, backend = line.split(" ", 5)
    tokens = {name: int(number) for name, number in (("input", read), ("output", written)) if number != "0"}
    priced = unpriced == "0" and (failed == "0" or nano != "0")
    return {
        "backend": backend,
        **({"cost_nano": int(nano)} if priced else {}),
        **({"tokens": tokens} if tokens and (priced or unpriced == "1") else {}),
        **({"fallback_from": fallback_from} if fallback_from else {}),
    }


class Writing:
    """One writer of one run."""

    def __init__(self, url: str, name: str = "w", limits: Limits | None = None) -> None:
        self.url = url
        self.name = name
        self.limits = limits or Limits()
        self.sequence = itertools.count(1)

    def send(self, *changes: Change, seq: int | None = None, now_us: int = 5_000, **more: Any) -> Any:
        arguments = append_arguments(
            RUN, changes, writer=self.name, writer_seq=seq or next(self.sequence), now_us=now_us,
            limits=self.limits, **more,
        )  # fmt: skip
        return self.call(arguments)

    def call(self, arguments: list[bytes | str | int]) -> Any:
        with redis.Redis.from_url(self.url) as client:
            client.script_load(SCRIPT)
            return parse_reply(client.execute_command("EVALSHA", *arguments))

    def run(self) -> StoredRun:
        return StoredRun(self.url, RUN)


@pytest.fixture
def writing(redis_url: str) -> Writing:
    return Writing(redis_url)


def test_a_run_starts_at_zero_and_has_no_holes(writing: Writing) -> None:
    assert writing.send(change(1, None, "running")).next_seq == 1
    assert writing.send(change(2, 1, "running"), change(3, 1, "ok")).next_seq == 3
    run = writing.run()
    assert run.first == 0
    assert [e["span_id"][-1] for e in run.events] == ["1", "2", "3"]
    assert (run.meta["open"], run.meta["spans"], run.meta["status"]) == ("2", "3", "running")
    assert "expected" not in run.meta


def test_a_batch_sent_again_changes_nothing(writing: Writing) -> None:
    batch = (change(1, None, "running"), change(2, 1, "error", account="1 0 10 5 7 b\n"))
    first = writing.send(*batch, seq=1, drops={"queue_full": 3})
    before = writing.run()
    second = writing.send(*batch, seq=1, drops={"queue_full": 3})
    after = writing.run()
    assert (first.duplicate, second.duplicate) == (False, True)
    assert second.next_seq == first.next_seq
    assert (after.events, after.spans, after.meta) == (before.events, before.spans, before.meta)
    assert after.drops() == {"queue_full": 3}


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_winner_does_not_depend_on_the_order(writing: Writing, order: tuple[int, ...]) -> None:
    states = [
        change(1, None, "running", rev=1),
        change(1, None, "running", rev=2),
        change(1, None, "ok", rev=3),
    ]
    for position, i in enumerate(order):
        Writing(writing.url, f"writer {position}").send(states[i])
    run = writing.run()
    assert run.spans["0" * 15 + "1"]["rev"] == 3
    assert (run.meta["open"], run.meta["status"]) == ("0", "completed")
    assert [e["rev"] for e in run.events] == [r for n, r in enumerate(o + 1 for o in order)
                                             if r > max((o + 1 for o in order[:n]), default=0)]  # fmt: skip


def test_a_final_beats_a_start_of_any_revision(writing: Writing) -> None:
    writing.send(change(1, None, "ok", rev=1))
    assert writing.send(change(1, None, "running", rev=9)).next_seq == 1
    assert writing.send(change(1, None, "abandoned", rev=10)).next_seq == 1
    assert writing.run().spans["0" * 15 + "1"]["status"] == "ok"


def test_a_second_final_replaces_the_money_of_the_first(writing: Writing) -> None:
    writing.send(change(1, None, "running"))
    writing.send(change(2, 1, "error", rev=1, account="1 1 10 5 0 claude_cli\n"))
    writing.send(change(2, 1, "ok", rev=2, account="0 0 11 6 990000 claude_cli\nlangchain"))
    meta = writing.run().meta
    assert {k: v for k, v in meta.items() if k.startswith("b:") and v != "0"} == {
        "b:claude_cli:calls": "1",
        "b:claude_cli:input": "11",
        "b:claude_cli:output": "6",
        "b:claude_cli:nano": "990000",
        "b:langchain:fallbacks": "1",
    }


def test_a_start_and_an_end_in_one_batch(writing: Writing) -> None:
    writing.send(change(1, None, "running"), change(1, None, "ok", rev=2))
    run = writing.run()
    assert run.names() == ["span_running", "span_ok"]
    assert (run.meta["open"], run.meta["spans"], run.meta["expected"]) == ("0", "1", "2")


def test_span_events_are_told_once_whoever_brings_them(writing: Writing) -> None:
    writing.send(change(1, None, "running"))
    writing.send(change(1, None, "running", rev=2, span_events=2, noted=2))
    Writing(writing.url, "another").send(change(1, None, "ok", rev=3, span_events=3, noted=3))
    assert [n for n in writing.run().names() if n.startswith("note")] == ["note 1", "note 2", "note 3"]


def test_the_tail_is_capped_and_says_so(redis_url: str) -> None:
    writing = Writing(redis_url, limits=Limits(tail_cap=10))
    for n in range(1, 31):
        writing.send(change(n, None if n == 1 else 1, "running"), change(n + 100, 1, "running"))
    run = writing.run()
    assert run.first == int(run.meta["first"]) == 50
    assert len(run.events) == 10
    assert len(run.spans) == 60


def test_a_full_snapshot_counts_what_it_cannot_hold(redis_url: str) -> None:
    writing = Writing(redis_url, limits=Limits(span_cap=3))
    writing.send(*(change(n, 9, "running") for n in range(1, 6)))
    writing.send(change(9, None, "running"))  # the root always enters
    writing.send(change(1, 9, "ok", rev=2))  # and so does the end of a stored span
    run = writing.run()
    assert sorted(run.spans) == [f"{n:016x}" for n in (1, 2, 3, 9)]
    assert run.spans[f"{1:016x}"]["status"] == "ok"
    assert run.drops() == {"run_cap": 2}


def test_settling(writing: Writing) -> None:
    writing.send(change(1, None, "running"), change(2, 1, "running"))
    assert writing.run().expiry_s > 23 * 3600
    writing.send(change(1, None, "ok", rev=2))
    assert (writing.run().meta["status"], writing.run().meta.get("expected")) == ("completed", None)
    writing.send(change(2, 1, "ok", rev=2))
    run = writing.run()
    assert int(run.meta["expected"]) == run.next_seq == 4
    assert 5 * 3600 < run.expiry_s <= 6 * 3600
    writing.send(Change("", "", [b'{"ts":1,"event":"log"}']))  # a late line counts on
    assert int(writing.run().meta["expected"]) == 5


def test_a_run_state_that_is_not_final_holds_the_run_open(writing: Writing) -> None:
    writing.call(state_arguments(RUN, b'{"status":"queued"}', "queued", now_us=1))
    assert writing.run().meta["status"] == "queued"
    writing.send(change(1, None, "running"))
    writing.call(state_arguments(RUN, b'{"status":"running"}', "running", now_us=1))
    writing.send(change(1, None, "ok", rev=2))
    run = writing.run()
    assert (run.meta["status"], run.meta.get("expected")) == ("running", None)
    writing.call(state_arguments(RUN, b'{"status":"completed"}', "completed", now_us=1))
    run = writing.run()
    assert (run.meta["status"], run.meta["expected"]) == ("completed", "2")
    with redis.Redis.from_url(writing.url) as client:
        assert client.get(f"run:{{{RUN}}}") == b'{"status":"completed"}'


@pytest.mark.parametrize(
    ("status", "run_status"),
    [("ok", "completed"), ("error", "failed"), ("cancelled", "cancelled"), ("skipped", "completed"),
     ("abandoned", "abandoned")],
)  # fmt: skip
def test_the_run_goes_as_its_root(writing: Writing, status: str, run_status: str) -> None:
    writing.send(change(1, None, "running"), change(1, None, status, rev=2))
    assert writing.run().meta["status"] == run_status


def test_a_parentless_span_takes_the_root_from_an_orphan(writing: Writing) -> None:
    writing.send(change(5, 4, "ok", start=100))
    run = writing.run()
    assert (run.meta["root"], run.meta["root_orphan"]) == (f"{5:016x}", "1")
    assert "expected" not in run.meta, "a run whose root is missing does not settle at once"
    writing.send(change(4, 1, "ok", start=200))  # the parent comes, with a clock of its own
    assert writing.run().meta["root"] == f"{4:016x}"
    writing.send(change(1, None, "ok", start=300))
    run = writing.run()
    assert (run.meta["root"], run.meta["root_orphan"], run.meta["expected"]) == (f"{1:016x}", "0", "3")


def test_the_earliest_orphan_names_a_run_without_a_root(writing: Writing) -> None:
    for n, start in ((3, 300), (1, 100), (2, 200)):
        writing.send(change(n, 90 + n, "running", start=start))
    assert writing.run().meta["root"] == f"{1:016x}"


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))), ids=str)
@pytest.mark.parametrize("at_once", [False, True], ids=["one by one", "in one batch"])
def test_the_earliest_orphan_names_a_run_whatever_comes_first(
    writing: Writing, order: tuple[int, ...], *, at_once: bool
) -> None:
    """Its child's clock is fast, and the child's child comes from a third one."""
    spans = [change(2, 90, "ok", start=500), change(3, 2, "ok", start=100), change(4, 91, "ok", start=400),
             change(5, 3, "ok", start=300)]  # fmt: skip
    for batch in [order] if at_once else [(place,) for place in order]:
        writing.send(*(spans[place] for place in batch))
    run = writing.run()
    assert (run.meta["root"], run.meta["root_start"], run.meta["root_orphan"]) == (f"{4:016x}", "400", "1")
    writing.send(change(6, None, "ok", start=900))
    assert writing.run().meta["root"] == f"{6:016x}"


@pytest.mark.parametrize("order", list(itertools.permutations((1, 2, 3))), ids=str)
@pytest.mark.parametrize("above", [None, 90], ids=["roots", "orphans"])
@pytest.mark.parametrize("at_once", [False, True], ids=["one by one", "in one batch"])
def test_of_spans_that_begin_at_once_the_one_with_the_lowest_id_names_the_run(
    writing: Writing, order: tuple[int, ...], above: int | None, *, at_once: bool
) -> None:
    spans = [change(n, above, "error" if n == 1 else "ok", start=100) for n in order]
    for batch in [spans] if at_once else [[span] for span in spans]:
        writing.send(*batch)
    run = writing.run()
    assert (run.meta["root"], run.meta["root_status"]) == (f"{1:016x}", "error")


def test_large_states_are_not_gone_through_again_for_the_earliest_orphan(writing: Writing) -> None:
    large = change(4, 91, "ok", start=400)
    large = large._replace(
        events=[large.events[0].replace(b'"attributes":{}', b'"attributes":{"a":"%b"}' % (b"x" * 2**20))]
    )
    writing.send(change(3, 2, "ok", start=100))
    writing.send(large)
    with redis.Redis.from_url(writing.url) as client:
        client.config_resetstat()
        writing.send(change(2, 90, "ok", start=500))  # the ancestor of the earliest orphan: 4 may be the earliest now
        assert "cmdstat_hgetall" not in client.info("commandstats")
    assert writing.run().meta["root"] == f"{2:016x}"


def test_parents_in_a_circle_end(writing: Writing) -> None:
    writing.send(change(1, 2, "running"), change(2, 3, "running"), change(3, 1, "running"), change(7, 7, "running"))
    assert writing.run().meta["spans"] == "4"


def test_layers(writing: Writing) -> None:
    def entry(name: str, status: str, done: int | None = None) -> dict[str, Any]:
        return {"name": name, "status": status, "done": done, "total": None}

    odd = 'rank "best" \\ {"name":"x","status":"y"}'
    pending = [entry("fetch", "pending"), entry(odd, "pending"), entry("store", "pending")]
    writing.send(change(1, None, "running", layers=pending))
    writing.send(change(2, 1, "running", layers=[entry("fetch", "running", 1)]))
    writing.send(
        change(3, 1, "ok", layers=[entry(odd, "complete")]),
        change(4, 1, "ok", layers=[entry("new", "error")]),
    )
    writing.send(change(1, None, "running", rev=2, layers=pending))  # sent again, it forgets nothing
    assert writing.run().layers == [
        entry("fetch", "running", 1), entry(odd, "complete"), entry("store", "pending"), entry("new", "error"),
    ]  # fmt: skip


@pytest.mark.parametrize("part", ["buffer", "spans", "meta", "layers", "wraps", "sources"])
@pytest.mark.parametrize("begun", [False, True], ids=["a new run", "a run of a log line"])
def test_a_refused_call_leaves_no_trace(writing: Writing, part: str, *, begun: bool) -> None:
    key = getattr(run_keys(RUN), part)
    changes = [change(1, None, "running")]
    if part == "wraps":  # only a call is looked for there
        changes.append(change(2, 1, "ok", account="0 0 1 1 1 b\n"))
    elif part == "sources":
        changes = [changes[0]._replace(sources={"r:1": b"{}"})]
    with redis.Redis.from_url(writing.url) as client:
        if begun:
            writing.send(Change("", "", [b'{"ts":1,"event":"log"}']))
        client.delete(key)
        client.geoadd(key, (1, 1, "none of the types"))
        before = {name: client.dump(name) for name in client.keys("*")}
        for _ in range(2):
            with pytest.raises(redis.exceptions.ResponseError, match="WRONGTYPE"):
                writing.send(*changes)
        assert {name: client.dump(name) for name in client.keys("*")} == before


@pytest.mark.parametrize("kept", ["buffer", "spans", "layers", "wraps", "sources"])
def test_a_run_whose_head_was_evicted_begins_anew(writing: Writing, kept: str) -> None:
    names = run_keys(RUN)
    changes = (
        change(1, None, "running", layers=[{"name": "a", "status": "running"}])._replace(sources={"r:1": b"{}"}),
        change(2, 1, "ok", account="0 0 1 1 1 b\n"),
    )
    first = writing.send(*changes)
    with redis.Redis.from_url(writing.url) as client:
        client.delete(*(name for name in names if name != getattr(names, kept)))
        again = writing.send(change(3, None, "running"), known=(first.epoch, first.next_seq), now_us=6_000)
        assert (again.epoch, again.next_seq) == (6_000, 1)
        assert sorted(client.keys("*")) == sorted(name.encode() for name in (names.buffer, names.spans, names.meta))
    run = writing.run()
    assert [event["span_id"] for event in run.events] == list(run.spans) == [f"{3:016x}"]
    assert run.drops() == {"redis_lost": 2}


def test_who_has_no_right_to_the_channels_stores_all_the_same(redis_url: str) -> None:
    """A new user of Redis 7 may use no channel until somebody says so."""
    parts = urlsplit(redis_url)
    with redis.Redis.from_url(redis_url) as client:
        client.acl_setuser(
            "app", enabled=True, passwords=["+pw"], categories=["+@all"], keys=["*"], reset_channels=True
        )
        writer = RedisWriter(parts._replace(netloc="app:pw@").geturl())
        try:
            for number, status in enumerate(("running", "ok"), 1):
                batch = Batch(RUN, "w", number, Changes([change(1, None, status, rev=number)]), {})
                assert writer.write([batch]).refused == []
            assert StoredRun(redis_url, RUN).names() == ["span_running", "span_ok"]
            assert client.zscore("{runs:recent}:status:completed", RUN) == 1000
        finally:
            writer.close()
            client.acl_deluser("app")


def sources_of(writing: Writing) -> dict[bytes, bytes]:
    with redis.Redis.from_url(writing.url) as client:
        held: Any = client.hgetall(run_keys(RUN).sources)
        return dict(held)


def test_what_spans_come_from_stands_once(writing: Writing) -> None:
    one, other = {"r:a": b'{"n":1}', "s:b": b'{"n":2}'}, {"r:a": b'{"n":1}', "s:c": b'{"n":3}'}
    writing.send(change(1, None, "running")._replace(sources=one), change(2, 1, "ok")._replace(sources=other))
    assert sources_of(writing) == {b"r:a": b'{"n":1}', b"s:b": b'{"n":2}', b"s:c": b'{"n":3}'}
    writing.send(change(3, 1, "ok")._replace(sources={"r:a": b"{}", "s:d": b"{}"}), drops={"queue_full": 2})
    assert sources_of(writing) == {b"r:a": b'{"n":1}', b"s:b": b'{"n":2}', b"s:c": b'{"n":3}', b"s:d": b"{}"}
    run = writing.run()
    assert run.drops() == {"queue_full": 2}
    assert [event["span_id"] for event in run.events] == [f"{n:016x}" for n in (1, 2, 3)]
    with redis.Redis.from_url(writing.url) as client:
        assert 0 < client.ttl(run_keys(RUN).sources) <= 24 * 3600
        client.flushdb()
    writing.send(change(1, None, "ok", rev=2)._replace(sources=one))  # as any batch, it says what it speaks of
    assert sources_of(writing) == {b"r:a": b'{"n":1}', b"s:b": b'{"n":2}'}
    with redis.Redis.from_url(writing.url) as client:
        assert 0 < client.ttl(run_keys(RUN).sources) <= 6 * 3600


def test_a_run_keeps_200_resources_and_scopes(writing: Writing) -> None:
    for first in (0, 150):
        many = {f"r:{n}": b"{}" for n in range(first, first + 150)}
        writing.send(change(first + 1, None, "running")._replace(sources=many))
    assert sources_of(writing) == {b"r:%d" % n: b"{}" for n in range(200)}


def test_every_change_wakes_the_readers(writing: Writing) -> None:
    with redis.Redis.from_url(writing.url) as client, client.pubsub() as listener:
        listener.subscribe(f"run_logs:{{{RUN}}}")
        assert listener.get_message(timeout=5)["type"] == "subscribe"
        writing.send(change(1, None, "running"))
        assert listener.get_message(timeout=5)["data"] == b"1"


def test_a_thousand_events_in_one_call(writing: Writing) -> None:
    writing.send(*(change(n, None if n == 1 else 1, "running") for n in range(1, 9_001)))
    assert writing.run().next_seq == 9_000


@pytest.mark.parametrize("count", [20, 47, 90, 100, 130, 400, 900])
def test_a_large_batch_is_cut_into_entries_that_fill_their_memory(writing: Writing, count: int) -> None:
    sent = [change(n, None if n == 1 else 1, "running") for n in range(1, count + 1)]
    sent.insert(6, change(1, None, "running", rev=2, span_events=2, noted=2))
    assert writing.send(*sent).next_seq == count + 3
    assert writing.send(change(1, None, "ok", rev=3)).next_seq == count + 4
    run = writing.run()
    assert [int(event["span_id"], 16) for event in run.events] == [*range(1, 7), 1, 1, 1, *range(7, count + 1), 1]
    with redis.Redis.from_url(writing.url) as client:
        lines = sum(len(fields[b"b"]) for _, fields in client.xrange(f"logs:{{{RUN}}}:buffer"))
        taken = client.memory_usage(f"logs:{{{RUN}}}:buffer", samples=0)
    assert taken < 1.06 * lines + 5_500, "the first node of a stream is 4 KiB"


def test_a_large_batch_of_which_something_is_left_out_stays_whole(writing: Writing) -> None:
    writing.send(change(7, None, "ok", rev=2))
    writing.send(*(change(n, None, "running") for n in range(1, 101)))
    run = writing.run()
    assert [int(event["span_id"], 16) for event in run.events] == [7, *range(1, 7), *range(8, 101)]


def test_the_writer_loads_the_script_and_keeps_the_index(redis_url: str) -> None:
    writer = RedisWriter(redis_url)
    try:
        for round_ in range(2):
            batch = Batch(RUN, "w", round_ + 1, Changes([change(1, None, "running", rev=round_ + 1)]), {})
            assert writer.write([batch]).refused == []
            with redis.Redis.from_url(redis_url) as client:
                assert client.zrange("runs:recent", 0, -1, withscores=True) == [(RUN.encode(), 1000.0)]
                client.script_flush()
        with redis.Redis.from_url(redis_url) as client:
            client.set("logs:{bad}:buffer", "not a stream")
        bad = Batch("bad", "w", 3, Changes([change(1, None, "running")]), {})
        refused = writer.write([bad, Batch(RUN, "w", 4, Changes([change(2, 1, "ok")]), {})]).refused
        assert [(batch.run_id, "WRONGTYPE" in words) for batch, words in refused] == [("bad", True)]
        assert StoredRun(redis_url, RUN).next_seq == 3
    finally:
        writer.close()


def test_an_emptied_redis_gives_a_new_epoch_and_counts_the_loss_once(writing: Writing) -> None:
    first = writing.send(change(1, None, "running"), change(2, 1, "running"))
    known = (first.epoch, first.next_seq)
    with redis.Redis.from_url(writing.url) as client:
        client.flushall()
    again = writing.send(change(3, 1, "ok"), known=known, now_us=6_000)
    assert again.epoch != first.epoch
    assert again.next_seq == 1
    assert writing.run().drops() == {"redis_lost": 2}
    writing.send(change(4, 1, "ok"), known=(again.epoch, again.next_seq))
    other = Writing(writing.url, "another")
    other.send(change(5, 1, "ok"), known=(first.epoch, 5))  # it had seen more of the lost epoch
    other.send(change(6, 1, "ok"), known=(first.epoch, 4))
    assert writing.run().drops() == {"redis_lost": 5}


def test_a_failover_that_lost_the_last_writes_gives_a_new_epoch(writing: Writing) -> None:
    first = writing.send(change(1, None, "running"))
    second = writing.send(change(2, 1, "ok"), known=(first.epoch, 4), now_us=6_000)  # three more had been confirmed
    assert (second.epoch, second.next_seq) == (6_000, 2)
    run = writing.run()
    assert run.drops() == {"redis_lost": 3}
    assert run.meta["epoch"] == "6000"


@pytest.mark.parametrize("behind_us", [0, 1_000_000])
def test_what_is_lost_is_counted_once_whatever_the_clocks_say(writing: Writing, behind_us: int) -> None:
    one, another = Writing(writing.url, "one"), Writing(writing.url, "another")
    begun_us = 10_000_000
    logs = [Change("", "", [b'{"ts":1,"event":"log"}'])] * 100
    of_one = one.send(*logs, now_us=begun_us)
    of_another = another.send(logs[0], now_us=begun_us + 1_000)
    with redis.Redis.from_url(writing.url) as client:
        client.flushall()
    epochs = [of_one.epoch]
    for n in range(2, 5):
        now_us = begun_us + 1_000 * n
        of_another = another.send(
            logs[0], now_us=now_us - behind_us, known=(of_another.epoch, of_another.next_seq), confirmed=n - 1
        )
        of_one = one.send(logs[0], now_us=now_us, known=(of_one.epoch, of_one.next_seq), confirmed=n - 1)
        epochs += [of_another.epoch, of_one.epoch]
    assert epochs == sorted(epochs)
    assert len(set(epochs)) == 2, "one new epoch"
    assert writing.run().drops() == {"redis_lost": 101}


def test_what_a_writer_that_knew_nothing_stored_meanwhile_is_not_counted(writing: Writing) -> None:
    first = writing.send(change(1, None, "running"), change(2, 1, "running"), now_us=10_000)
    with redis.Redis.from_url(writing.url) as client:
        client.flushall()
    late = Writing(writing.url, "whose clock is behind")
    of_late = late.send(change(3, 1, "ok"), now_us=9_000)
    again = writing.send(change(4, 1, "ok"), now_us=11_000, known=(first.epoch, first.next_seq), confirmed=1)
    assert again.epoch == 11_000
    late.send(change(5, 1, "ok"), now_us=9_001, known=(of_late.epoch, of_late.next_seq), confirmed=1)
    run = writing.run()
    assert run.meta["epoch"] == "11000"
    assert run.drops() == {"redis_lost": 1}, "one number was taken again, and one is missing"


def test_a_clock_that_steps_back_between_calls_of_one_trip_counts_once(writing: Writing) -> None:
    first = writing.send(*(change(n, None if n == 1 else 1, "running") for n in range(1, 101)), now_us=5_000_000)
    with redis.Redis.from_url(writing.url) as client:
        client.flushall()
    known = (first.epoch, first.next_seq)
    writing.send(change(101, 1, "ok"), now_us=1_000_000, known=known, confirmed=1)
    for before in range(2, 5):
        writing.send(change(200 + before, 1, "ok"), now_us=1_000_000, known=known, after=before)
    run = writing.run()
    assert run.meta["epoch"] == "5000001"
    assert run.drops() == {"redis_lost": 100}


def test_more_stored_again_than_was_found_missing_is_no_loss_below_zero(writing: Writing) -> None:
    """Three events went with a failover; another writer stored five before anybody could see how many."""
    first = writing.send(change(1, None, "running"))
    Writing(writing.url, "another").send(*(change(n, 1, "ok") for n in range(2, 7)))
    writing.send(*(change(n, 1, "ok") for n in range(7, 10)), known=(first.epoch, 4), confirmed=4, seq=5,
                 drops={"redis_lost": -3})  # fmt: skip
    assert writing.run().drops() == {"redis_lost": 0}


def test_it_says_how_many_numbers_a_call_took(redis_url: str) -> None:
    writing = Writing(redis_url, limits=Limits(span_cap=2))
    assert writing.send(change(1, None, "running"), change(2, 1, "ok"), change(3, 1, "ok")).added == 2
    assert writing.send(change(2, 1, "running"), change(1, None, "running", rev=2, span_events=2, noted=2)).added == 3
    assert writing.send(change(1, None, "ok", rev=3), seq=2).added == 0, "a duplicate"
    assert writing.send(*(Change("", "", [b'{"ts":1,"event":"log","t":"' + b"x" * 999 + b'"}']),) * 99).added == 99


def test_what_a_writer_knows_changes_nothing_while_nothing_is_lost(writing: Writing) -> None:
    first = writing.send(change(1, None, "running"))
    Writing(writing.url, "another").send(change(2, 1, "ok"))
    third = writing.send(change(3, 1, "ok"), known=(first.epoch, first.next_seq))
    assert third.epoch == first.epoch
    assert writing.run().drops() == {}


def test_a_span_thought_dead_comes_back_and_the_run_is_corrected(writing: Writing) -> None:
    writing.send(change(1, None, "running"), change(2, 1, "running"))
    writing.send(change(1, None, "abandoned"), change(2, 1, "abandoned"))
    assert writing.run().meta["status"] == "abandoned"
    assert writing.send(change(1, None, "running", rev=9)).next_seq == 4, "only a revival brings it back"
    revived = change(1, None, "running", rev=2)
    revived = revived._replace(events=[revived.events[0].replace(b"span_running", b"span_revived")])
    writing.send(revived)
    run = writing.run()
    assert (run.meta["status"], run.meta["open"], run.meta["corrected"]) == ("running", "1", "1")
    assert run.names()[-1] == "span_revived"
    assert "expected" not in run.meta
    writing.send(change(2, 1, "ok", rev=2))  # an end needs no revival
    writing.send(change(1, None, "ok", rev=3))
    run = writing.run()
    assert (run.meta["status"], run.meta["corrected"], run.meta["expected"]) == ("completed", "2", "7")


def test_a_span_cannot_be_revived_by_its_name(writing: Writing) -> None:
    writing.send(change(1, None, "running"))
    writing.send(change(1, None, "abandoned"))
    fake = change(1, None, "running", rev=9)
    fake = fake._replace(events=[fake.events[0].replace(b'"span 1"', b'"x \\"event\\":\\"span_revived\\""')])
    assert writing.send(fake).next_seq == 2


def test_a_batch_sent_again_tells_the_index_again(redis_url: str) -> None:
    batch = Batch(RUN, "w", 1, Changes([change(1, None, "running")]), {})
    first, again = RedisWriter(redis_url), RedisWriter(redis_url)
    try:
        with redis.Redis.from_url(redis_url) as client:
            first.write([batch])
            client.delete("runs:recent", "runs:open")  # as if the reply, and with it the news, had been lost
            again.write([batch])
            assert client.zscore("runs:recent", RUN) == 1000
            assert client.sismember("runs:open", RUN)
    finally:
        first.close()
        again.close()


def test_runs_that_have_not_settled_are_indexed(redis_url: str) -> None:
    writer = RedisWriter(redis_url)
    try:
        with redis.Redis.from_url(redis_url) as client:
            writer.write([Batch(RUN, "w", 1, Changes([change(1, None, "running")]), {})])
            assert client.smembers("runs:open") == {RUN.encode()}
            writer.write([Batch(RUN, "w", 2, Changes([change(1, None, "ok", rev=2)]), {})])
            assert client.smembers("runs:open") == set()
            writer.write([Batch(RUN, "w", 3, Changes([change(2, 1, "running")]), {})])  # late, and open again
            assert client.smembers("runs:open") == {RUN.encode()}
    finally:
        writer.close()
