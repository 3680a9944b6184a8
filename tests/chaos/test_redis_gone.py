"""Redis is slow, refuses, hangs, dies, comes back empty, cannot write, moves: the application does not notice, and
afterwards everything is stored once and in order, or counted.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any

import pytest
import redis
from opentelemetry.sdk.trace import TracerProvider

from spantail.live import LiveSpanProcessor
from spantail.redaction import Redactor
from spantail_exporters.delivery.batcher import Batcher
from spantail_exporters.delivery.sender import Sender
from spantail_exporters.livetail import create_sink
from spantail_exporters.model import keys
from spantail_exporters.model.limits import Limits
from spantail_exporters.redis.writer import RedisWriter
from tests.support.redis.faults import faulty_redis, redis_cluster, wire_to
from tests.support.runs.ledger import held_by, run_of
from tests.support.runs.live_runs import StoredRun
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.redis.faults import FaultyRedis
    from tests.support.runs.ledger import LedgerApplication

pytestmark = [pytest.mark.xdist_group("chaos"), pytest.mark.usefixtures("spool_dir")]

FLUSH_S = 30.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FaultyRedis]:
    with faulty_redis(tmp_path / "redis") as one:
        yield one


def spooled_bytes(folder: Path) -> int:
    size = 0
    for path in folder.rglob("*.spool"):
        with contextlib.suppress(FileNotFoundError):  # delivered since it was listed
            size += path.stat().st_size
    return size


def holds_more_than(server: FaultyRedis, run_id: str, events: int) -> bool:
    return held_by(server, run_id) > events


# ---------------------------------------------------------------- away and back


def test_it_refuses_and_comes_up_later(
    tmp_path: Path, spool_dir: Path, application: Callable[[str], LedgerApplication]
) -> None:
    with faulty_redis(tmp_path / "redis", started=False) as server:
        app = application(server.url)
        with app.span() as root:
            app.work(root, 500)
            eventually(lambda: spooled_bytes(spool_dir) > 100_000, what="what waits is on disk")
            server.start()
            app.work(root, 500)
            eventually(lambda: held_by(server, run_of(root)) > 0, FLUSH_S)
        assert app.sink.flush(FLUSH_S)
        app.assert_never_blocked()
        app.assert_closed(server.url, run_of(root))
        assert spooled_bytes(spool_dir) == 0
        app.provider.shutdown()
        assert not list(spool_dir.rglob("*.lock"))


@pytest.mark.slow
def test_it_hangs_beyond_every_timeout(
    server: FaultyRedis, spool_dir: Path, application: Callable[[str], LedgerApplication]
) -> None:
    app = application(server.url)
    with app.span() as root:
        app.work(root, 200)
        assert app.sink.flush(FLUSH_S)
        with server.hanging():
            app.work(root, 2_000)
            assert not app.sink.flush(0.2)
            eventually(lambda: spooled_bytes(spool_dir) > 0, 15, what="the worker gave up waiting")
            app.work(root, 1_000)
        app.work(root, 200)
    assert app.sink.flush(FLUSH_S)
    app.assert_never_blocked()
    run = app.assert_closed(server.url, run_of(root))
    assert not [name for name in run.names() if name.endswith("_revived")], "nobody was thought dead"


def test_it_hangs_for_a_moment(server: FaultyRedis, application: Callable[[str], LedgerApplication]) -> None:
    app = application(server.url)
    with app.span() as root:
        for _ in range(3):
            app.work(root, 100)
            with server.hanging():
                app.work(root, 500)
                assert not app.sink.flush(0.1)
    assert app.sink.flush(FLUSH_S)
    app.assert_never_blocked()
    app.assert_closed(server.url, run_of(root))


def test_it_is_killed_and_has_its_file(server: FaultyRedis, application: Callable[[str], LedgerApplication]) -> None:
    server.change(lambda client: client.config_set("appendfsync", "always"))
    app = application(server.url)
    with app.span() as root:
        for _ in range(3):
            app.work(root, 300)
            server.kill()
            app.work(root, 300)
            server.start()
            server.change(lambda client: client.config_set("appendfsync", "always"))
    assert app.sink.flush(FLUSH_S)
    app.assert_never_blocked()
    app.assert_closed(server.url, run_of(root))


def test_it_is_killed_in_the_midst_of_writing(
    server: FaultyRedis, application: Callable[[str], LedgerApplication]
) -> None:
    """Whatever of the last second its file holds: what is missing is counted."""
    app = application(server.url)

    def kill_it() -> None:
        for enough in (0, 200, 400):
            eventually(functools.partial(holds_more_than, server, run_of(root), enough), FLUSH_S)
            server.kill()
            server.start()

    with app.span() as root, ThreadPoolExecutor(1) as pool:
        kills = pool.submit(kill_it)
        while not wait([kills], 0.05).done:
            app.work(root, 20)
        kills.result()
    assert app.sink.flush(FLUSH_S)
    app.assert_never_blocked()
    run = StoredRun(server.url, run_of(root))
    app.assert_closed(server.url, run_of(root), lost=bool(run.drops()))
    assert set(run.drops()) <= {"redis_lost"}


def test_it_comes_back_empty(
    server: FaultyRedis, application: Callable[[str], LedgerApplication], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spantail_exporters.delivery.recent._KEPT_S", 60.0)  # however long it takes here
    app = application(server.url)
    with app.span() as root, app.span("quiet, and open all the time"):
        app.work(root, 300)
        assert app.sink.flush(FLUSH_S)
        before = StoredRun(server.url, run_of(root))
        _emptied(server)
        # nothing happens in the application; what was confirmed in the last seconds is stored again all the same
        eventually(lambda: len(StoredRun(server.url, run_of(root)).spans) == 302, FLUSH_S)
        app.work(root, 300)
    assert app.sink.flush(FLUSH_S)
    app.assert_never_blocked()
    run = app.assert_closed(server.url, run_of(root), renewed=True)
    assert run.meta["epoch"] != before.meta["epoch"]
    assert sum(run.drops().values()) == 0
    assert run.meta["status"] == "completed"
    assert int(run.meta["expected"]) == run.next_seq
    assert len(run.spans) == 602


def test_it_comes_back_without_what_is_long_confirmed(
    server: FaultyRedis, application: Callable[[str], LedgerApplication], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spantail_exporters.delivery.recent._KEPT_S", -1.0)
    app = application(server.url)
    with app.span() as root, app.span("quiet, and open all the time") as quiet:
        app.work(root, 300)
        assert app.sink.flush(FLUSH_S)
        before = StoredRun(server.url, run_of(root))
        _emptied(server)
        # nothing happens in the application; what is open is told again all the same
        run = eventually(lambda: _stored(server.url, run_of(root)), FLUSH_S)
        eventually(lambda: len(StoredRun(server.url, run_of(root)).spans) == 2, FLUSH_S)
        run = StoredRun(server.url, run_of(root))
        assert run.meta["epoch"] != before.meta["epoch"]
        assert run.drops() == {"redis_lost": before.next_seq}
        assert set(run.spans) == {f"{one.get_span_context().span_id:016x}" for one in (root, quiet)}
        assert run.spans[f"{quiet.get_span_context().span_id:016x}"]["name"] == "quiet, and open all the time"
        app.work(root, 300)
    assert app.sink.flush(FLUSH_S)
    app.assert_never_blocked()
    run = app.assert_closed(server.url, run_of(root), lost=True, renewed=True)
    assert run.drops() == {"redis_lost": before.next_seq}
    assert run.meta["status"] == "completed"
    assert int(run.meta["expected"]) == run.next_seq
    assert len(run.spans) == 302


def test_what_never_got_a_number_is_not_taken_for_stored_again(
    server: FaultyRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spantail_exporters.delivery.recent._KEPT_S", -1.0)  # what is stored now cannot be sent again
    limits = Limits(span_cap=10)
    sink = Batcher(lambda *parts: Sender(RedisWriter(server.url, limits=limits), *parts), Redactor())
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(LiveSpanProcessor(sink))
    tracer = provider.get_tracer("t")
    with tracer.start_as_current_span("root") as root:
        for _ in range(20):
            tracer.start_span("step").end()
        assert sink.flush(FLUSH_S)
        before = StoredRun(server.url, run_of(root))
        assert (before.next_seq, before.drops()) == (10, {"run_cap": 11})
        monkeypatch.setattr("spantail_exporters.delivery.recent._KEPT_S", 600.0)
        for _ in range(100):
            tracer.start_span("step too many").end()
        assert sink.flush(FLUSH_S)
        _emptied(server)
        eventually(lambda: _stored(server.url, run_of(root)), FLUSH_S)
        assert sink.flush(FLUSH_S)
        run = StoredRun(server.url, run_of(root))
        assert run.drops()["redis_lost"] == before.next_seq
    provider.shutdown()


@pytest.mark.parametrize("kept_s", [0.5, 600.0])
def test_a_run_that_was_deleted_stays_so(
    server: FaultyRedis,
    application: Callable[[str], LedgerApplication],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    kept_s: float,
) -> None:
    """Unless it was confirmed so lately that Redis may have lost it."""
    monkeypatch.setattr("spantail_exporters.delivery.recent._KEPT_S", kept_s)
    app = application(server.url)
    with app.span() as root:
        app.work(root, 3)
    assert app.sink.flush(FLUSH_S)
    confirmed = time.monotonic()
    eventually(lambda: time.monotonic() > confirmed + 0.6 and _age_of_heartbeat(server, app.sink.runner_id) < 0.1)

    def delete(client: redis.Redis) -> None:
        client.delete(*keys.run_keys(run_of(root)))
        client.client_kill_filter(_type="normal", skipme=True)

    server.change(delete)
    eventually(lambda: "reachable again" in caplog.text, FLUSH_S)
    with app.span("another", root=True) as other:
        pass
    assert app.sink.flush(FLUSH_S)
    assert _stored(server.url, run_of(other))
    assert bool(_stored(server.url, run_of(root))) == (kept_s > 1)


def _emptied(server: FaultyRedis) -> None:
    server.kill()
    server.empty()
    server.start()


def _stored(url: str, run_id: str) -> StoredRun | None:
    with redis.Redis.from_url(url) as client:
        return StoredRun(url, run_id) if client.exists(keys.run_keys(run_id).meta) else None


# ---------------------------------------------------------------- there, but not writable


def _read_only(client: Any) -> None:
    client.execute_command("REPLICAOF", "127.0.0.1", "1")


def _writable(client: Any) -> None:
    client.execute_command("REPLICAOF", "NO", "ONE")


def _no_memory(client: Any) -> None:
    client.config_set("maxmemory-policy", "noeviction")
    client.config_set("maxmemory", 1)


def _memory(client: Any) -> None:
    client.config_set("maxmemory", 0)


@pytest.mark.parametrize(
    ("harm", "heal"),
    [pytest.param(_read_only, _writable, id="replica"), pytest.param(_no_memory, _memory, id="out-of-memory")],
)
def test_it_cannot_be_written(
    server: FaultyRedis, spool_dir: Path, application: Callable[[str], LedgerApplication], harm: Any, heal: Any
) -> None:
    app = application(server.url)
    with app.span() as root:
        for _ in range(2):
            app.work(root, 200)
            assert app.sink.flush(FLUSH_S)
            held = held_by(server, run_of(root))
            server.change(harm)
            app.work(root, 1_000)
            eventually(lambda: spooled_bytes(spool_dir) > 0)
            assert held_by(server, run_of(root)) == held
            server.change(heal)
    assert app.sink.flush(FLUSH_S)
    app.assert_never_blocked()
    app.assert_closed(server.url, run_of(root))


def test_memory_comes_and_goes_in_the_midst_of_writing(
    server: FaultyRedis, application: Callable[[str], LedgerApplication]
) -> None:
    """Of several batches sent in one go a middle one may be refused: what follows it must not overtake it."""
    app = application(server.url)

    def flicker() -> None:
        for _ in range(150):
            server.change(_no_memory)
            server.change(_memory)

    with app.span() as root, ThreadPoolExecutor(1) as pool:
        flickers = pool.submit(flicker)
        while not flickers.done() and len(app.emitted[run_of(root)]) < 4_500:
            app.work(root, 50, size=2_000, pause_s=0.0005)
        flickers.result()
    assert app.sink.flush(FLUSH_S)
    app.assert_closed(server.url, run_of(root))


def test_the_password_is_changed_and_changed_back(
    tmp_path: Path, spool_dir: Path, application: Callable[[str], LedgerApplication], caplog: pytest.LogCaptureFixture
) -> None:
    with faulty_redis(tmp_path / "redis", password="right") as server:
        url = server.url
        app = application(url)
        with app.span() as root:
            app.work(root, 200)
            assert app.sink.flush(FLUSH_S)
            server.demand_password("another")
            app.work(root, 1_000)
            eventually(lambda: spooled_bytes(spool_dir) > 0)
            server.demand_password("right")
            app.work(root, 200)
        assert app.sink.flush(FLUSH_S)
        app.assert_never_blocked()
        app.assert_closed(url, run_of(root))
        assert "right" not in caplog.text


# ---------------------------------------------------------------- the wire


def test_it_is_slow(server: FaultyRedis, application: Callable[[str], LedgerApplication]) -> None:
    with wire_to(server) as wire:
        app = application(wire.url)
        wire.delay_s = 0.3
        with app.span() as root:
            app.work(root, 3_000)
        assert app.sink.flush(FLUSH_S)
        app.assert_never_blocked()
        app.assert_closed(server.url, run_of(root))
        app.provider.shutdown()


@pytest.mark.slow
def test_a_long_way_back_is_no_death(
    server: FaultyRedis,
    spool_dir: Path,
    application: Callable[[str], LedgerApplication],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What waits on disk takes its time over a slow wire; the heartbeat must not wait for it."""
    monkeypatch.setattr(
        "spantail_exporters.delivery.sender._READ_BACK", (1, 4 * 1024 * 1024)
    )  # else it all goes at once
    with wire_to(server) as wire:
        app = application(wire.url)
        with app.span() as root:
            app.work(root, 10)
            assert app.sink.flush(FLUSH_S)
            server.change(_read_only)
            app.work(root, 80, pause_s=0.1)
            server.change(_writable)
            wire.delay_s = 0.12
            eventually(lambda: held_by(server, run_of(root)) > 20, FLUSH_S)
            ages: list[float] = []

            def is_back() -> bool:
                ages.append(_age_of_heartbeat(server, app.sink.runner_id))
                return not spooled_bytes(spool_dir)

            eventually(is_back, 2 * FLUSH_S, what="nothing waits on disk any more")
            wire.delay_s = 0.0
        assert app.sink.flush(FLUSH_S)
        assert len(ages) > 1, "it was on its way"
        assert max(ages) < 6.0, "half a lease"
        app.assert_never_blocked()
        app.assert_closed(server.url, run_of(root))
        app.provider.shutdown()


