"""When to try again, what to send once more, and what goes to disk: each by itself, with a clock of the test's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from spantail_exporters.delivery import recent as recent_module
from spantail_exporters.delivery import spill
from spantail_exporters.delivery.recent import Recent
from spantail_exporters.delivery.retry import Retry
from spantail_exporters.delivery.spill import Backlog
from spantail_exporters.model.batch import Batch
from spantail_exporters.model.changes import Change, Changes

if TYPE_CHECKING:
    from collections.abc import Iterable

NOW = 1_000.0


def batch(number: int, size: int = 100, drops: dict[str, int] | None = None) -> Batch:
    changes = Changes([Change("", "", [b"x" * size])] if size else ())
    return Batch("4bf92f3577b34da6a3ce929d0e0e4736", "w", number, changes, drops or {})


def numbers(batches: Iterable[Batch]) -> list[int]:
    return [one.writer_seq for one in batches]


# ---------------------------------------------------------------- retry


def test_each_failure_waits_longer_up_to_a_limit() -> None:
    retry = Retry()
    assert (retry.is_away, retry.due_at) == (False, 0.0)
    longest_s = [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, *[5.0] * 30]
    for failures, longest in enumerate(longest_s, 1):
        retry.failed(NOW)
        assert retry.failures == failures
        assert NOW + longest / 2 <= retry.due_at <= NOW + longest
    assert retry.is_away


def test_a_success_begins_at_the_shortest_again() -> None:
    retry = Retry()
    for _ in range(10):
        retry.failed(NOW)
    retry.succeeded()
    assert (retry.is_away, retry.due_at) == (False, 0.0)
    retry.failed(NOW)
    assert retry.due_at <= NOW + 0.1


def test_processes_do_not_come_back_at_once() -> None:
    many = [Retry() for _ in range(20)]
    for retry in many:
        retry.failed(NOW)
    assert len({retry.due_at for retry in many}) > 1


# ---------------------------------------------------------------- recent


def test_what_is_sent_again_takes_back_what_was_counted_as_lost() -> None:
    recent = Recent()
    recent.add(batch(1, drops={"queue_full": 2}), 3, NOW)
    recent.add(batch(2, size=0), 0, NOW)  # a ping holds nothing that could be lost
    assert numbers(recent.batches) == [1]
    assert recent.batches[0].drops == {"queue_full": 2, "redis_lost": -3}


def test_what_is_old_is_forgotten() -> None:
    recent = Recent()
    for number in range(5):
        recent.add(batch(number), 1, NOW + number)
    recent.forget_old(NOW + 4.5)
    assert numbers(recent.batches) == [2, 3, 4]
    recent.forget_old(NOW + 100)
    assert recent.batches == []


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent_module, "_KEPT_BYTES", 250)
    recent = Recent()
    for number in range(5):
        recent.add(batch(number), 1, NOW)
    recent.forget_old(NOW)
    assert numbers(recent.batches) == [3, 4]


# ---------------------------------------------------------------- spill


class Disk:
    """A spool in memory that holds so many batches."""

    def __init__(self, capacity: int) -> None:
        self.batches: list[Batch] = []
        self._capacity = capacity

    @property
    def empty(self) -> bool:
        return not self.batches

    size_bytes = 0

    def append(self, batch: Batch) -> bool:
        if len(self.batches) >= self._capacity:
            return False
        self.batches.append(batch)
        return True

    def peek(self, max_batches: int, max_bytes: int) -> list[Batch]:
        assert max_bytes
        return self.batches[:max_batches]

    def advance(self, count: int) -> None:
        del self.batches[:count]

    def close(self) -> None:
        """Nothing to let go of."""


class Full:
    """A backlog, its disk, and what it lost."""

    def __init__(self, capacity: int | None = 10) -> None:
        self.disk = Disk(capacity or 0)
        self.lost: list[Batch] = []
        self.backlog = Backlog(None if capacity is None else self.disk, self.lost.append)

    def spill(self, *, is_asked: bool) -> None:
        self.backlog.spill(lambda batch: batch, is_asked=is_asked)


def test_in_order_to_disk_what_is_under_way_first() -> None:
    full = Full()
    full.backlog.offer([batch(1), batch(2)], NOW)
    assert numbers(full.backlog.send_all()) == [1, 2]
    full.backlog.offer([batch(3)], NOW + 1)
    assert full.backlog.overdue_at == NOW + spill.OVERDUE_S, "the oldest tells"
    full.spill(is_asked=True)
    assert numbers(full.disk.batches) == [1, 2, 3]
    assert (full.backlog.in_memory, full.backlog.spooled) == (False, True)
    full.backlog.stored()
    assert numbers(full.disk.batches) == [3], "the answer came after all"


def test_without_an_answer_all_of_it_is_sent_again() -> None:
    full = Full()
    full.backlog.offer([batch(1)], NOW)
    full.backlog.send_all()
    full.backlog.offer([batch(2)], NOW + 1)
    full.backlog.begin_again()
    assert full.backlog.overdue_at == NOW + spill.OVERDUE_S
    assert numbers(full.backlog.send_all()) == [1, 2]


def test_once_spilled_it_comes_from_the_disk_alone() -> None:
    full = Full()
    full.backlog.offer([batch(1)], NOW)
    full.backlog.send_all()
    full.spill(is_asked=False)
    full.backlog.begin_again()
    full.backlog.stored()
    assert not full.backlog.pending
    assert numbers(full.disk.batches) == [1], "nothing was stored: a call that is over takes nothing with it"


@pytest.mark.parametrize("is_asked", [True, False])
def test_a_full_disk_loses_what_cannot_be_stored_any_more(*, is_asked: bool) -> None:
    full = Full(capacity=1)
    full.backlog.offer([batch(1), batch(2)], NOW)
    full.backlog.send_all()
    full.backlog.offer([batch(3)], NOW)
    full.spill(is_asked=is_asked)
    assert numbers(full.disk.batches) == [1]
    assert numbers(full.lost) == ([] if is_asked else [2, 3])
    assert full.backlog.events_in_memory == (2 if is_asked else 0)


def test_without_a_disk_it_stays_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spill, "_AHEAD_BYTES", 150)
    full = Full(capacity=None)
    full.backlog.offer([batch(1)], NOW)
    before = full.backlog.accepts
    full.backlog.offer([batch(2)], NOW)
    assert (before, full.backlog.accepts) == (True, False)
    full.spill(is_asked=False)
    assert (full.backlog.in_memory, full.backlog.spooled, full.lost) == (True, False, [])
