"""The soak in short, and the accountant himself: does he see what is wrong?"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tests.soak.accounts import Accounts, close_accounts
from tests.soak.conductor import Conductor, Deed, Journal
from tests.soak.ledger import END, LOG, PULSE, START, Ledger
from tests.support.runs.live_runs import StoredRun

if TYPE_CHECKING:
    from pathlib import Path

RUN = "4bf92f3577b34da6a3ce929d0e0e4736"
ROOT, LEAF = "00000000000000a1", "00000000000000a2"
PID = 4242


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1])
def test_the_accounts_close_under_random_kills(tmp_path: Path, seed: int) -> None:
    said: list[str] = []
    with Conductor(tmp_path, seed, say=said.append) as conductor:
        conductor.conduct(20)
        accounts = close_accounts(conductor.journal, partial(StoredRun, conductor.redis.url))
    story = "\n".join([*said, accounts.table()])
    assert accounts.closed, story
    assert accounts.spans["stored as they ended"] > 100, story


# --------------------------------------------------------------------- what the accountant sees, in made-up worlds


class World:
    """One run of one process: a ledger, and what Redis is said to hold."""

    def __init__(self, folder: Path) -> None:
        self.journal = Journal(ledgers={PID: folder / "ledger"})
        ledger = Ledger(folder / "ledger")
        ledger.write(0, START, RUN, ROOT)
        ledger.write(0, START, RUN, LEAF, ROOT)
        ledger.write(0, LOG, RUN, LEAF, "1")
        ledger.write(0, LOG, RUN, LEAF, "2")
        ledger.write(0, END, RUN, LEAF, "ok")
        ledger.write(0, END, RUN, ROOT, "error")
        self.written_us = time.time_ns() // 1000
        self.events: list[dict[str, Any]] = [
            self.event(ROOT, None, "running", 1),
            self.event(LEAF, ROOT, "running", 1),
            self.log(1),
            self.log(2),
            self.event(LEAF, ROOT, "ok", 2),
            self.event(ROOT, None, "error", 2),
        ]
        self.spans = {event["span_id"]: event for event in self.events if event["event"] != "log"}
        self.meta: dict[str, str] = {"status": "failed"}

    @staticmethod
    def event(span_id: str, parent: str | None, status: str, rev: int) -> dict[str, Any]:
        return {"event": "span_x", "span_id": span_id, "parent_id": parent, "status": status, "rev": rev}

    @staticmethod
    def log(number: int) -> dict[str, Any]:
        return {"event": "log", "span_id": LEAF, "message": f"line {number}"}

    def done(self, what: str, before_s: float = 0.0, pid: int = 0) -> None:
        self.journal.deeds.append(Deed(self.written_us + int(before_s * 1e6), what, pid))

    def pulses(self, *after_s: float) -> None:
        """The process was there so long after it had written the rest."""
        with self.journal.ledgers[PID].open("a", encoding="ascii") as ledger:
            ledger.writelines(f"{self.written_us + int(at * 1e6)} 0 {PULSE} - - -\n" for at in after_s)

    def close(self, **options: Any) -> Accounts:
        run = StoredRun.__new__(StoredRun)
        run.first, run.events, run.spans = 0, self.events, self.spans
        run.meta = {"next": str(len(self.events)), **self.meta} if self.meta else {}
        return close_accounts(self.journal, lambda _: run, **options)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_all_is_well(world: World) -> None:
    accounts = world.close()
    assert accounts.closed
    assert (accounts.spans["stored as they ended"], accounts.logs["stored"]) == (2, 2)
    assert "the accounts are closed" in accounts.table()


def test_a_span_that_is_missing(world: World) -> None:
    del world.spans[LEAF]
    accounts = world.close()
    assert accounts.faults == {"lost in silence": 1}
    assert LEAF in accounts.table()


def test_a_log_line_that_is_missing(world: World) -> None:
    del world.events[3]
    assert world.close().faults == {"lost in silence": 1}


def test_a_counted_drop_covers_one_item_and_no_more(world: World) -> None:
    world.meta["drop:queue_full"] = "1"
    del world.events[3]
    assert world.close().closed
    del world.events[2]
    assert world.close().faults == {"lost in silence": 1}


def test_a_kill_covers_the_last_100_ms_and_must_be_marked(world: World) -> None:
    del world.events[3]
    world.done("workload killed", 0.05, PID)
    assert world.close().faults == {"lost something to a kill, and is not marked maybe_incomplete": 1}
    world.meta["maybe_incomplete"] = "1"
    assert world.close().closed


def test_a_kill_covers_nothing_older(world: World) -> None:
    del world.events[3]
    world.meta["maybe_incomplete"] = "1"
    world.done("workload killed", 0.5, PID)
    assert world.close().faults == {"lost in silence": 1}


def test_a_machine_that_did_not_let_the_process_run_covers_as_much_more(world: World) -> None:
    del world.events[3]
    world.meta["maybe_incomplete"] = "1"
    world.pulses(0)
    for killed_s in (0.3, 3):
        world.journal.deeds.clear()
        world.done("workload killed", killed_s, PID)
        assert world.close().closed, f"no pulse for {killed_s} s"
    world.pulses(2.95)
    assert world.close().closed, "the gap reached into the last moments"
    world.pulses(*(3 + n / 100 for n in range(200)))
    world.journal.deeds.clear()
    world.done("workload killed", 5, PID)
    assert world.close().faults == {"lost in silence": 1}, "the gap was long before"


def test_what_is_not_reaped_may_be_open_but_not_without_its_end(world: World) -> None:
    world.spans[LEAF] = world.event(LEAF, ROOT, "running", 1)
    world.done("workload killed", 0.05, PID)
    assert world.close(reaped=False).closed
    world.journal.deeds.clear()
    world.done("workload killed", 0.5, PID)
    assert world.close(reaped=False).faults == {"spins for ever": 1}


def test_a_loss_of_redis_covers_only_when_it_was_counted(world: World) -> None:
    del world.events[3]
    world.done("redis killed and set back", 0.1)
    assert world.close().faults == {"lost in silence": 1}
    world.meta["drop:redis_lost"] = "1"
    assert world.close().closed


def test_a_loss_of_redis_covers_nothing_that_came_after(world: World) -> None:
    del world.events[3]
    world.meta["drop:redis_lost"] = "1"
    world.done("redis killed and emptied", -60)
    assert world.close().faults == {"lost in silence": 1}


def test_a_run_that_went_as_a_whole(world: World) -> None:
    world.done("redis killed and emptied", 5)
    world.spans, world.events, world.meta = {}, [], {}
    accounts = world.close()
    assert accounts.closed
    assert accounts.runs["absent"] == 1


def test_a_span_that_spins(world: World) -> None:
    world.spans[LEAF] = world.event(LEAF, ROOT, "running", 1)
    assert world.close().faults == {"spins for ever": 1}


def test_the_living_are_taken_for_dead(world: World) -> None:
    world.spans[LEAF] = world.event(LEAF, ROOT, "abandoned", 1)
    assert world.close().faults == {"abandoned, but it had ended": 1}


def test_a_wrong_parent(world: World) -> None:
    world.spans[LEAF]["parent_id"] = None
    assert world.close().faults == {"under a wrong parent": 1}


def test_another_end(world: World) -> None:
    world.spans[LEAF] = world.event(LEAF, ROOT, "error", 2)
    assert world.close().faults == {"stored with another end": 1}


def test_what_nobody_emitted(world: World) -> None:
    world.spans["00000000000000a3"] = world.event("00000000000000a3", ROOT, "ok", 1)
    world.events.append(world.log(3))
    assert set(world.close().faults) >= {"stored, but never started", "stored, but never logged"}


def test_order(world: World) -> None:
    world.events[2], world.events[3] = world.events[3], world.events[2]
    assert world.close().faults == {"out of order": 1}


def test_going_on_after_the_end(world: World) -> None:
    world.events.append(world.event(LEAF, ROOT, "running", 3))
    assert world.close().faults == {"out of order": 1}


def test_told_twice(world: World) -> None:
    world.events.insert(3, world.log(1))
    assert world.close().faults["told twice"] == 1


def test_a_hole(world: World) -> None:
    world.meta["next"] = "9"
    assert world.close().faults == {"a hole in the sequence": 1}