def _age_of_heartbeat(server: FaultyRedis, runner_id: str) -> float:
    (now_s, now_us), beat = server.change(lambda client: (client.time(), client.get(keys.runner(runner_id))))
    return float(now_s + now_us / 1e6 - int(beat or 0) / 1e6)


@pytest.mark.parametrize("part", [0.0, 0.5, 0.95])
def test_the_connection_is_cut_in_mid_reply(
    server: FaultyRedis, application: Callable[[str], LedgerApplication], part: float
) -> None:
    """Redis has taken the batch and the worker does not know: it is sent again, and changes nothing."""
    with wire_to(server) as wire:
        app = application(wire.url)
        with app.span() as root:
            for cuts in (1, 2, 1):
                app.work(root, 300)
                wire.cut_next_replies(cuts, part)
                app.work(root, 300)
                assert app.sink.flush(FLUSH_S)
        assert app.sink.flush(FLUSH_S)
        assert wire.cuts == 4
        app.assert_never_blocked()
        app.assert_closed(server.url, run_of(root))
        app.provider.shutdown()


def test_the_name_leads_to_another_server_and_no_connection_is_cut(
    server: FaultyRedis, tmp_path: Path, application: Callable[[str], LedgerApplication]
) -> None:
    """So does a managed Redis: the primary of before is a replica now, and leaves its clients connected."""
    with faulty_redis(tmp_path / "other") as second, wire_to(server) as wire:
        app = application(wire.url)
        with app.span() as root:
            app.work(root, 200)
            assert app.sink.flush(FLUSH_S)
            wire.lead_to(second)
            server.change(_read_only)
            app.work(root, 200)
            eventually(lambda: held_by(second, run_of(root)) > 0, FLUSH_S)
        assert app.sink.flush(FLUSH_S)
        app.assert_never_blocked()
        run = app.assert_closed(second.url, run_of(root), renewed=True)
        assert len(run.spans) == 401
        app.provider.shutdown()


