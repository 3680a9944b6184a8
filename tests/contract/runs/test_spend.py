"""`GET /api/spend`: sums by day and backend that outlive the runs."""

from __future__ import annotations

import time
from datetime import date
from functools import partial
from typing import Any

import orjson
import pytest
from prometheus_client import generate_latest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from spantail_exporters.model import keys
from spantail_service.metrics import ServiceMetrics
from spantail_service.routes.runs import spend as spend_route
from spantail_service.runs.meta import SILENCE_US
from spantail_service.runs.spending import DIMENSIONS, Bookkeeper, day_of, spend_by_backend, spend_of_days
from spantail_service.runs.spending.booking import MOST_NAMES
from spantail_service.storage.run_writes import RunStore
from tests.integration.service.harness import ROOT_SPAN, RUN, START, Writer, running_app
from tests.support.waiting import eventually_async

DAY_US = 86_400_000_000


def _now() -> int:
    return time.time_ns() // 1_000


def _day(time_us: int) -> date:
    return date.fromisoformat(day_of(time_us))


def _run(writer: Writer, run_id: str, start: int, *accounts: str) -> None:
    writer.span(run_id, start=start)
    for n, account in enumerate(accounts):
        fields: dict[str, Any] = {"parent_id": ROOT_SPAN, "kind": "llm_call", "start": start, "end": start + 1}
        writer.span(run_id, f"{n + 1:016x}", account=account, **fields)


