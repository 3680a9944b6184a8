"""Batches into a real Redis: several of a run in one trip, refusals in the middle, and what a dead writer knew."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import redis

from spantail_exporters.model import keys
from spantail_exporters.model.batch import Batch
from spantail_exporters.model.changes import Change, Changes
from spantail_exporters.model.heartbeat import LEASE_S
from spantail_exporters.model.limits import Limits
from spantail_exporters.redis.errors import Unavailable
from spantail_exporters.redis.writer import RedisWriter
from spantail_exporters.spool.adoption import adopt
from spantail_exporters.spool.spool import Spool
from tests.support.redis.faults import faulty_redis
from tests.support.runs.live_runs import StoredRun
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.redis.faults import FaultyRedis

RUN = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def writer(redis_url: str) -> Iterator[RedisWriter]:
    one = RedisWriter(redis_url)
    yield one
    one.close()


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as one:
        yield one


def batch(number: int, *, run_id: str = RUN, spoiled: bool = False) -> Batch:
    """A log line, or something that Redis refuses for good."""
    if spoiled:
        change = Change("00000000000000a1", "", [b'{"no":"head"}'])
    else:
        change = Change("", "", [orjson.dumps({"event": "log", "span_id": "", "message": f"{number}"})])
    return Batch(run_id, "w", number, Changes([change]), {})


def messages(url: str) -> list[str]:
    return [event["message"] for event in StoredRun(url, RUN).events]


def test_batches_of_one_run_need_one_trip(writer: RedisWriter, redis_url: str) -> None:
    writer.write([batch(1)])
    trips: list[int] = []
    held = writer._client.execute

    def counted(commands: Any) -> list[Any]:
        trips.append(len(commands))
        return held(commands)

    writer._client.execute = counted  # type: ignore[method-assign]
    sent = writer.write([batch(number) for number in range(2, 102)])
    assert trips == [100]
    assert sent.refused == []
    assert messages(redis_url) == [str(number) for number in range(1, 102)]


def test_none_overtakes_one_that_redis_has_no_room_for(
    writer: RedisWriter, client: redis.Redis, redis_url: str
) -> None:
    writer.write([batch(1)])
    held = writer._client.execute

    def room_comes_in_between(commands: Any) -> list[Any]:
        client.config_set("maxmemory", 1)
        replies = held(commands[:1])
        client.config_set("maxmemory", 0)
        return replies + held(commands[1:])

    writer._client.execute = room_comes_in_between  # type: ignore[method-assign]
    policy: Any = client.config_get("maxmemory-policy")["maxmemory-policy"]
    client.config_set("maxmemory-policy", "noeviction")
    try:
        with pytest.raises(Unavailable):
            writer.write([batch(2), batch(3), batch(4)])
    finally:
        client.config_set("maxmemory-policy", policy)
    assert messages(redis_url) == ["1"]
    writer._client.execute = held  # type: ignore[method-assign]
    writer.write([batch(2), batch(3), batch(4)])
    assert messages(redis_url) == ["1", "2", "3", "4"]


def test_one_that_is_refused_for_good_holds_up_none_behind_it(writer: RedisWriter, redis_url: str) -> None:
    bad = batch(2, spoiled=True)
    sent = writer.write([batch(1), bad, batch(3), batch(4)])
    assert [refused for refused, _ in sent.refused] == [bad]
    assert messages(redis_url) == ["1", "3", "4"]


def test_without_the_script_all_go_again(writer: RedisWriter, client: redis.Redis, redis_url: str) -> None:
    for first in (1, 11, 21):
        client.script_flush()
        writer.write([batch(number) for number in range(first, first + 10)])
    assert messages(redis_url) == [str(number) for number in range(1, 31)]


def test_it_says_how_many_numbers_each_stored_batch_took(redis_url: str) -> None:
    writer = RedisWriter(redis_url, limits=Limits(span_cap=1))
    try:
        late = Change("00000000000000a1", "00000000000000a0", [b'{"rev":1,"status":"ok","start":1,"noted":0,"ts":1}'])
        two = batch(1)._replace(changes=Changes([*batch(1).changes, late]))
        over = batch(3)._replace(changes=Changes([late._replace(span_id="00000000000000a2")] * 3))
        bad = batch(2, spoiled=True)
        assert writer.write([two, bad, over]).stored == [(two, 2), (over, 0)]
        assert writer.write([two]).stored == [(two, 2)], "a duplicate: nobody knows any more"
    finally:
        writer.close()


def test_the_index_learns_of_a_run_that_was_lost_though_the_clock_was_set_back(
    writer: RedisWriter, client: redis.Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun_us = time.time_ns() // 1000
    writer.write([batch(1), batch(2)])
    client.delete(*keys.run_keys(RUN))
    monkeypatch.setattr(time, "time_ns", lambda: (begun_us - 4_000_000) * 1000)
    writer.write([batch(3)])
    run = StoredRun(redis_url, RUN)
    fields = client.hget(keys.RUNS_FACTS, RUN)
    assert fields is not None
    assert fields.split()[:2] == [run.meta["epoch"].encode(), b"1"]
    assert run.drops() == {"redis_lost": 2}


# ---------------------------------------------------------------- the sign of life


def test_a_beat_whose_answer_was_lost_within_the_lease_is_no_death(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with faulty_redis(tmp_path) as server:
        writer = RedisWriter(server.url, timeout_s=0.2)
        try:
            assert not writer.beat("r").finish(), "there was no lease"
            assert writer.beat("r").finish()
            _beat_without_an_answer(writer, server)
            assert writer.beat("r").finish()
            _beat_without_an_answer(writer, server)
            now = time.monotonic()
            monkeypatch.setattr(time, "monotonic", lambda: now + LEASE_S)
            assert not writer.beat("r").finish(), "the lease may have run out before the one that was not answered"
            assert writer.beat("r").finish()
        finally:
            writer.close()


def _beat_without_an_answer(writer: RedisWriter, server: FaultyRedis) -> None:
    """Redis takes it when it goes on, and the writer is gone."""

    def last() -> Any:
        return server.change(lambda client: client.get(keys.runner("r")))

    before = last()
    with server.hanging(), pytest.raises(Unavailable):
        writer.beat("r").finish()
    eventually(lambda: last() != before)


def test_who_delivers_for_a_dead_writer_counts_what_redis_lost_of_it(
    writer: RedisWriter, client: redis.Redis, redis_url: str, tmp_path: Path
) -> None:
    writer.write([batch(1), batch(2)])
    before: dict[str, Any] = {key: client.dump(key) for key in keys.run_keys(RUN) if client.exists(key)}
    writer.write([batch(3), batch(4)])
    spool = Spool(tmp_path)
    assert spool.append(batch(5)._replace(known=writer.known(RUN)))
    spool.close()
    for key, value in before.items():  # set back to what it held
        client.restore(key, 0, value, replace=True)
    (left,) = adopt(tmp_path)
    heir = RedisWriter(redis_url)
    heir.write(left.peek(10, 1 << 20))
    heir.close()
    left.advance(1)
    left.close()
    run = StoredRun(redis_url, RUN)
    assert messages(redis_url) == ["1", "2", "5"]
    assert run.drops() == {"redis_lost": 2}