# ---------------------------------------------------------------- scripts


def test_scripts_are_flushed_in_the_midst_of_writing(
    server: FaultyRedis, application: Callable[[str], LedgerApplication]
) -> None:
    """Others load the script too, at any moment: between two batches that were sent in one go, for instance."""
    app, other = application(server.url), application(server.url)

    def flush_scripts() -> None:
        for _ in range(300):
            server.change(lambda client: client.script_flush())

    with app.span() as root, other.span(root=True) as other_root, ThreadPoolExecutor(1) as pool:
        flushes = pool.submit(flush_scripts)
        while not flushes.done() and len(app.emitted[run_of(root)]) < 4_000:
            app.work(root, 50, size=2_000)
            other.work(other_root, 10)
        flushes.result()
    assert app.sink.flush(FLUSH_S)
    assert other.sink.flush(FLUSH_S)
    app.assert_closed(server.url, run_of(root))
    other.assert_closed(server.url, run_of(other_root))


# ---------------------------------------------------------------- bounds


def test_without_a_disk_the_queue_counts_what_it_cannot_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, application: Callable[[str], LedgerApplication]
) -> None:
    monkeypatch.setenv("SPANTAIL_SPOOL_MAX_BYTES", "0")
    monkeypatch.setattr("spantail_exporters.delivery.spill._AHEAD_BYTES", 1)
    with faulty_redis(tmp_path / "redis", started=False) as server:
        app = application(server.url)
        sink: Any = app.sink
        sink._capacity = 1_000
        with app.span() as root:
            app.work(root, 100)
            eventually(lambda: not sink.flush(0.01))
            for _ in range(20):
                app.work(root, 200)
                waiting = len(sink._queue) + len(getattr(sink, "_starts", ()))
                assert waiting <= 1_000 + 50  # and the markers of those who wait for a flush
            server.start()
            assert app.sink.flush(FLUSH_S)
            app.work(root, 100)
        assert app.sink.flush(FLUSH_S)
        app.assert_never_blocked()
        run = app.assert_closed(server.url, run_of(root), lost=True)
        assert set(run.drops()) == {"queue_full"}
        assert run.spans[f"{root.get_span_context().span_id:016x}"]["status"] == "ok"


