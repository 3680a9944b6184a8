"""Starts over OTLP: a worker that cannot start or work, and losses counted on threads that hold a lock."""

from __future__ import annotations

import _thread
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter

from spantail.live import LogEvent
from spantail.redaction import Redactor
from spantail_exporters.otlp.starts import OtlpStarts
from tests.support.locks import locks_of
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

EVENT = LogEvent(time_ns=1, trace_id=1, span_id=1, level="INFO", logger="test", message="words", error=None)


class Starts:
    """A sink and what it sent."""

    def __init__(self, **options: Any) -> None:
        self.exporter = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
        self.sink = OtlpStarts(lambda: self.exporter, Redactor(), **options)

    def bodies(self) -> list[Any]:
        records = [record.log_record for record in self.exporter.get_finished_logs()]
        return [record.body for record in records if record.trace_id]


@pytest.fixture
def starts() -> Iterator[Starts]:
    made = Starts()
    yield made
    made.sink.shutdown(5)


def workers() -> int:
    return sum(thread.name == "spantail-otlp-starts" for thread in threading.enumerate())


def test_a_loss_needs_no_lock() -> None:
    """A signal handler or a finaliser may make spans while its own thread holds any of them."""
    sink = Starts(capacity=0).sink
    with ExitStack() as held:
        for lock in locks_of(sink):
            held.enter_context(lock)
        thread = threading.Thread(target=sink.logged, args=(EVENT,), daemon=True)
        thread.start()
        thread.join(5)
        assert not thread.is_alive()
    assert sink.dropped == {"queue_full": 1}


def test_without_a_thread_now_it_is_tried_again(starts: Starts, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        patch.setattr(_thread, "start_new_thread", refuse)
        starts.sink.logged(EVENT)
        before = time.monotonic()
        assert not starts.sink.flush(30)
        assert time.monotonic() - before < 5, "nobody is there to wait for"
    starts.sink.logged(EVENT)
    assert starts.sink.flush(5)
    assert starts.bodies() == ["words", "words"]
    assert starts.sink.dropped == {}


@pytest.mark.parametrize("started", [True, False])
def test_ctrl_c_while_the_worker_starts_makes_no_two(
    starts: Starts, monkeypatch: pytest.MonkeyPatch, *, started: bool
) -> None:
    before = workers()
    start = threading.Thread.start

    def interrupted(thread: threading.Thread) -> None:
        if started:
            start(thread)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", interrupted)
        with pytest.raises(KeyboardInterrupt):
            starts.sink.logged(EVENT)
    starts.sink.logged(EVENT)
    assert starts.sink.flush(5)
    eventually(lambda: workers() == before + 1)
    assert starts.bodies() == ["words", "words"]


def test_a_flush_does_not_wait_for_a_dead_worker() -> None:
    def fail() -> InMemoryLogRecordExporter:
        raise ValueError("no exporter")

    sink = OtlpStarts(fail, Redactor())
    sink.logged(EVENT)
    eventually(lambda: sink._stopping and not sink._thread.at_work)
    before = time.monotonic()
    assert not sink.flush(30)
    assert time.monotonic() - before < 5
    sink.logged(EVENT)
    assert sink.dropped == {"shut_down": 2}
