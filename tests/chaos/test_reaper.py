"""Dead processes: real ones are killed, stopped and resumed in the middle of real, busy runs.

Most leases here are a few seconds instead of twelve; one test, marked slow, has the real times.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import orjson
import pytest
import redis

from spantail_exporters.model import keys
from spantail_exporters.model.batch import Batch
from spantail_exporters.model.changes import Change, Changes
from spantail_exporters.model.heartbeat import LEASE_S
from spantail_exporters.redis.writer import RedisWriter
from spantail_service.reaper import Reaper, Timing
from spantail_service.runs.meta import parse_meta
from spantail_service.storage.liveness import Interrupted, Liveness
from spantail_service.storage.run_writes import now_us
from tests.chaos.processes import busy_app, reaper_process
from tests.integration.service.harness import ROOT_SPAN, RUN, START, Writer, running_app, spantail_process, state
from tests.support.redis.servers import NEW, running_redis
from tests.support.runs.live_runs import StoredRun, fold
from tests.support.waiting import eventually, eventually_async

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.chaos.processes import BusyApp

LEASE = 2
BEAT = 0.2
TIMING = Timing(lease_s=LEASE, sweep_s=BEAT)
SOON_S = 30.0  # a machine that is busy with other tests may interrupt the reaper's series again and again
DEAD = "host:4242:1795308000"


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def lease_left_s(url: str, runner: str) -> float:
    with redis.Redis.from_url(url) as client:
        return int(client.pttl(keys.runner(runner))) / 1000


def assert_whole(run: StoredRun) -> None:
    """What holds of every run, whatever died: the fold of its tail is its snapshot, and its counts are true."""
    assert run.first == 0, "the tail was trimmed: nothing can be said"
    assert fold(run.events) == run.spans
    still_open = [span for span in run.spans.values() if span["status"] == "running"]
    assert int(run.meta["open"]) == len(still_open)
    assert int(run.meta["spans"]) == len(run.spans)
    given_up = [span for span in run.spans.values() if span["status"] == "abandoned"]
    assert int(run.meta.get("abandoned", 0)) == len(given_up)


def assert_abandoned(run: StoredRun, runner: str) -> None:
    """The run of a killed process has come to its end."""
    assert_whole(run)
    assert (run.meta["status"], run.meta["open"]) == ("abandoned", "0")
    assert int(run.meta["expected"]) == run.next_seq
    assert run.meta["maybe_incomplete"] == "1"
    given_up = [span for span in run.spans.values() if span["status"] == "abandoned"]
    assert {"busy", "step"} <= {span["name"] for span in given_up}
    for span in given_up:
        assert span["abandoned"]["reason"] == "runner_died"
        assert span["runner"] == runner
        assert span["event"] == f"{span['kind']}_abandoned"
        assert span["end"] >= span["abandoned"]["last_heartbeat"]
        assert span["end"] >= span["start"]
        assert span["ts"] > span["end"]
    assert run.names()[-1] == "operation_abandoned", "the root is given up last"
    assert [(layer["name"], layer["status"]) for layer in run.layers] == [("step", "error")]


def assert_nothing_abandoned(app: BusyApp) -> None:
    for run in app.runs:
        assert not [name for name in run.names() if name.endswith("_abandoned")]
        assert run.meta["status"] == "running"
        assert "corrected" not in run.meta
        assert "maybe_incomplete" not in run.meta


async def swept_since(reaper: Reaper, sweeps: int = 3, *, lease: int = LEASE) -> None:
    """Wait until the reaper had its chance: some more sweeps, with the right to act."""
    begin = reaper.sweeps
    await eventually_async(lambda: reaper.sweeps >= begin + sweeps and reaper.waited_s >= lease, SOON_S)


# ------------------------------------------------------------ the dead


async def test_kill_9_in_the_middle_of_busy_runs(redis_url: str) -> None:
    async with Reaper(redis_url, timing=TIMING):
        for _ in range(3):
            with busy_app(redis_url, LEASE, BEAT) as app:
                app.kill()
                await eventually_async(lambda: app.has_settled, SOON_S)
                for run in app.runs:
                    assert_abandoned(run, app.runner)
        with redis.Redis.from_url(redis_url) as client:
            await eventually_async(lambda: client.scard(keys.RUNS_OPEN) == 0, what="the index is empty")


@pytest.mark.slow
async def test_within_15_seconds_of_the_kill(new_redis_url: str) -> None:
    """One of two: where the machine stops the reaper for 3 s it starts to wait anew, as it must."""
    took = []
    async with Reaper(new_redis_url) as reaper:
        for _ in range(2):
            with busy_app(new_redis_url, LEASE_S, 1.0) as app:
                await eventually_async(lambda: reaper.waited_s >= LEASE_S, 60)
                app.kill()
                killed = time.monotonic()
                await eventually_async(lambda: app.has_settled, 60)
                took.append(time.monotonic() - killed)
                for run in app.runs:
                    assert_abandoned(run, app.runner)
    assert min(took) < 15


@pytest.mark.slow
async def test_the_operation_of_a_killed_service_is_abandoned(new_redis_url: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, and never answers
        settings = {
            "SPANTAIL_REDIS_URL": new_redis_url,
            "SPANTAIL_PORT": "0",
            "SPANTAIL_HIMALAYAS_URL": f"http://127.0.0.1:{silent.getsockname()[1]}",
            "SPANTAIL_SOURCE_TIMEOUT_S": "300",
        }
        async with Reaper(new_redis_url) as reaper:
            with spantail_process("serve", cwd=tmp_path, **settings) as service:
                service.await_ready()
                async with httpx.AsyncClient(base_url=service.url) as client:
                    wanted = {"job_titles": ["engineer"], "sources": ["himalayas"]}
                    answer = await client.post("/api/jobs/search", json=wanted)
                    assert answer.status_code == 202, answer.text
                    run_id = answer.json()["run_id"]
                await eventually_async(lambda: reaper.waited_s >= LEASE_S, 60)
                service.process.kill()
                with redis.Redis.from_url(new_redis_url) as client:
                    meta = keys.run_keys(run_id).meta
                    await eventually_async(lambda: client.hexists(meta, "expected"), 60)
                    held = orjson.loads(client.get(keys.run_keys(run_id).state) or b"")
        run = StoredRun(new_redis_url, run_id)
        assert_whole(run)
        assert (run.meta["status"], held["status"], held["operation"]) == ("abandoned", "abandoned", "job-search")
        async with running_app(new_redis_url) as client:
            shown = (await client.get(f"/api/runs/{run_id}")).json()
        assert (shown["status"], shown["maybe_incomplete"], shown["open"]) == ("abandoned", True, 0)


async def test_two_reapers_at_once_say_it_once(new_redis_url: str) -> None:
    with busy_app(new_redis_url, LEASE, BEAT) as app:
        async with (
            Reaper(new_redis_url, timing=TIMING, token="both") as one,
            Reaper(new_redis_url, timing=TIMING, token="both") as other,
        ):
            app.kill()
            await eventually_async(lambda: app.has_settled, SOON_S)
            await swept_since(one)
            await swept_since(other)
        for run in app.runs:
            assert_abandoned(run, app.runner)
            names = [(event["span_id"], event["event"]) for event in run.events if "abandoned" in event]
            assert len(names) == len(set(names))


async def test_another_reaper_takes_over_from_a_killed_one(new_redis_url: str) -> None:
    with (
        busy_app(new_redis_url, LEASE, BEAT) as app,
        reaper_process(new_redis_url, LEASE, BEAT) as first,
        redis.Redis.from_url(new_redis_url) as client,
    ):
        await eventually_async(lambda: client.get("reaper:lease"), what="the first one acts")
        async with Reaper(new_redis_url, timing=TIMING, token="second"):
            first.kill()
            app.kill()
            await eventually_async(lambda: app.has_settled, SOON_S)
            # between two sweeps of a busy machine the lease may be over
            await eventually_async(lambda: client.get("reaper:lease") == b"second", SOON_S)
        assert client.get("reaper:lease") is None, "given back at the end"


async def test_a_run_of_two_processes_goes_on_when_one_dies(new_redis_url: str) -> None:
    living, child = "host:1:1795308000", "00000000000000cc"
    async with Reaper(new_redis_url, timing=TIMING) as reaper:
        with Writer(new_redis_url) as writer:
            beating = redis.Redis.from_url(new_redis_url)
            beating.set(keys.runner(living), 1)
            write(writer, span(runner=living), by=living)
            write(writer, span(child, parent_id=ROOT_SPAN, runner=DEAD, kind="tool"), by=DEAD)
            await eventually_async(lambda: "tool_abandoned" in StoredRun(new_redis_url, RUN).names(), SOON_S)
            await swept_since(reaper)
            run = StoredRun(new_redis_url, RUN)
            assert (run.meta["status"], run.meta["open"]) == ("running", "1")
            assert "expected" not in run.meta
            writer.span(RUN, end=START + 9, runner=living)
            beating.close()
    run = StoredRun(new_redis_url, RUN)
    assert (run.meta["status"], run.meta["expected"]) == ("completed", "4")
    assert run.meta["maybe_incomplete"] == "1"
    assert run.spans[child]["end"] == START, "no heartbeat of it is known: the last that was heard of the span"
    assert run.spans[child]["abandoned"] == {"reason": "runner_died"}


@pytest.mark.parametrize(
    ("root_end", "status"), [({}, "abandoned"), ({"end": START + 5}, "completed")], ids=["open", "over"]
)
async def test_the_state_of_a_dead_services_operation_becomes_final(
    new_redis_url: str, root_end: dict[str, Any], status: str
) -> None:
    stored = {"run_id": RUN, "operation": "job-search", "status": "running", "created": START, "demo": True}
    with Writer(new_redis_url) as writer:
        write(writer, span(runner=DEAD, **root_end), by=DEAD, state=(orjson.dumps(stored), "running"))
        async with Reaper(new_redis_url, timing=TIMING):
            await eventually_async(lambda: "expected" in StoredRun(new_redis_url, RUN).meta, SOON_S)
        found = orjson.loads(writer.redis.get(keys.run_keys(RUN).state) or b"")
    assert StoredRun(new_redis_url, RUN).meta["status"] == status
    assert found.pop("finished") > START
    assert found == {**stored, "status": status, "abandoned": {"reason": "runner_died"}}


async def test_ten_thousand_open_spans_are_abandoned_in_chunks(new_redis_url: str) -> None:
    with Writer(new_redis_url) as writer:
        write(writer, span(runner=DEAD), by=DEAD)
        for first in range(1, 10_001, 500):
            write(
                writer,
                *(span(f"{n:016x}", parent_id=ROOT_SPAN, runner=DEAD, kind="span") for n in range(first, first + 500)),
                by=DEAD,
                seq=first + 1,
            )
        async with Reaper(new_redis_url, timing=Timing(lease_s=4, sweep_s=BEAT)):
            await eventually_async(lambda: writer.redis.hexists(keys.run_keys(RUN).meta, "expected"), SOON_S)
    run = StoredRun(new_redis_url, RUN)
    assert (run.meta["open"], run.meta["status"], run.next_seq) == ("0", "abandoned", 20_002)
    assert {span["status"] for span in run.spans.values()} == {"abandoned"}


# ------------------------------------------------------------ the living


async def test_a_process_that_was_paused_for_less_than_a_lease_is_not_abandoned(new_redis_url: str) -> None:
    lease = 6  # the silence is two thirds of it, as 8 s are of 12; a busy machine may take from the last third
    async with Reaper(new_redis_url, timing=Timing(lease_s=lease, sweep_s=BEAT)) as reaper:
        with busy_app(new_redis_url, lease, BEAT) as app:
            await eventually_async(lambda: reaper.waited_s >= lease, SOON_S)
            with frozen(app.process.pid):
                await eventually_async(lambda: lease_left_s(new_redis_url, app.runner) <= lease / 3)
            await swept_since(reaper, lease=lease)
            assert_nothing_abandoned(app)
            app.end()
        for run in app.runs:
            assert_whole(run)
            assert run.meta["status"] == "completed"


async def test_a_frozen_redis_abandons_nothing(tmp_path: Path) -> None:
    with running_redis(NEW, tmp_path) as server:
        async with Reaper(server.url, timing=TIMING) as reaper:
            with busy_app(server.url, LEASE, BEAT) as app:
                await eventually_async(lambda: reaper.waited_s >= LEASE, SOON_S)
                with frozen(server.pid):
                    begin = time.monotonic()
                    await eventually_async(lambda: time.monotonic() > begin + 1.5 * LEASE)
                await swept_since(reaper)
                eventually(lambda: lease_left_s(server.url, app.runner) > 0, what="the application is back")
                assert_nothing_abandoned(app)
                app.end()
            for run in app.runs:
                assert_whole(run)


async def test_a_frozen_reaper_abandons_nothing(new_redis_url: str) -> None:
    """The application is silent while the reaper is frozen, and back before the reaper has waited for it."""
    with busy_app(new_redis_url, LEASE, BEAT) as app, reaper_process(new_redis_url, LEASE, BEAT) as reaper:
        reaper.pause()
        with frozen(app.process.pid):
            eventually(lambda: lease_left_s(new_redis_url, app.runner) < 0, SOON_S, what="its lease is over")
            reaper.resume()
            with redis.Redis.from_url(new_redis_url) as client:
                eventually(lambda: client.get("reaper:lease"), what="the reaper is at work again")
        eventually(lambda: lease_left_s(new_redis_url, app.runner) > 0, what="the application is back")
        assert_nothing_abandoned(app)


# ------------------------------------------------------------ declared dead by mistake


async def test_one_that_comes_back_corrects_it(redis_url: str) -> None:
    async with running_app(redis_url) as client, Reaper(redis_url, timing=TIMING, token="test") as reaper:
        with redis.Redis.from_url(redis_url) as plain:
            plain.set("reaper:lease", "test")  # this reaper acts, with its short lease, not the application's own
        await swept_since(reaper)
        with busy_app(redis_url, LEASE, BEAT) as app:
            with frozen(app.process.pid):
                await eventually_async(lambda: app.has_settled, SOON_S)
                for run in app.runs:
                    assert_abandoned(run, app.runner)
                for run_id in app.run_ids:
                    shown = (await client.get(f"/api/runs/{run_id}")).json()
                    assert shown["status"] == "abandoned"
                    assert shown["abandoned"] >= 2
                    assert shown["maybe_incomplete"] is True
            await eventually_async(lambda: set(app.meta("status")) == {"running"}, SOON_S, what="its runs are back")
            for run in app.runs:
                assert "operation_revived" in run.names()
                assert "expected" not in run.meta
                assert int(run.meta["corrected"]) >= 2
            with redis.Redis.from_url(redis_url) as plain:
                assert plain.smembers(keys.RUNS_OPEN) == {run_id.encode() for run_id in app.run_ids}
            app.end()
        for run in app.runs:
            assert_whole(run)
            assert run.meta["status"] == "completed"
            frame = (await client.get(f"/api/logs/{run.events[0]['run_id']}?limit=1")).json()
            assert frame["corrected"] >= 2
            assert (frame["abandoned"], frame["maybe_incomplete"], frame["stale"]) == (0, False, False)


async def test_the_state_of_an_operation_runs_again_with_its_process(new_redis_url: str) -> None:
    stored = {"run_id": RUN, "operation": "job-search", "status": "running", "created": START}
    run_keys = keys.run_keys(RUN)
    with Writer(new_redis_url) as writer:
        write(writer, span(runner=DEAD), by=DEAD, state=(orjson.dumps(stored), "running"))
        async with Reaper(new_redis_url, timing=TIMING):
            await eventually_async(lambda: writer.redis.hget(run_keys.meta, "status") == b"abandoned", SOON_S)
            write(writer, span(runner=DEAD, rev=2, event="operation_revived"), by=DEAD, seq=2)
            writer.redis.set(keys.runner(DEAD), 1)
            await eventually_async(lambda: writer.redis.hget(run_keys.meta, "status") == b"running", SOON_S)
        assert orjson.loads(writer.redis.get(run_keys.state) or b"") == stored
    assert StoredRun(new_redis_url, RUN).meta["state"] == "running"


async def test_one_that_comes_back_at_that_moment_is_made_to_report_its_spans_again(new_redis_url: str) -> None:
    with Writer(new_redis_url) as writer:
        write(writer, span(runner=DEAD), by=DEAD)
        reaper = Reaper(new_redis_url, timing=TIMING)
        held = reaper._make_report

        async def came_back(runners: Any) -> bool:
            writer.redis.set(keys.runner(DEAD), 1)
            return await held(runners)

        reaper._make_report = came_back  # type: ignore[method-assign, assignment]
        async with reaper:
            await eventually_async(lambda: "operation_abandoned" in StoredRun(new_redis_url, RUN).names(), SOON_S)
            await eventually_async(lambda: not writer.redis.exists(keys.runner(DEAD)), what="its lease is taken away")


# ------------------------------------------------------------ those without heartbeats


async def test_spans_of_a_silent_source_are_given_up(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        write(writer, span(kind="span"), by="", now_us=now_us() - 16 * 60 * 1_000_000)
        async with Reaper(redis_url, timing=TIMING):
            await eventually_async(lambda: "expected" in StoredRun(redis_url, RUN).meta, SOON_S)
    run = StoredRun(redis_url, RUN)
    assert run.meta["status"] == "abandoned"
    assert "maybe_incomplete" not in run.meta
    assert run.spans[ROOT_SPAN]["abandoned"] == {"reason": "silent"}
    assert run.spans[ROOT_SPAN]["end"] == START


async def test_a_source_that_was_heard_lately_is_left_alone(new_redis_url: str) -> None:
    with Writer(new_redis_url) as writer:
        write(writer, span(), by="")
        async with Reaper(new_redis_url, timing=TIMING) as reaper:
            await swept_since(reaper, int(2 * LEASE / BEAT))
    assert StoredRun(new_redis_url, RUN).names() == ["operation_start"]


async def test_a_dead_process_is_found_though_its_events_came_by_another_way(new_redis_url: str) -> None:
    with Writer(new_redis_url) as writer:
        write(writer, span(runner=DEAD), by="")
        async with Reaper(new_redis_url, timing=TIMING):
            await eventually_async(lambda: "expected" in StoredRun(new_redis_url, RUN).meta, SOON_S)
    assert StoredRun(new_redis_url, RUN).spans[ROOT_SPAN]["abandoned"] == {"reason": "runner_died"}


def test_liveness_starts_anew_after_every_gap() -> None:
    liveness = Liveness(gap_s=3)
    for second in range(12):
        liveness.asked(second)
        liveness.answered(second)
        liveness.redis_clock(1_000_000_000 + second * 1_000_000, second)
    assert liveness.waited_s == 11
    with pytest.raises(Interrupted):
        liveness.asked(14.1)  # this process was frozen
    assert liveness.waited_s == 0
    liveness.answered(15)
    liveness.answered(17)
    with pytest.raises(Interrupted):
        liveness.answered(21)  # Redis was
    liveness.answered(22)
    assert liveness.waited_s == 1
    liveness.redis_clock(1_022_000_000, 22)
    with pytest.raises(Interrupted):
        liveness.redis_clock(1_100_000_000, 23)  # its clock stepped: every lease may be over
    liveness.answered(24)
    assert liveness.waited_s == 1
    liveness.broken()
    liveness.asked(1_000)  # nothing stands on an answer
    liveness.answered(1_001)
    assert liveness.waited_s == 0


def test_what_silence_says_to_a_reader() -> None:
    minute = 60_000_000
    silent = {b"next": b"3", b"last": b"1000", b"open": b"1", b"root": b"a", b"root_orphan": b"0"}

    def meta(at_us: int, **fields: bytes) -> Any:
        return parse_meta({**silent, **{name.encode(): value for name, value in fields.items()}}, at_us)

    assert meta(1000 + minute).stale
    assert not meta(999 + minute).stale
    assert not meta(1000 + minute, open=b"0").stale
    assert not meta(1000 + minute, **{f"w:{DEAD}:0badcafe": b"1"}).stale
    assert meta(1000 + minute, **{"w:exporter:0badcafe": b"1"}).stale
    assert meta(1000 + minute, open=b"0").expected is None
    orphan = {"open": b"0", "root_orphan": b"1", "status": b"completed"}
    assert (meta(1000 + minute, **orphan).expected, meta(999 + minute, **orphan).expected) == (3, None)
    assert meta(1000 + minute, open=b"0", root=b"", status=b"running").status == "abandoned"


async def test_the_index_of_open_runs_is_put_right(new_redis_url: str) -> None:
    gone, settled, orphan, there = (f"{n:032x}" for n in range(1, 5))
    with Writer(new_redis_url) as writer:
        writer.span(settled, end=START + 5)
        long_ago = now_us() - 61_000_000
        write(writer, span(parent_id="00000000000000ff", end=START + 5), by="", run_id=orphan, now_us=long_ago)
        write(writer, span(), by="", run_id=there)
        writer.redis.sadd(keys.RUNS_OPEN, gone, settled, orphan)
        async with Reaper(new_redis_url, timing=TIMING):
            await eventually_async(lambda: writer.redis.smembers(keys.RUNS_OPEN) == {there.encode()}, SOON_S)


@pytest.mark.parametrize("ended", [False, True])
async def test_a_process_that_dies_before_it_tells_the_index_leaves_no_run_out(
    new_redis_url: str, *, ended: bool
) -> None:
    body = span(runner=DEAD, end=START + 5 if ended else None)
    changes = Changes([Change(ROOT_SPAN, "", [orjson.dumps(body)])])
    killed = RedisWriter(new_redis_url)
    killed.send([Batch(RUN, f"{DEAD}:0badcafe", 1, changes, {})]).finish()  # the news would go with its next call
    killed.close()
    with redis.Redis.from_url(new_redis_url) as client:
        assert client.zscore(keys.RUNS_RECENT, RUN) is None
        async with Reaper(new_redis_url, timing=TIMING):
            await eventually_async(lambda: client.scard(keys.RUNS_OPEN) == 0, SOON_S)
        assert client.zscore(keys.RUNS_RECENT, RUN) == START
    assert StoredRun(new_redis_url, RUN).meta["status"] == ("completed" if ended else "abandoned")


async def test_a_run_that_is_not_as_it_should_be_keeps_no_other_from_its_end(new_redis_url: str) -> None:
    broken = "1" * 32
    with Writer(new_redis_url) as writer:
        for run_id in (broken, RUN):
            write(writer, span(runner=DEAD), by=DEAD, run_id=run_id)
        writer.redis.delete(keys.run_keys(broken).spans)
        writer.redis.set(keys.run_keys(broken).spans, "not a hash")
        async with Reaper(new_redis_url, timing=TIMING):
            await eventually_async(lambda: "expected" in StoredRun(new_redis_url, RUN).meta, SOON_S)


async def test_what_redis_refuses_for_a_moment_is_examined_later(new_redis_url: str) -> None:
    with Writer(new_redis_url) as writer:
        write(writer, span(runner=DEAD), by=DEAD)
        reaper = Reaper(new_redis_url, timing=TIMING)
        change = reaper._connection.change

        async def refused_at_first(*arguments: Any, **options: Any) -> bool:
            reaper._connection.change = change  # type: ignore[method-assign]
            writer.redis.config_set("min-replicas-to-write", 1)
            try:
                return await change(*arguments, **options)
            finally:
                writer.redis.config_set("min-replicas-to-write", 0)

        reaper._connection.change = refused_at_first  # type: ignore[method-assign]
        async with reaper:
            await eventually_async(lambda: "expected" in StoredRun(new_redis_url, RUN).meta, SOON_S)
        assert reaper._connection.change == change
    assert StoredRun(new_redis_url, RUN).meta["status"] == "abandoned"


async def test_a_run_that_is_deleted_while_it_is_examined_stays_so(new_redis_url: str) -> None:
    examined = 0
    with Writer(new_redis_url) as writer:
        write(writer, span(runner=DEAD), by=DEAD)
        reaper = Reaper(new_redis_url, timing=TIMING)
        change = reaper._connection.change

        async def after_it_was_deleted(*arguments: Any, **options: Any) -> bool:
            nonlocal examined
            examined += 1
            writer.redis.delete(*keys.run_keys(RUN))
            return await change(*arguments, **options)

        reaper._connection.change = after_it_was_deleted  # type: ignore[method-assign]
        async with reaper:
            await eventually_async(lambda: examined > 0 and not writer.redis.scard(keys.RUNS_OPEN), SOON_S)
        assert not writer.redis.exists(*keys.run_keys(RUN))


async def test_a_run_that_could_not_be_examined_is_tried_again(
    new_redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    spans = keys.run_keys(RUN).spans
    with Writer(new_redis_url) as writer:
        write(writer, span(runner=DEAD), by=DEAD)
        writer.redis.rename(spans, "aside")
        writer.redis.set(spans, "not a hash")
        async with Reaper(new_redis_url, timing=TIMING):
            await eventually_async(lambda: "cannot be examined" in caplog.text, SOON_S)
            writer.redis.rename("aside", spans)
            await eventually_async(lambda: "expected" in StoredRun(new_redis_url, RUN).meta, SOON_S)
    assert caplog.text.count("cannot be examined") == 1


async def test_a_reaper_survives_whatever_fails(new_redis_url: str) -> None:
    reaper = Reaper(new_redis_url, timing=TIMING)
    sweep, reset = reaper.sweep, reaper._connection.reset
    failed = []

    async def fails() -> None:
        reaper.sweep = sweep  # type: ignore[method-assign]
        failed.append("sweep")
        raise redis.ConnectionError

    async def fails_too() -> None:
        reaper._connection.reset = reset  # type: ignore[method-assign]
        failed.append("reset")
        raise redis.TimeoutError  # as the end of a TLS connection does, when the other side is silent

    reaper.sweep, reaper._connection.reset = fails, fails_too  # type: ignore[method-assign]
    async with reaper:
        await eventually_async(lambda: reaper.sweeps > 1, SOON_S)
    assert failed == ["sweep", "reset"]


def span(span_id: str = ROOT_SPAN, **fields: Any) -> dict[str, Any]:
    return orjson.loads(state(RUN, span_id, **fields))  # type: ignore[no-any-return]


def write(writer: Writer, *spans: dict[str, Any], by: str, run_id: str = RUN, seq: int = 1, **options: Any) -> None:
    """Store states as the process `by` does, or, where that is empty, as an ingest does."""
    changes = [
        Change(body["span_id"], body["parent_id"] or "", [orjson.dumps({**body, "run_id": run_id})]) for body in spans
    ]
    writer.write(run_id, changes, writer=f"{by}:0badcafe" if by else "", writer_seq=seq, **options)