def test_a_full_disk_budget_is_counted_run_by_run(
    tmp_path: Path, spool_dir: Path, monkeypatch: pytest.MonkeyPatch, application: Callable[[str], LedgerApplication]
) -> None:
    monkeypatch.setenv("SPANTAIL_SPOOL_MAX_BYTES", "300000")
    with faulty_redis(tmp_path / "redis", started=False) as server:
        app = application(server.url)
        runs = []
        for _ in range(4):
            with app.span() as root:
                app.work(root, 300, size=300, pause_s=0.0005)
            runs.append(run_of(root))
            assert spooled_bytes(spool_dir) <= 300_000
        sink: Any = app.sink
        eventually(lambda: not sink._queue and not getattr(sink, "_starts", ()))
        assert not app.sink.flush(0.1)
        server.start()
        assert app.sink.flush(FLUSH_S), "the counts too"
        app.assert_never_blocked()
        app.assert_closed(server.url, runs[0])
        for run_id in runs[2:]:  # their very first event did not fit any more
            run = app.assert_closed(server.url, run_id, lost=True)
            assert set(run.drops()) == {"spool_full"}


# ---------------------------------------------------------------- the process goes, its spool stays

_DOOMED = """
import sys
from opentelemetry.sdk.trace import TracerProvider
from spantail.live import LiveSpanProcessor
from spantail_exporters.livetail import create_sink
from tests.support.waiting import eventually
sink = create_sink(sys.argv[1])
provider = TracerProvider()
provider.add_span_processor(LiveSpanProcessor(sink))
tracer = provider.get_tracer("t")
with tracer.start_as_current_span("root") as root:
    for n in range(400):
        with tracer.start_as_current_span("step"):
            pass
if sys.argv[2] == "killed":  # by then all is on disk; otherwise the shutdown has to take it there
    eventually(lambda: sink._idle and not (sink._queue or sink._starts or sink._sender.in_memory), 60)
print(f"{root.get_span_context().trace_id:032x}", flush=True)
if sys.argv[2] == "killed":
    sys.stdin.read()
sink.shutdown(5)  # all of it: Redis does not come
"""