async def test_sums_follow_the_runs_and_outlive_them(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    now = _now()
    # midnight may come before the next request
    monkeypatch.setattr(spend_route, "spend_of_days", partial(spend_of_days, today=_day(now)))
    with Writer(redis_url) as writer:
        _run(writer, "1" * 32, now, "0 0 10 20 1000000 claude_cli\n", "1 1 0 0 0 a:b\n")
        _run(writer, "2" * 32, now - 2 * DAY_US, "0 0 1 2 5 claude_cli\n")
        async with running_app(redis_url) as client:

            async def sums(days: int = 3) -> Any:
                return (await client.get("/api/spend", params={"by": "backend", "days": days})).json()

            async def booked() -> Any:
                return bool((await sums())["cost_nano"] == 1_000_005)

            await eventually_async(booked, what="both runs are in the sums")
            answer = await sums()
            assert [day["cost_nano"] for day in answer["days"]] == [5, 0, 1_000_000]
            assert [day["runs"] for day in answer["days"]] == [1, 0, 1]
            assert answer["to"] == day_of(now)
            assert answer["days"][2]["backends"] == {
                "a:b": {"calls": 1, "errors": 1, "unpriced": 1, "tokens": {"input": 0, "output": 0},
                        "cost_usd": 0.0, "cost_nano": 0, "runs": 1, "fallbacks": 0},
                "claude_cli": {"calls": 1, "errors": 0, "unpriced": 0, "tokens": {"input": 10, "output": 20},
                               "cost_usd": 0.001, "cost_nano": 1_000_000, "runs": 1, "fallbacks": 0},
            }  # fmt: skip
            assert answer["backends"]["claude_cli"]["calls"] == 2
            assert (await sums(1))["cost_nano"] == 1_000_000

            writer.span("1" * 32, "f" * 16, parent_id=ROOT_SPAN, kind="llm_call", end=now, account="0 0 0 0 7 x\n")

            async def grown() -> Any:
                return bool((await sums(1))["cost_nano"] == 1_000_007)

            await eventually_async(grown, what="a run that goes on is booked again")
            writer.span("1" * 32, end=now)  # it is over
            await eventually_async(lambda: writer.redis.zscore(keys.RUNS_UNBOOKED, "1" * 32) is None)
            writer.span("1" * 32, "e" * 16, parent_id=ROOT_SPAN, kind="llm_call", end=now, account="0 0 0 0 1 x\n")

            async def late() -> Any:
                return bool((await sums(1))["cost_nano"] == 1_000_008)

            await eventually_async(late, what="what comes after the end counts too")
            assert (await client.delete("/api/runs/" + "1" * 32)).status_code == 204
            assert (await sums(1))["cost_nano"] == 1_000_008


async def test_every_dimension_has_the_same_sum_to_the_nano_dollar(new_redis_url: str) -> None:
    now = _now()
    with Writer(new_redis_url) as writer:
        _run(writer, "1" * 32, now, "0 0 10 20 1000001 a\n\n0\nm1", "1 1 3 0 0 b\na\n0\nm2", "0 0 1 1 3 b\n")
        _run(writer, "2" * 32, now - DAY_US, "0 0 1 2 5 a\n\n0\nm2")
        for n in range(105):  # each of an operation, a backend and a model of its own
            writer.span(f"{n + 3:032x}", start=now, name=f"operation {n}")
            _call_of_its_own(writer, n, now, nano=n + 1)
        async with Redis.from_url(new_redis_url) as client:

            async def booked(*expected: int) -> list[dict[str, Any]]:
                await Bookkeeper(client).book()
                answers = [await spend_of_days(client, 2, by, _day(now)) for by in DIMENSIONS]
                for by, answer in zip(DIMENSIONS, answers, strict=True):
                    assert [day["cost_nano"] for day in answer["days"]] == [*expected], by
                    assert answer["cost_nano"] == sum(part["cost_nano"] for part in answer[f"{by}s"].values()), by
                    assert _sums_of(answer, f"{by}s") == _sums_of(answers[0], "backends"), by
                    assert all(len(day[f"{by}s"]) <= MOST_NAMES + 2 for day in answer["days"]), by
                return answers

            by_backend, by_model, by_operation = await booked(5, 1_000_004 + 105 * 53)
            assert by_model["models"]["m2"]["cost_nano"] == 5
            assert by_model["models"]["unknown"]["cost_nano"] == 3
            assert by_backend["backends"]["other"]["cost_nano"] > 0
            for answer, parts in ((by_backend, "backends"), (by_operation, "operations")):
                assert sum(part["fallbacks"] for part in answer[parts].values()) == 1
            assert not any("fallbacks" in part for part in by_model["models"].values())
            assert by_operation["operations"]["other"]["runs"] == 106 - MOST_NAMES
            assert [day["runs"] for day in by_operation["days"]] == [1, 106]
            # what was counted as another one's is taken back from there when it grows, and when its day changes
            for n in range(105):
                _call_of_its_own(writer, n, now, nano=1, span_id="8" * 16)
            await booked(5, 1_000_004 + 105 * 54)
            for n in range(105):
                writer.redis.hset(keys.run_keys(f"{n + 3:032x}").meta, "root_start", now - DAY_US)
            await booked(5 + 105 * 54, 1_000_004)
            # what an earlier version booked by backend alone is of no known model
            writer.redis.hincrby(keys.spend_of_day(day_of(now)), "a:nano", 100)
            _, by_model, _ = await booked(5 + 105 * 54, 1_000_104)
            assert by_model["models"]["unknown"]["cost_nano"] == 103


def _call_of_its_own(writer: Writer, n: int, now: int, *, nano: int, span_id: str = "9" * 16) -> None:
    account = f"0 0 1 0 {nano} backend {n}\n\n0\nmodel {n}"
    fields: dict[str, Any] = {"parent_id": ROOT_SPAN, "kind": "llm_call", "start": now, "end": now + 1}
    writer.span(f"{n + 3:032x}", span_id, account=account, **fields)


def _sums_of(answer: dict[str, Any], parts: str) -> list[list[int]]:
    """Calls, errors, unpriced calls and tokens of each day, over all its parts."""
    flat = [[{**part, **part["tokens"]} for part in day[parts].values()] for day in answer["days"]]
    figures = ("calls", "errors", "unpriced", "input", "output")
    return [[sum(part[figure] for part in day) for figure in figures] for day in flat]


async def test_a_run_is_counted_once_whoever_books_it(redis_url: str) -> None:
    now = _now()
    with Writer(redis_url) as writer:
        _run(writer, "1" * 32, now, "0 0 10 20 1000000 claude_cli\n")
        async with Redis.from_url(redis_url) as client:
            for _ in range(3):
                await Bookkeeper(client).book()
            assert (await spend_by_backend(client, 1, _day(now)))["cost_nano"] == 1_000_000
            # the run's start moves to another day: its money moves along
            writer.redis.hset(keys.run_keys("1" * 32).meta, "root_start", now - DAY_US)
            await Bookkeeper(client).book()
            days = (await spend_by_backend(client, 2, _day(now)))["days"]
            assert [(day["runs"], day["cost_nano"]) for day in days] == [(1, 1_000_000), (0, 0)]
            # what was booked is forgotten after days, a pinned run is not: it is not counted anew
            writer.redis.delete(keys.spend_of_run("1" * 32))
            await Bookkeeper(client).book()
            assert (await spend_by_backend(client, 2, _day(now)))["cost_nano"] == 1_000_000


async def test_what_an_earlier_version_has_booked_is_taken_back(redis_url: str) -> None:
    """It kept what a run had added in a hash for each dimension."""
    now = _now()
    with Writer(redis_url) as writer:
        _run(writer, RUN, now, "0 0 10 20 1000000 claude_cli\n\n0\nhaiku")
        async with Redis.from_url(redis_url) as client:
            await Bookkeeper(client).book()
            held: Any = writer.redis.hgetall(keys.spend_of_run(RUN))
            writer.redis.delete(keys.spend_of_run(RUN))
            for number, by in enumerate(DIMENSIONS, 1):
                of_part = {field[1:]: amount for field, amount in held.items() if field[:1] == b"%d" % number}
                assert of_part
                if number == 1:
                    of_part |= {field: amount for field, amount in held.items() if field[:1] == b":"}
                writer.redis.hset(f"{keys.spend_by(by)}run:{RUN}", mapping=of_part)
            fields: dict[str, Any] = {"parent_id": ROOT_SPAN, "kind": "llm_call", "start": now, "end": now + 1}
            writer.span(RUN, "e" * 16, account="0 0 1 2 5 claude_cli\n\n0\nopus", **fields)
            await Bookkeeper(client).book()
            for by in DIMENSIONS:
                answer = await spend_of_days(client, 1, by, _day(now))
                parts = answer[f"{by}s"].values()
                assert answer["cost_nano"] == sum(part["cost_nano"] for part in parts) == 1_000_005
                assert sum(part["calls"] for part in parts) == 2
            assert writer.redis.keys("{spend}*:run:*") == []


async def test_what_demo_runs_cost_stands_apart(redis_url: str) -> None:
    now = _now()
    with Writer(redis_url) as writer:
        _run(writer, "1" * 32, now, "0 0 10 20 1000000 claude_cli\n")
        _run(writer, "2" * 32, now, "0 0 1 2 5 claude_cli\n")
        async with Redis.from_url(redis_url) as client:
            # the state of a run may come after its first spans: what was booked before it moves
            await Bookkeeper(client).book()
            assert (await spend_by_backend(client, 1, _day(now)))["cost_nano"] == 1_000_005
            for run_id, is_demo in (("1" * 32, True), ("2" * 32, False)):
                state = {"run_id": run_id, "operation": "x", "status": "completed", "created": now, "demo": is_demo}
                await RunStore(client).set_state(run_id, orjson.dumps(state), "completed")
            for _ in range(2):
                await Bookkeeper(client).book()
            sums = await spend_by_backend(client, 2, _day(now))
            for part in (sums, sums["days"][1]):
                assert (part["cost_nano"], part["demo"]["cost_nano"], part["demo"]["runs"]) == (5, 1_000_000, 1)
            assert [day["runs"] for day in sums["days"]] == [0, 1]
            assert sums["demo"]["backends"]["claude_cli"]["tokens"] == {"input": 10, "output": 20}
            # what a run was is remembered when its state has gone
            writer.redis.delete(keys.run_keys("1" * 32).state)
            writer.span("1" * 32, "e" * 16, parent_id=ROOT_SPAN, kind="llm_call", end=now, account="0 0 0 0 7 x\n")
            await Bookkeeper(client).book()
            sums = await spend_by_backend(client, 1, _day(now))
            assert (sums["cost_nano"], sums["demo"]["cost_nano"]) == (5, 1_000_007)
            # it moves to another day: so does its demo money
            writer.redis.hset(keys.run_keys("1" * 32).meta, "root_start", now - DAY_US)
            await Bookkeeper(client).book()
            days = (await spend_by_backend(client, 2, _day(now)))["days"]
            assert [day["demo"]["cost_nano"] for day in days] == [1_000_007, 0]
            assert [day["cost_nano"] for day in days] == [0, 5]


async def test_the_metrics_tell_demo_money_from_real_money(redis_url: str) -> None:
    metrics = ServiceMetrics()
    now = _now()
    with Writer(redis_url) as writer:
        async with Redis.from_url(redis_url) as client:
            await metrics.read_redis(client)
            for run_id, is_demo, nano in (("1" * 32, True, 3_000_000), ("2" * 32, False, 5_000_000)):
                _run(writer, run_id, now, f"0 0 1 2 {nano} claude_cli\n")
                state = {"run_id": run_id, "operation": "x", "status": "running", "created": now, "demo": is_demo}
                await RunStore(client).set_state(run_id, orjson.dumps(state), "running")
            await Bookkeeper(client).book()
            await metrics.read_redis(client)
    text = generate_latest(metrics.registry).decode()
    assert 'spantail_llm_cost_usd_total{backend="claude_cli"} 0.005\n' in text
    assert 'spantail_demo_llm_cost_usd_total{backend="claude_cli"} 0.003\n' in text


async def test_a_bookkeeper_that_was_held_up_takes_nothing_back(redis_url: str) -> None:
    now = _now()
    with Writer(redis_url) as writer:
        _run(writer, RUN, now, "0 0 0 0 1000 x\n")
        async with Redis.from_url(redis_url) as client:
            late, other = Bookkeeper(client), Bookkeeper(client)
            book = late._book_runs

            async def held_up(runs: Any) -> Any:
                writer.span(RUN, "e" * 16, parent_id=ROOT_SPAN, kind="llm_call", end=now, account="0 0 0 0 5000 x\n")
                writer.span(RUN, end=now)
                await other.book()
                return await book(runs)

            late._book_runs = held_up  # type: ignore[method-assign]
            await late.book()
            assert (await spend_by_backend(client, 1))["cost_nano"] == 6000
            assert writer.redis.zcard(keys.RUNS_UNBOOKED) == 0


async def test_a_run_that_cannot_be_booked_holds_up_no_other(redis_url: str) -> None:
    now = _now()
    with Writer(redis_url) as writer:
        for run_id in ("1" * 32, "2" * 32, "3" * 32):
            _run(writer, run_id, now, "0 0 0 0 1000 x\n")
            writer.span(run_id, end=now)
        writer.redis.set(keys.spend_of_run("1" * 32), "not a hash")
        async with Redis.from_url(redis_url) as client:
            with pytest.raises(ResponseError, match="WRONGTYPE"):
                await Bookkeeper(client).book()
            assert (await spend_by_backend(client, 1))["backends"]["x"]["runs"] == 2
            assert set(writer.redis.zrange(keys.RUNS_UNBOOKED, 0, -1)) == {b"1" * 32}


async def test_a_run_without_a_root_is_booked_for_good_once_it_is_silent(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        writer.span(RUN, "a" * 16, parent_id="b" * 16, end=START + 9)
        async with Redis.from_url(redis_url) as redis:
            bookkeeper = Bookkeeper(redis)
            await bookkeeper.book()
            assert writer.redis.zcard(keys.RUNS_UNBOOKED) == 1
            writer.redis.hincrby(keys.run_keys(RUN).meta, "last", -SILENCE_US)
            await bookkeeper.book()
            assert writer.redis.zcard(keys.RUNS_UNBOOKED) == 0


async def test_limits(redis_url: str) -> None:
    async with running_app(redis_url) as client:
        for query in ("days=0", "days=367", "by=tier", "days=x"):
            assert (await client.get(f"/api/spend?{query}")).status_code == 422
        assert len((await client.get("/api/spend")).json()["days"]) == 30
