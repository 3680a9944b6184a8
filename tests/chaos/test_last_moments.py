"""`kill -9` while Redis hangs, or is slow: it takes what was handed over in the last 100 ms, and nothing older.

The killed process is a busy application with a ledger of its own, in which each call stands before it is made; a
pulse in that ledger tells for how long the machine did not let the process run.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from spantail_exporters.model import keys
from tests.integration.service.harness import source_environment
from tests.soak.accounts import close_accounts
from tests.soak.conductor import Journal
from tests.soak.ledger import PULSE, START, read
from tests.support.redis.faults import faulty_redis, redis_cluster, wire_to
from tests.support.runs.ledger import held_by, run_of
from tests.support.runs.live_runs import StoredRun
from tests.support.tools import ROOT
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.soak.accounts import Accounts
    from tests.support.redis.faults import Wire
    from tests.support.runs.ledger import LedgerApplication

pytestmark = pytest.mark.xdist_group("chaos")

SOON_S = 60.0  # on a machine that is busy with other tests


class Workloads:
    """Processes of the soak's workload, one after the other, and what was done to them."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.spool = folder / "spool"
        self.journal = Journal()
        self._environment = {**source_environment(), "SPANTAIL_REDIS_URL": url, "SPANTAIL_SPOOL_DIR": str(self.spool)}
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        ledger = self.folder / f"ledger-{len(self._processes)}"
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.soak.workload", "--ledger", str(ledger), "--seed", "1", *arguments],
            cwd=ROOT, env=self._environment, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.journal.ledgers[process.pid] = ledger
        self._processes.append(process)
        return process

    def has_done(self, process: subprocess.Popen[bytes], spans: int, *, since_us: int = 0) -> bool:
        """Whether it has worked on since a moment: so many spans were begun, and its pulse is there."""
        path = self.journal.ledgers[process.pid]
        lines = [line for line in read(path) if line.time_us > since_us] if path.exists() else []
        return sum(line.what == START for line in lines) >= spans and any(line.what == PULSE for line in lines)

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        self.journal.note("workload killed", process.pid)
        process.kill()
        process.wait(SOON_S)

    @property
    def spooled_bytes(self) -> int:
        size = 0
        for path in self.spool.rglob("*.spool"):
            with contextlib.suppress(FileNotFoundError):  # delivered since it was listed
                size += path.stat().st_size
        return size

    def close(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.wait(SOON_S)


@pytest.fixture
def workloads(tmp_path: Path) -> Iterator[Callable[[str], Workloads]]:
    with contextlib.ExitStack() as stack:

        def make(url: str) -> Workloads:
            made = Workloads(tmp_path, url)
            stack.callback(made.close)
            return made

        yield make


def killed_in(trouble: Callable[[], AbstractContextManager[None]], work: Workloads, after_s: float) -> None:
    """Kill a busy application in the midst of trouble; another one starts in it, and goes on after it."""
    process = work.start()
    eventually(lambda: work.has_done(process, 100), SOON_S, what="it is busy")
    with trouble():
        since_us = time.time_ns() // 1000 + int(after_s * 1e6)
        eventually(lambda: work.has_done(process, 0, since_us=since_us), SOON_S, what="it goes on")
        work.kill(process)
        heir = work.start("--threads", "1")
        eventually(lambda: work.has_done(heir, 1), SOON_S, what="another one is at work")
    over_us = time.time_ns() // 1000
    eventually(lambda: work.has_done(heir, 50, since_us=over_us), SOON_S, what="that one goes on")
    # a node of a cluster takes some seconds to be one again: an heir that ended before would leave the rest to the next
    eventually(lambda: work.spooled_bytes == 0, SOON_S, what="all of it has been delivered")
    heir.terminate()
    assert heir.wait(SOON_S) == 0
    assert work.spooled_bytes == 0, "what was at hand too"


def assert_only_the_last_moments_are_missing(accounts: Accounts) -> None:
    assert accounts.closed, accounts.table()
    assert not accounts.drops, accounts.table()
    assert accounts.spans["stored as they ended"] > 100, accounts.table()
    # a process with two threads had so many calls to make in 100 ms, and in what the machine held it up
    assert accounts.spans["went with a killed process"] < accounts.spans["in the ledgers"] / 4, accounts.table()


@contextlib.contextmanager
def slow(wire: Wire, delay_s: float) -> Iterator[None]:
    wire.delay_s = delay_s
    try:
        yield
    finally:
        wire.delay_s = 0.0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "after_s"),
    [("hangs", 0.15), ("hangs", 1.5), ("is slow", 0.3), ("is slow", 1.5), ("is at the edge of being slow", 1.5)],
)
def test_a_kill_takes_the_last_moments_and_no_more(
    tmp_path: Path, workloads: Callable[[str], Workloads], how: str, after_s: float
) -> None:
    with faulty_redis(tmp_path / "redis") as server, wire_to(server) as wire:
        work = workloads(wire.url)
        delay_s = {"is slow": 0.2, "is at the edge of being slow": 0.05}.get(how)
        killed_in(lambda: slow(wire, delay_s) if delay_s else server.hanging(), work, after_s)
        accounts = close_accounts(work.journal, lambda run_id: StoredRun(server.url, run_id), reaped=False)
    assert_only_the_last_moments_are_missing(accounts)