@pytest.mark.parametrize("end", ["killed", "clean"])
def test_what_a_process_could_not_deliver_is_delivered_by_the_next(
    tmp_path: Path, spool_dir: Path, application: Callable[[str], LedgerApplication], end: str
) -> None:
    with faulty_redis(tmp_path / "redis", started=False) as server:
        process = subprocess.Popen(
            [sys.executable, "-c", _DOOMED, server.url, end],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        with process:
            assert process.stdout is not None
            run_id = process.stdout.readline().decode().strip()
            if end == "killed":
                process.send_signal(signal.SIGKILL)
            process.wait(20)
        assert spooled_bytes(spool_dir) > 0
        server.start()
        app = application(server.url)
        with app.span() as root:
            app.work(root, 3)
        assert app.sink.flush(FLUSH_S)
        eventually(lambda: _stored(server.url, run_id), FLUSH_S)
        eventually(lambda: StoredRun(server.url, run_id).meta["status"] == "completed", FLUSH_S)
        run = StoredRun(server.url, run_id)
        assert len(run.spans) == 401
        assert all(None not in run.come_from(span_id) for span_id in run.spans)
        assert run.drops() == {}
        app.provider.shutdown()
        assert list(spool_dir.rglob("*.spool")) == []


# ---------------------------------------------------------------- cluster


@pytest.mark.slow
@pytest.mark.parametrize("named", ["as a cluster", "by one of its nodes"])
def test_a_cluster(tmp_path: Path, application: Callable[[str], LedgerApplication], named: str) -> None:
    with redis_cluster(tmp_path) as cluster:
        app = application(cluster.url if named == "as a cluster" else cluster.nodes[0].url)
        holders: dict[str, FaultyRedis] = {}
        while len({holder.port for holder in holders.values()}) < len(cluster.nodes):
            with app.span() as root:
                app.work(root, 30)
            run_id = run_of(root)
            holders[run_id] = cluster.holder_of(cluster.slot_of(keys.run_keys(run_id).meta))
        assert app.sink.flush(FLUSH_S)
        for run_id, holder in holders.items():
            app.assert_closed(holder.url, run_id)
        recent = cluster.holder_of(cluster.slot_of(keys.RUNS_RECENT))
        listed = recent.change(lambda client: client.zrange(keys.RUNS_RECENT, 0, -1))
        assert sorted(listed) == sorted(run_id.encode() for run_id in holders)
        app.provider.shutdown()


@pytest.mark.slow
def test_a_slot_moves_while_it_is_written_to(tmp_path: Path, application: Callable[[str], LedgerApplication]) -> None:
    with redis_cluster(tmp_path) as cluster:
        app = application(cluster.url)
        with app.span() as root, app.span("in another slot", root=True) as other:
            slot = cluster.slot_of(keys.run_keys(run_of(root)).meta)
            targets = itertools.cycle(cluster.nodes)
            for _ in range(4):
                app.work(root, 100)
                assert app.sink.flush(FLUSH_S)
                holder = cluster.holder_of(slot)
                target = next(node for node in targets if node is not holder)
                with cluster.moving(slot, target):
                    app.work(root, 300)
                    app.sink.flush(0.3)
                app.work(root, 100)
        assert app.sink.flush(FLUSH_S)
        app.assert_never_blocked()
        app.assert_closed(cluster.holder_of(slot).url, run_of(root))
        other_slot = cluster.slot_of(keys.run_keys(run_of(other)).meta)
        app.assert_closed(cluster.holder_of(other_slot).url, run_of(other))
        app.provider.shutdown()


@pytest.mark.slow
def test_a_node_of_a_cluster_dies_and_comes_back(
    tmp_path: Path, application: Callable[[str], LedgerApplication]
) -> None:
    with redis_cluster(tmp_path) as cluster:
        for node in cluster.nodes:
            node.change(lambda client: client.config_set("appendfsync", "always"))
        app = application(cluster.url)
        with app.span() as root:
            app.work(root, 100)
            assert app.sink.flush(FLUSH_S)
            holder = cluster.holder_of(cluster.slot_of(keys.run_keys(run_of(root)).meta))
            holder.kill()
            app.work(root, 500)
            assert not app.sink.flush(0.2)
            holder.start()
            app.work(root, 100)
        assert app.sink.flush(FLUSH_S)
        app.assert_never_blocked()
        app.assert_closed(holder.url, run_of(root))
        app.provider.shutdown()


def test_a_wrong_address_raises_nothing_in_the_application() -> None:
    sink = create_sink("redis://127.0.0.1:1/0")
    assert sink.flush(0.1)
    assert sink.shutdown(0.1)
