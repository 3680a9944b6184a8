"""One worker of a process, whoever starts it and wherever that is interrupted."""

from __future__ import annotations

import _thread
import threading
import time
from typing import TYPE_CHECKING

import pytest

from spantail_exporters.worker.thread import Signal, WorkerThread
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

SOON_S = 20.0


class Work:
    """What the worker does: it counts the threads that came, says that it is there, and waits for its end."""

    def __init__(self) -> None:
        self.begun = 0
        self.is_there, self.may_end = Signal(), Signal()
        self.worker = WorkerThread(self._work, "spantail-test")

    def _work(self) -> None:
        self.begun += 1
        self.is_there.set()
        self.may_end.wait(SOON_S)


@pytest.fixture
def work() -> Iterator[Work]:
    one = Work()
    yield one
    one.may_end.set()
    one.worker.join(SOON_S)


def named() -> int:
    return sum(thread.name == "spantail-test" for thread in threading.enumerate())


def test_a_signal_is_for_one_who_waits() -> None:
    signal = Signal()
    assert not signal.wait(0)
    assert not signal.wait(-1), "an end that has passed is no end"
    signal.set()
    signal.set()
    assert signal.wait(float("inf"))
    assert not signal.wait(0)


def test_of_many_threads_one_works(work: Work) -> None:
    starters = [threading.Thread(target=work.worker.start) for _ in range(20)]
    for starter in starters:
        starter.start()
    for starter in starters:
        starter.join(SOON_S)
    assert work.worker.await_or_start(work.is_there, SOON_S)
    eventually(lambda: named() == 1)
    assert work.begun == 1


def test_an_end_is_waited_for(work: Work) -> None:
    work.worker.join(SOON_S)  # nobody is there
    work.worker.start()
    assert work.worker.await_or_start(work.is_there, SOON_S)
    assert work.worker.at_work
    work.may_end.set()
    for _ in range(2):
        work.worker.join(SOON_S)
    assert named() == 0
    assert (work.worker.has_begun, work.worker.at_work) == (True, False)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("started", [True, False])
def test_a_start_that_raised_takes_nothing_back(
    work: Work, monkeypatch: pytest.MonkeyPatch, error: type[BaseException], *, started: bool
) -> None:
    start = threading.Thread.start

    def interrupted(thread: threading.Thread) -> None:
        if started:
            start(thread)
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", interrupted)
        with pytest.raises(error):
            work.worker.start()
    work.worker.start()
    assert work.worker.await_or_start(work.is_there, SOON_S)
    eventually(lambda: named() == 1)
    assert work.begun == 1


def test_who_waits_has_another_one_come_where_the_start_hangs(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal may have interrupted it: before there was a thread, or before the thread took the claim."""
    monkeypatch.setattr(threading.Thread, "start", lambda _: None)
    work.worker.start()
    assert not work.worker.has_begun
    assert work.worker.await_or_start(work.is_there, SOON_S)
    assert work.begun == 1


def test_who_waits_needs_no_lock_of_threading(work: Work) -> None:
    held, leave = Signal(), Signal()

    def hold() -> None:
        with threading._active_limbo_lock:  # type: ignore[attr-defined]
            held.set()
            leave.wait(SOON_S)

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(SOON_S)
    try:
        assert work.worker.await_or_start(work.is_there, SOON_S)
        assert work.begun == 1
    finally:
        leave.set()
        holder.join(SOON_S)


def test_without_threads_nobody_waits(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    before = time.monotonic()
    with monkeypatch.context() as patch:
        patch.setattr(_thread, "start_new_thread", refuse)
        assert not work.worker.await_or_start(work.is_there, SOON_S)
    assert time.monotonic() - before < SOON_S / 2
    work.worker.start()
    assert work.worker.await_or_start(work.is_there, SOON_S)


def test_a_worker_that_failed_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ValueError("words")

    said: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", said.append)
    worker = WorkerThread(fail, "spantail-test")
    worker.start()
    eventually(lambda: worker.has_begun)
    worker.join(SOON_S)
    assert not worker.at_work
    assert [str(one.exc_value) for one in said] == ["words"]