@pytest.mark.slow
def test_a_kill_while_one_node_of_a_cluster_hangs(tmp_path: Path, workloads: Callable[[str], Workloads]) -> None:
    with redis_cluster(tmp_path) as cluster:
        work = workloads(cluster.url)

        def stored(run_id: str) -> StoredRun:
            return StoredRun(cluster.holder_of(cluster.slot_of(keys.run_keys(run_id).meta)).url, run_id)

        killed_in(cluster.nodes[1].hanging, work, 1.5)
        eventually(cluster._stands, SOON_S)
        accounts = close_accounts(work.journal, stored, reaped=False)
    assert_only_the_last_moments_are_missing(accounts)


# ---------------------------------------------------------------- slow, but alive


def test_answers_that_come_after_the_timeout_double_nothing(
    tmp_path: Path, spool_dir: Path, application: Callable[[str], LedgerApplication]
) -> None:
    with faulty_redis(tmp_path / "redis") as server, wire_to(server) as wire:
        app = application(wire.url)
        with app.span() as root:
            for delay_s in (0.12, 0.0, 0.05, 0.2, 0.0):
                wire.delay_s = delay_s
                app.work(root, 60, pause_s=0.002)
        assert app.sink.flush(SOON_S)
        app.assert_never_blocked()
        run = app.assert_closed(server.url, run_of(root))
        ends = [event["name"] for event in run.events if event["event"].endswith("_complete")]
        assert ends == [*(f"step {n}" for _ in range(5) for n in range(60)), "root"], "in order"
        assert not list(spool_dir.rglob("*.spool")), "what was overdue has been taken from the disk again"
        assert held_by(server, run_of(root)) == len(run.events)


def test_a_slow_redis_keeps_up_with_a_steady_application(
    tmp_path: Path, spool_dir: Path, application: Callable[[str], LedgerApplication]
) -> None:
    """A batch every 10 ms, and an answer every 200 ms: what waits on disk goes out many at a time."""
    with faulty_redis(tmp_path / "redis") as server, wire_to(server) as wire:
        app = application(wire.url)
        wire.delay_s = 0.2
        with app.span() as root:
            app.work(root, 1_000, pause_s=0.003)
            behind = len(app.emitted[run_of(root)]) - held_by(server, run_of(root))
            assert behind < 700, "half of it has been stored already"
        assert app.sink.flush(SOON_S)
        app.assert_closed(server.url, run_of(root))
        assert not list(spool_dir.rglob("*.spool"))
        app.provider.shutdown()


def test_a_flush_under_steady_load_comes_to_its_end(
    tmp_path: Path, spool_dir: Path, application: Callable[[str], LedgerApplication]
) -> None:
    """Something is always on its way: who flushes waits for what was before."""
    with faulty_redis(tmp_path / "redis") as server, wire_to(server) as wire:
        app, done = application(wire.url), threading.Event()
        wire.delay_s = 0.03

        def go_on() -> None:
            with app.span() as root:
                while not done.is_set():
                    app.work(root, 1, pause_s=0.001)

        thread = threading.Thread(target=go_on)
        thread.start()
        try:
            for _ in range(3):
                eventually(lambda: app.emitted, SOON_S)
                ((run_id, emitted),) = app.emitted.items()
                before = len(emitted)
                assert app.sink.flush(SOON_S)
                assert held_by(server, run_id) >= before - 1, "the root, and what has ended; the last one may be open"
        finally:
            done.set()
            thread.join(SOON_S)
        app.provider.shutdown()
