"""The thread that talks to Redis: answers, errors, order, and its end."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
import weakref
from typing import TYPE_CHECKING

import pytest
from opentelemetry.context import get_value

from spantail_exporters.redis.waiter import Waiter

if TYPE_CHECKING:
    from collections.abc import Iterator

SOON_S = 20.0


@pytest.fixture
def waiter() -> Iterator[Waiter]:
    one = Waiter()
    yield one
    assert one.close(SOON_S)


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "spantail-waiter"]


def fail(error: BaseException) -> None:
    raise error


def test_it_starts_with_the_first_call_and_carries_all_on_one_thread(waiter: Waiter) -> None:
    assert threads() == []
    found = [waiter.ask(threading.get_ident).result(SOON_S) for _ in range(3)]
    assert len(set(found)) == 1
    assert found[0] != threading.get_ident()
    assert threads() == ["spantail-waiter"]


def test_calls_are_carried_out_in_order_one_at_a_time(waiter: Waiter) -> None:
    gate, seen = threading.Event(), list[int]()
    first = waiter.ask(lambda: gate.wait(SOON_S))
    others = [waiter.ask(lambda n=n: seen.append(n)) for n in range(5)]  # type: ignore[misc]
    assert not first.done()
    assert not any(answer.done() for answer in others)
    gate.set()
    for answer in others:
        answer.result(SOON_S)
    assert first.result() is True
    assert seen == list(range(5))


@pytest.mark.parametrize("error", [ValueError("words"), KeyboardInterrupt(), SystemExit(3)], ids=repr)
def test_an_error_is_the_answer_and_no_end_of_the_thread(waiter: Waiter, error: BaseException) -> None:
    assert waiter.ask(lambda: fail(error)).exception(SOON_S) is error
    assert waiter.ask(lambda: 1).result(SOON_S) == 1


def test_what_it_does_is_not_traced(waiter: Waiter) -> None:
    assert waiter.ask(lambda: get_value("suppress_instrumentation")).result(SOON_S) is True


class Load:
    """Something large that a call holds on to."""

    def carry(self) -> int:
        return 7


def test_it_keeps_nothing_of_a_call_that_is_over(waiter: Waiter) -> None:
    load = Load()
    gone = weakref.ref(load)
    answer = waiter.ask(load.carry)
    assert answer.result(SOON_S) == 7
    del load
    waiter.ask(lambda: None).result(SOON_S)
    gc.collect()
    assert gone() is None


# ---------------------------------------------------------------- the end


def test_the_end_without_a_call() -> None:
    assert Waiter().close(0.0)


def test_the_end_comes_after_what_was_asked_for() -> None:
    waiter = Waiter()
    answers = [waiter.ask(lambda n=n: n) for n in range(100)]  # type: ignore[misc]
    assert waiter.close(SOON_S)
    assert [answer.result(0) for answer in answers] == list(range(100))
    assert threads() == []


def test_the_end_does_not_wait_for_a_call_that_hangs() -> None:
    waiter, gate = Waiter(), threading.Event()
    answer = waiter.ask(lambda: gate.wait(SOON_S))
    begun = time.monotonic()
    assert not waiter.close(0.05)
    assert time.monotonic() - begun < SOON_S / 2
    assert not answer.done()
    gate.set()
    assert waiter.close(SOON_S), "the thread ends when the call does"
    assert answer.result(0) is True


# ---------------------------------------------------------------- no thread to be had


def test_without_a_thread_the_asker_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    waiter = Waiter()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", lambda _: fail(RuntimeError("can't start new thread")))
        answer = waiter.ask(threading.get_ident)
        assert answer.done()
        assert answer.result(0) == threading.get_ident()
        assert isinstance(waiter.ask(lambda: fail(OSError())).exception(0), OSError)
        assert waiter.close(0.0), "there is nothing to end"
    assert waiter.ask(threading.get_ident).result(SOON_S) != threading.get_ident(), "now there is one"
    assert waiter.close(SOON_S)


@pytest.mark.skipif(os.name != "posix", reason="a signal of POSIX")
def test_a_cut_connection_is_an_error_also_where_sigpipe_is_set_to_its_default() -> None:
    """As command-line tools set it: the signal would end the process."""
    script = """
import os, signal
from spantail_exporters.redis.waiter import Waiter

signal.signal(signal.SIGPIPE, signal.SIG_DFL)
reading, writing = os.pipe()
os.close(reading)
waiter = Waiter()
print(type(waiter.ask(lambda: os.write(writing, b"x")).exception(20)).__name__)
assert waiter.close(20)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "BrokenPipeError\n"), done.stderr
