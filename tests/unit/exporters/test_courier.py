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

from spantail_exporters.redis.waiter import Courier

if TYPE_CHECKING:
    from collections.abc import Iterator

SOON_S = 20.0


@pytest.fixture
def courier() -> Iterator[Courier]:
    one = Courier()
    yield one
    assert one.close(SOON_S)


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "spantail-courier"]


def fail(error: BaseException) -> None:
    raise error


def test_it_starts_with_the_first_call_and_carries_all_on_one_thread(courier: Courier) -> None:
    assert threads() == []
    found = [courier.ask(threading.get_ident).result(SOON_S) for _ in range(3)]
    assert len(set(found)) == 1
    assert found[0] != threading.get_ident()
    assert threads() == ["spantail-courier"]


def test_calls_are_carried_out_in_order_one_at_a_time(courier: Courier) -> None:
    gate, seen = threading.Event(), list[int]()
    first = courier.ask(lambda: gate.wait(SOON_S))
    others = [courier.ask(lambda n=n: seen.append(n)) for n in range(5)]  # type: ignore[misc]
    assert not first.done()
    assert not any(answer.done() for answer in others)
    gate.set()
    for answer in others:
        answer.result(SOON_S)
    assert first.result() is True
    assert seen == list(range(5))


@pytest.mark.parametrize("error", [ValueError("words"), KeyboardInterrupt(), SystemExit(3)], ids=repr)
def test_an_error_is_the_answer_and_no_end_of_the_thread(courier: Courier, error: BaseException) -> None:
    assert courier.ask(lambda: fail(error)).exception(SOON_S) is error
    assert courier.ask(lambda: 1).result(SOON_S) == 1


def test_what_it_does_is_not_traced(courier: Courier) -> None:
    assert courier.ask(lambda: get_value("suppress_instrumentation")).result(SOON_S) is True


class Load:
    """Something large that a call holds on to."""

    def carry(self) -> int:
        return 7


def test_it_keeps_nothing_of_a_call_that_is_over(courier: Courier) -> None:
    load = Load()
    gone = weakref.ref(load)
    answer = courier.ask(load.carry)
    assert answer.result(SOON_S) == 7
    del load
    courier.ask(lambda: None).result(SOON_S)
    gc.collect()
    assert gone() is None


# ---------------------------------------------------------------- the end


def test_the_end_without_a_call() -> None:
    assert Courier().close(0.0)


def test_the_end_comes_after_what_was_asked_for() -> None:
    courier = Courier()
    answers = [courier.ask(lambda n=n: n) for n in range(100)]  # type: ignore[misc]
    assert courier.close(SOON_S)
    assert [answer.result(0) for answer in answers] == list(range(100))
    assert threads() == []


def test_the_end_does_not_wait_for_a_call_that_hangs() -> None:
    courier, gate = Courier(), threading.Event()
    answer = courier.ask(lambda: gate.wait(SOON_S))
    begun = time.monotonic()
    assert not courier.close(0.05)
    assert time.monotonic() - begun < SOON_S / 2
    assert not answer.done()
    gate.set()
    assert courier.close(SOON_S), "the thread ends when the call does"
    assert answer.result(0) is True


# ---------------------------------------------------------------- no thread to be had


def test_without_a_thread_the_asker_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    courier = Courier()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", lambda _: fail(RuntimeError("can't start new thread")))
        answer = courier.ask(threading.get_ident)
        assert answer.done()
        assert answer.result(0) == threading.get_ident()
        assert isinstance(courier.ask(lambda: fail(OSError())).exception(0), OSError)
        assert courier.close(0.0), "there is nothing to end"
    assert courier.ask(threading.get_ident).result(SOON_S) != threading.get_ident(), "now there is one"
    assert courier.close(SOON_S)


@pytest.mark.skipif(os.name != "posix", reason="a signal of POSIX")
def test_a_cut_connection_is_an_error_also_where_sigpipe_is_set_to_its_default() -> None:
    """As command-line tools set it: the signal would end the process."""
    script = """
import os, signal
from spantail_exporters.redis.waiter import Courier

signal.signal(signal.SIGPIPE, signal.SIG_DFL)
reading, writing = os.pipe()
os.close(reading)
courier = Courier()
print(type(courier.ask(lambda: os.write(writing, b"x")).exception(20)).__name__)
assert courier.close(20)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "BrokenPipeError\n"), done.stderr
