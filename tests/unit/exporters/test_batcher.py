"""The worker's beginning and end, and those who wait for it."""

from __future__ import annotations

import _thread
import gc
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.trace import TracerProvider

from spantail.live import LiveSpanProcessor
from spantail.redaction import Redactor
from spantail_exporters.delivery import batcher
from spantail_exporters.livetail import create_sink
from tests.support.runs.live_runs import StoredRun
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from spantail_exporters.delivery.sender import Sender

SOON_S = 20.0


def test_two_pipelines_of_one_process_have_two_names(new_redis_url: str) -> None:
    names = [create_sink(new_redis_url).runner_id for _ in range(3)]
    assert len(set(names)) == 3
    assert all(start.isdigit() for name in names for start in name.split(":")[2:])


def test_a_thread_that_cannot_be_had_now_is_asked_for_again(
    new_redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink: Any = create_sink(new_redis_url)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(LiveSpanProcessor(sink))
    tracer = provider.get_tracer("t")

    def no_thread(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", no_thread)
        patched.setattr(_thread, "start_new_thread", no_thread)
        root = tracer.start_span("root")
        assert not sink.flush(5), "nobody would answer: it does not wait"
    root.end()
    assert sink.flush(5)
    assert StoredRun(new_redis_url, f"{root.get_span_context().trace_id:032x}").meta["status"] == "completed"
    provider.shutdown()


def test_a_start_that_is_interrupted_leaves_one_worker(new_redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sink: Any = create_sink(new_redis_url)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(LiveSpanProcessor(sink))
    start = threading.Thread.start

    def interrupted(thread: threading.Thread) -> None:
        start(thread)
        if thread.name == "spantail-batcher":  # which starts one itself
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", interrupted)
        with pytest.raises(KeyboardInterrupt):
            provider.get_tracer("t").start_span("root")
    assert sink.flush(5)
    assert [thread.name for thread in threading.enumerate()].count("spantail-batcher") == 1
    assert sink.shutdown(5)


def test_who_no_longer_waits_is_forgotten() -> None:
    sink: Any = create_sink("redis://127.0.0.1:1/0")
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(LiveSpanProcessor(sink))
    provider.get_tracer("t").start_span("root").end()
    try:
        for _ in range(3):
            assert not sink.flush(0.01)
        # the worker's loop still names the one it looked at last
        eventually(lambda: sum(type(thing) is batcher._Flush for thing in gc.get_objects()) <= 1)
    finally:
        sink.shutdown(0.1)


def test_after_shutdown_nothing_is_kept(new_redis_url: str) -> None:
    sink: Any = create_sink(new_redis_url)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(LiveSpanProcessor(sink))
    tracer = provider.get_tracer("t")
    tracer.start_span("before").end()
    assert sink.shutdown(5)
    for _ in range(3):
        tracer.start_span("after").end()
        tracer.start_span("after, and left open")
    assert (len(sink._queue), len(sink._starts), len(sink._lost)) == (0, 0, 0)
    assert sink.flush(5)


def test_a_worker_that_cannot_begin_holds_nobody_up(caplog: pytest.LogCaptureFixture) -> None:
    def fail(*_: object) -> Sender:
        raise OSError("words")

    sink: Any = batcher.Batcher(fail, Redactor())
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(LiveSpanProcessor(sink))
    provider.get_tracer("t").start_span("root").end()
    begun = time.monotonic()
    assert not sink.flush(SOON_S)
    provider.get_tracer("t").start_span("after").end()
    assert not sink.flush(SOON_S)
    sink.shutdown(SOON_S)
    assert time.monotonic() - begun < SOON_S
    assert (len(sink._queue), len(sink._starts)) == (0, 0)
    assert "OSError" in caplog.text
